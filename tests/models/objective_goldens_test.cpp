// The gradient penalty of the PatchGAN and the perceptual losses against PyTorch; see goldens/README.md.
#include <algorithm>
#include <catch2/catch.hpp>

#include "core/autograd.h"
#include "core/ops.h"
#include "layers/losses.h"
#include "models/presets.h"
#include "tests/models/formula.h"

using namespace dg;

namespace {

constexpr double kTolerance = 1e-9;

// real = fake, so that the interpolated image does not depend on alpha.
void check_penalty(GradientPenaltyMode mode, const std::string& file) {
  const nlohmann::json golden = golden::load(file);
  Context context;
  const auto critic = make_discriminator(context, {});
  critic->to(DType::float64);
  golden::fill(*critic);
  const Tensor x = golden::image(context, "input", golden::shape_of(golden.at("input_shape")));
  const auto scores = [&](const Tensor& images) { return (*critic)(images); };
  const Tensor penalty = gradient_penalty(scores, x, x, {.lambda = 10.0, .mode = mode});
  CHECK(penalty.item() == Approx(10.0 * golden.at("value").get<double>()).epsilon(kTolerance));

  backward(penalty * 0.1);
  const nlohmann::json& gradients = golden.at("parameter_grads");
  double whole = 0.0;
  for (const auto& [name, summary] : gradients.items())
    whole = std::max(whole, summary.at("l2").get<double>());
  for (const NamedTensor& parameter : critic->parameters()) {
    INFO(parameter.name);
    const Tensor grad = parameter.tensor.grad();
    const Tensor value =
        grad.defined() ? grad : Tensor::zeros(context, parameter.tensor.shape(), DType::float64);
    CHECK(golden::deviation(parameter.name, value, gradients.at(parameter.name), whole) < kTolerance);
  }
}

void check_perceptual(const VggOptions& options, const std::string& file) {
  const nlohmann::json golden = golden::load(file);
  Context context;
  VggFeatures network(context, options);
  network.to(DType::float64);
  golden::fill(network);
  const Shape shape = golden::shape_of(golden.at("input_shape"));
  Tensor x = golden::image(context, "input", shape);
  x.set_requires_grad(true);
  const auto features = [&](const Tensor& images) { return network(images); };
  CHECK(golden::deviation("features", features(x), golden.at("features")) < kTolerance);

  const Tensor loss = perceptual_loss(features, x, golden::image(context, "target", shape));
  CHECK(loss.item() == Approx(golden.at("value").get<double>()).epsilon(kTolerance));
  backward(loss);
  CHECK(golden::deviation("input_grad", x.grad(), golden.at("input_grad")) < kTolerance);
  for (const NamedTensor& parameter : network.parameters()) CHECK_FALSE(parameter.tensor.grad().defined());
}

}  // namespace

TEST_CASE("goldens: gradient penalty per sample") {
  check_penalty(GradientPenaltyMode::per_sample, "penalty_per_sample");
}

TEST_CASE("goldens: gradient penalty per pixel") {
  check_penalty(GradientPenaltyMode::per_pixel, "penalty_per_pixel");
}

TEST_CASE("goldens: perceptual loss, VGG19 conv3_3 before its ReLU") {
  check_perceptual({.depth = VggDepth::vgg19, .layer = "conv3_3", .after_relu = false},
                   "vgg19_conv3_3_pre_relu");
}

TEST_CASE("goldens: perceptual loss, VGG16 block3_conv3 behind its ReLU") {
  check_perceptual({.depth = VggDepth::vgg16, .layer = "block3_conv3", .after_relu = true},
                   "vgg16_block3_conv3");
}
