// deblurgan-draw as a user runs it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "data/drawing_io.h"
#include "data/image_io.h"
#include "models/presets.h"
#include "models/weights.h"
#include "tests/apps/program.h"
#include "tests/data/svg_check.h"

using namespace dg;
using namespace dg::test;

namespace {

ProgramResult draw(const TempFolder& folder, const std::string& arguments) {
  return run_in(folder, "'" DG_DRAW_PROGRAM "' " + arguments);
}

// One sentence on stderr, nothing on stdout, no picture.
void check_error(const std::string& arguments, int code, const std::string& part) {
  const TempFolder folder;
  const ProgramResult result = draw(folder, arguments);
  INFO(arguments << "\n" << result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-draw: ") && Catch::Contains(part));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace

TEST_CASE("draw: several files of one drawing") {
  const TempFolder folder;
  const ProgramResult svg = draw(folder, "--preset small --size 64 -o net.svg -o 'a copy.SVG'");
  INFO(svg.err);
  REQUIRE(svg.code == 0);
  CHECK_NOTHROW(check_xml(read_text(folder / "net.svg")));
  CHECK(read_text(folder / "net.svg") == read_text(folder / "a copy.SVG"));
  CHECK_THAT(svg.out, Catch::Contains("net.svg: ") && Catch::Contains("a copy.SVG: "));
  if (!can_rasterise()) {
    WARN("this build has no cairo");
    return;
  }
  REQUIRE(draw(folder, "--preset small --size 64 --dpi 48 -o net.png -o net.pdf").code == 0);
  CHECK(read_image(folder / "net.png").channels == 3);
  CHECK_THAT(read_text(folder / "net.pdf"), Catch::StartsWith("%PDF-") && Catch::Contains("%%EOF"));
}

TEST_CASE("draw: every view, generator and discriminator") {
  const TempFolder folder;
  for (const std::string view : {"layered", "graph", "lenet", "functional"}) {
    for (const std::string network : {"--generator", "--discriminator", "--flat"}) {
      const std::string arguments = "--preset small --size 64 --view " + view + " " + network + " -o net.svg";
      INFO(arguments);
      CHECK(draw(folder, arguments).code == 0);
      CHECK_NOTHROW(check_xml(read_text(folder / "net.svg")));
    }
  }
  CHECK_THAT(read_text(folder / "net.svg"), Catch::Contains("3 x ResidualBlock"));
}

TEST_CASE("draw: the network of a weight file") {
  const TempFolder folder;
  Context context;
  GeneratorOptions options = find_preset("small").generator;
  options.ngf = 4;
  options.blocks = 2;
  save_weights(folder / "net.safetensors", *make_generator(context, options), to_metadata(options));
  REQUIRE(draw(folder, "--weights net.safetensors --size 64 -o net.svg").code == 0);
  const std::string svg = read_text(folder / "net.svg");
  CHECK_THAT(svg, Catch::Contains("2 x ResidualBlock") && Catch::Contains("64 x 64 x 4"));
}

TEST_CASE("draw: the summary as a table and as JSON") {
  const TempFolder folder;
  const ProgramResult table = draw(folder, "--preset small --size 64 --summary");
  CHECK(table.code == 0);
  CHECK_THAT(table.out, Catch::Contains("blocks.2.conv2") && Catch::Contains("Parameters") &&
                            Catch::Contains("GMAC") && Catch::Contains("MiB of parameters"));
  const ProgramResult result = draw(folder, "--preset small --size 32x64 --summary --json -o net.svg");
  INFO(result.err);
  const auto json = nlohmann::json::parse(result.out);
  CHECK(json["input"] == nlohmann::json({1, 64, 32, 3}));
  std::int64_t parameters = 0;
  for (const auto& layer : json["layers"]) parameters += layer["parameters"].get<std::int64_t>();
  CHECK(json["parameters"] == parameters);
  CHECK(json["state_bytes"] == 4 * parameters);
  CHECK(json["layers"][2]["name"] == "head.conv");
  CHECK(json["layers"][2]["output_bytes"] == 4 * 64 * 32 * 16);
  CHECK(std::filesystem::exists(folder / "net.svg"));
}

TEST_CASE("draw: layers are ignored, in any case") {
  const TempFolder folder;
  REQUIRE(draw(folder, "--preset small --size 64 -o net.svg --ignore pad,RELU --ignore clamp").code == 0);
  const std::string svg = read_text(folder / "net.svg");
  CHECK_THAT(svg, !Catch::Contains(">Pad<") && !Catch::Contains(">ReLU<") && !Catch::Contains(">Clamp<"));
  CHECK_THAT(svg, Catch::Contains(">Conv2d<"));
}

TEST_CASE("draw: wrong arguments are told in a sentence") {
  check_error("-o a.svg", 2, "--preset NAME or --weights FILE");
  check_error("--preset small", 2, "give the picture's name with -o");
  check_error("--preset small --json", 2, "--json is for --summary");
  check_error("--preset small -o a.svg --json", 2, "--json is for --summary");
  check_error("--preset small --weights a.safetensors -o a.svg", 2, "excludes");
  check_error("--weights a.safetensors --discriminator -o a.svg", 2, "--discriminator with --preset");
  check_error("--preset small -o a.gif", 2, "expected .svg, .png or .pdf");
  check_error("--preset small -o a.svg --view cube", 2, "--view");
  check_error("--preset nothing -o a.svg", 2, "expected one of keras, deblurgan");
  check_error("--preset small -o a.svg --size 7x", 2, "--size is '7x'");
  check_error("--preset small -o a.svg --scale 0", 2, "--scale");
  check_error("--preset small -o a.svg --repeats never", 2, "--repeats");
}

TEST_CASE("draw: what cannot be drawn or written is told in a sentence") {
  check_error("--weights absent.safetensors -o a.svg", 1, "absent.safetensors");
  check_error("--preset small --size 30 -o a.svg", 1, "multiples of 4");
  check_error("--preset small --size 64 -o missing/a.svg", 1, "missing/a.svg");
  check_error("--preset small --size 64 -o a.svg --ignore LSTM", 1, "no such layers; it has Add, Clamp");
  check_error(
      "--preset small --size 64 -o a.svg --ignore "
      "Input,Pad,Conv2d,ReLU,ConvTranspose2d,Add,Tanh,Clamp,ResidualBlock",
      1, "nothing is left to draw");
}

TEST_CASE("draw: help has examples") {
  const TempFolder folder;
  const ProgramResult help = draw(folder, "--help");
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Catch::Contains("Examples:") && Catch::Contains("--view functional"));
  CHECK_THAT(draw(folder, "--version").out, Catch::StartsWith("deblurgan-draw "));
}
