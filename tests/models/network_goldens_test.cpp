// Outputs and all gradients of each network against PyTorch and Keras; see goldens/README.md.
// Asked for are 1e-4; in float64 both programs agree to about 1e-12, so 1e-9 leaves no room for a wrong
// formula.
#include <algorithm>
#include <catch2/catch.hpp>

#include "core/autograd.h"
#include "core/ops.h"
#include "models/presets.h"
#include "tests/models/formula.h"

using namespace dg;

namespace {

constexpr double kTolerance = 1e-9;
constexpr double kFloat32Tolerance = 1e-4;

// The gradient that all others are compared with in size.
double largest_norm(const nlohmann::json& gradients) {
  double largest = 0.0;
  for (const auto& [name, summary] : gradients.items())
    largest = std::max(largest, summary.at("l2").get<double>());
  return largest;
}

void check_gradients(const Module& network, const nlohmann::json& golden) {
  const double whole = largest_norm(golden);
  const std::vector<NamedTensor> parameters = network.parameters();
  REQUIRE(parameters.size() == golden.size());
  double worst = 0.0;
  for (const NamedTensor& parameter : parameters) {
    REQUIRE(golden.contains(parameter.name));
    REQUIRE(parameter.tensor.grad().defined());
    const double error =
        golden::deviation(parameter.name, parameter.tensor.grad(), golden[parameter.name], whole);
    INFO(parameter.name);
    CHECK(error < kTolerance);
    worst = std::max(worst, error);
  }
  INFO("worst gradient: " << worst);
  CHECK(worst < kTolerance);
}

// loss = sum(output * weights), in the mode that the file was made in; then the forward in float32.
void check_network(Module& network, const std::string& file) {
  const nlohmann::json golden = golden::load(file);
  Context& context = network.context();
  network.to(DType::float64);
  golden::fill(network);
  network.train(golden.at("training").get<bool>());

  Tensor x = golden::image(context, "input", golden::shape_of(golden.at("input_shape")));
  x.set_requires_grad(true);
  const Tensor y = network(x);
  REQUIRE(y.shape() == golden::shape_of(golden.at("output_shape")));
  CHECK(golden::deviation("output", y, golden.at("output")) < kTolerance);

  backward(sum(y * golden::image(context, "loss", y.shape())));
  CHECK(golden::deviation("input_grad", x.grad(), golden.at("input_grad")) < kTolerance);
  check_gradients(network, golden.at("parameter_grads"));
  if (golden.contains("buffers")) {
    for (const NamedTensor& buffer : network.buffers()) {
      INFO(buffer.name);
      CHECK(golden::deviation(buffer.name, buffer.tensor, golden.at("buffers").at(buffer.name)) < kTolerance);
    }
  }

  golden::fill(network);
  network.to(DType::float32);
  const NoGrad no_grad(context);
  const Tensor y32 = network(golden::image(context, "input", x.shape(), DType::float32));
  CHECK(golden::deviation("output", y32, golden.at("output")) < kFloat32Tolerance);
}

void check_generator(GeneratorOptions options, const std::string& file) {
  Context context;
  options.dropout = 0.0;
  const auto network = make_generator(context, options);
  check_network(*network, file);
}

void check_discriminator(const DiscriminatorOptions& options, const std::string& file) {
  Context context;
  const auto network = make_discriminator(context, options);
  check_network(*network, file);
}

GeneratorOptions small(NormKind norm) {
  GeneratorOptions options = find_preset("small").generator;
  options.norm = norm;
  return options;
}

GeneratorOptions narrow(const char* preset, std::int64_t ngf) {
  GeneratorOptions options = find_preset(preset).generator;
  options.ngf = ngf;
  return options;
}

}  // namespace

TEST_CASE("goldens: deblurgan") { check_generator(find_preset("deblurgan").generator, "deblurgan"); }

TEST_CASE("goldens: deblurgan, not square") {
  check_generator(find_preset("deblurgan").generator, "deblurgan_36x28");
}

TEST_CASE("goldens: deblurgan-head") {
  check_generator(find_preset("deblurgan-head").generator, "deblurgan_head");
}

TEST_CASE("goldens: resnet_6blocks") {
  check_generator(find_preset("resnet_6blocks").generator, "resnet_6blocks");
}

TEST_CASE("goldens: small without norm") { check_generator(small(NormKind::none), "small_none"); }

TEST_CASE("goldens: small with instance norm") {
  check_generator(small(NormKind::instance), "small_instance");
}

TEST_CASE("goldens: small with batch norm, training") {
  check_generator(small(NormKind::batch), "small_batch");
}

TEST_CASE("goldens: small with batch norm, eval") {
  check_generator(small(NormKind::batch), "small_batch_eval");
}

TEST_CASE("goldens: unet_128") { check_generator(narrow("unet_128", 16), "unet_128_ngf16"); }

TEST_CASE("goldens: unet_256") { check_generator(narrow("unet_256", 8), "unet_256_ngf8"); }

TEST_CASE("goldens: keras generator, training") {
  check_generator(find_preset("keras").generator, "keras_generator");
}

TEST_CASE("goldens: keras generator, eval, not square") {
  check_generator(find_preset("keras").generator, "keras_generator_eval_36x28");
}

TEST_CASE("goldens: keras discriminator, training") {
  check_discriminator({.family = DiscriminatorFamily::keras, .height = 64, .width = 48},
                      "keras_discriminator");
}

TEST_CASE("goldens: keras discriminator, eval") {
  check_discriminator({.family = DiscriminatorFamily::keras, .height = 64, .width = 48},
                      "keras_discriminator_eval");
}

TEST_CASE("goldens: patch discriminator") { check_discriminator({}, "patchgan"); }

TEST_CASE("goldens: patch discriminator with batch norm") {
  check_discriminator({.ndf = 16, .norm = NormKind::batch}, "patchgan_ndf16_batch");
}
