// deblurgan-convert as a user runs it. That other programs read what it writes is tested in tests/models.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "models/weights.h"
#include "tests/apps/program.h"

using namespace dg;
using namespace dg::test;
using nlohmann::json;

namespace {

const std::string kGolden = DG_SOURCE_DIR "/tests/models/goldens/";

ProgramResult convert(const TempFolder& folder, const std::string& arguments) {
  return run_in(folder, "'" DG_CONVERT_PROGRAM "' " + arguments);
}

void check_error(const TempFolder& folder, const std::string& arguments, int code, const std::string& part) {
  const std::vector<std::string> before = folder.names();
  const ProgramResult result = convert(folder, arguments);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-convert: ") && Catch::Contains(part));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(folder.names() == before);
}

}  // namespace

TEST_CASE("convert: PyTorch to safetensors, to PyTorch's names, and to ONNX") {
  const TempFolder folder;
  const ProgramResult result = convert(folder, kGolden + "torch_head.pth -o own.safetensors");
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Catch::Contains("-> own.safetensors: preset deblurgan-head, ngf 1, 9 blocks"));
  CHECK(convert(folder, "own.safetensors -o torch.safetensors --to torch").code == 0);
  CHECK(convert(folder, "torch.safetensors -o again.safetensors").code == 0);
  CHECK(read_text(folder / "again.safetensors").size() > 1000);
  Context context;
  const auto own = load_generator(context, folder / "own.safetensors").network->state();
  const auto again = load_generator(context, folder / "again.safetensors").network->state();
  REQUIRE(own.size() == again.size());
  for (std::size_t i = 0; i < own.size(); ++i)
    CHECK(own[i].tensor.to_floats() == again[i].tensor.to_floats());

  const ProgramResult quiet = convert(folder, "again.safetensors -o g.onnx --quiet");
  CHECK(quiet.code == 0);
  CHECK(quiet.out.empty());
  CHECK(read_text(folder / "g.onnx").substr(0, 13) == "\x08\x08\x12\tdeblurgan");
}

TEST_CASE("convert: the metadata of a training stays with its weights") {
  const TempFolder folder;
  Context context;
  GeneratorOptions options = find_preset("small").generator;
  options.ngf = 1;
  Metadata metadata = to_metadata(options);
  metadata["step"] = "1234";
  save_weights(folder / "a.safetensors", *make_generator(context, options), metadata);
  CHECK(convert(folder, "a.safetensors -o b.safetensors").code == 0);
  CHECK(read_text(folder / "a.safetensors") == read_text(folder / "b.safetensors"));
}

TEST_CASE("convert: the list tells tensors and the network that they fit, or why none") {
  const TempFolder folder;
  const ProgramResult text = convert(folder, kGolden + "torch_head.pth --list");
  CHECK(text.code == 0);
  CHECK_THAT(text.out,
             Catch::StartsWith("format   PyTorch\nnetwork  preset deblurgan-head, ngf 1, 9 blocks") &&
                 Catch::Contains("\nmodel.1.weight  float32  (1, 3, 7, 7)\n"));
  const json known = json::parse(convert(folder, kGolden + "torch_head.pth --list --json").out);
  CHECK(known["network"]["preset"] == "deblurgan-head");
  CHECK(known["tensors"].size() == 30);
  const json unknown = json::parse(convert(folder, kGolden + "torch_patchgan.pth --list --json").out);
  CHECK(unknown["network"].is_null());
  CHECK_THAT(unknown["reason"].get<std::string>(), Catch::Contains("discriminator"));
}

TEST_CASE("convert: wrong arguments and files that fit nothing leave no file behind") {
  const TempFolder folder;
  const std::string head = kGolden + "torch_head.pth ";
  write_text(folder / "noise", "this is not a file of weights");
  check_error(folder, head, 2, "-o is missing");
  check_error(folder, head + "-o g.pth", 2, "--to torch");
  check_error(folder, head + "-o g.bin", 2, "its ending tells no format");
  check_error(folder, head + "-o g --to caffe", 2, "--to");
  check_error(folder, head + "--list -o g.onnx", 2, "--list writes no file");
  check_error(folder, head + "-o g.onnx --json", 2, "--json belongs to --list");
  check_error(folder, "noise -o ./noise --to onnx", 2, "is the input itself");
  check_error(folder, "missing -o g.onnx", 1, "missing");
  check_error(folder, "noise -o g.onnx", 1, "noise");
  check_error(folder, head + "-o g.h5", 1, "only the preset keras");
  check_error(folder, head + "-o g.onnx --preset keras", 1, "do not fit the network");
  check_error(folder, kGolden + "torch_patchgan.pth -o g.onnx", 1, "fit no preset");
  check_error(folder, head + "-o no/where/g.onnx", 1, "no/where");
}

TEST_CASE("convert: the help has examples") {
  const TempFolder folder;
  const ProgramResult help = convert(folder, "--help");
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Catch::Contains("Examples:") && Catch::Contains("--to"));
}
