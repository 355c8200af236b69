// ONNX models against onnxruntime: goldens/make_onnx_goldens.py has run exactly these files (their hashes are
// compared) and kept the outputs. With DEBLURGAN_KEEP_ONNX=FOLDER in the environment the models are put there for it,
// instead of being compared.
#include "models/onnx_export.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include "data/onnx_graph.h"
#include "models/presets.h"
#include "tests/data/temp_folder.h"
#include "tests/models/formula.h"

using namespace dg;

namespace {

constexpr double kTolerance = 1e-4;

std::string fnv1a64(const std::string& bytes) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 1099511628211ULL;
  return std::to_string(value);
}

void check_case(const std::string& name, const GeneratorOptions& options) {
  INFO(name);
  const test::TempFolder folder;
  Context context;
  const auto network = make_generator(context, options);
  golden::fill(*network);
  network->eval();
  save_onnx(folder / "g.onnx", *network, options);
  const std::string bytes = test::read_text(folder / "g.onnx");
  if (const char* keep = std::getenv("DEBLURGAN_KEEP_ONNX"))
    return test::write_text(std::filesystem::path(keep) / (name + ".onnx"), bytes);

  const nlohmann::json document = golden::load("onnx_" + name);
  CHECK(document.at("fnv1a64") == fnv1a64(bytes));
  const NoGrad no_grad(context);
  for (const nlohmann::json& expected : document.at("cases")) {
    const Shape shape = golden::shape_of(expected.at("input_shape"));
    const Tensor y = (*network)(golden::image(context, "input", shape, DType::float32));
    REQUIRE(y.shape() == golden::shape_of(expected.at("output_shape")));
    CHECK(golden::deviation("output", y, expected.at("output")) < kTolerance);
  }
}

GeneratorOptions tiny(const std::string& preset, std::int64_t ngf = 2, std::int64_t blocks = 2) {
  GeneratorOptions options = find_preset(preset).generator;
  options.ngf = ngf;
  if (options.blocks > blocks) options.blocks = blocks;
  return options;
}

}  // namespace

TEST_CASE("onnx_export: onnxruntime restores as the network does, for every preset") {
  for (const Preset& preset : all_presets()) check_case(preset.name, tiny(preset.name));
}

TEST_CASE("onnx_export: onnxruntime restores as the network does, with batch norm and without the skip") {
  GeneratorOptions options = tiny("deblurgan");
  options.norm = NormKind::batch;
  check_case("deblurgan_batch", options);
  options = tiny("unet_128");
  options.norm = NormKind::batch;
  options.learn_residual = false;
  check_case("unet_batch", options);
}

TEST_CASE("onnx_graph: a model that a reader can decode by hand") {
  OnnxGraph graph("g");
  const std::string x = graph.add_input("x", {"n", std::int64_t{300}});
  graph.add_output("y", graph.add_node("Relu", {x}), {"n", std::int64_t{300}});
  const std::string value_x =
      "\x0a\x01x\x12\x10\x0a\x0e\x08\x01\x12\x0a\x0a\x03\x12\x01n\x0a\x03\x08\xac\x02";
  std::string value_y = value_x;
  value_y[2] = 'y';
  const std::string relu = std::string("\x0a\x01x\x12\x02v0\x1a\x07Relu_v0\"\x04Relu", 22);
  const std::string identity = "\x0a\x02v0\x12\x01y\x1a\x0aIdentity_y\"\x08Identity";
  const auto field = [](char key, const std::string& bytes) {
    return std::string{key, static_cast<char>(bytes.size())} + bytes;
  };
  const std::string contents = field('\x0a', relu) + field('\x0a', identity) + field('\x12', "g") +
                               field('\x5a', value_x) + field('\x62', value_y);
  CHECK(graph.serialize({{"k", "v"}}) ==
        "\x08\x08\x12\x09"
        "deblurgan\x42\x02\x10\x11\x72\x06\x0a\x01k\x12\x01v" +
            field('\x3a', contents));
}
