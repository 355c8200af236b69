// Losses by hand, and their derivatives.
#include "layers/losses.h"

#include "core/ops.h"
#include "layer_checks.h"
#include "layers/activation.h"
#include "layers/container.h"
#include "layers/conv.h"
#include "layers/norm.h"

using namespace dg;
using namespace dg::test;

namespace {

// D(x) = sum over pixels of 3 x_0 + 4 x_1: its gradient is (3, 4) at every pixel.
Tensor linear_critic(const Tensor& x) { return mul(x, values(x.context(), {2}, {3, 4})); }

double penalty_of_linear_critic(GradientPenaltyMode mode, const Shape& shape) {
  Context context;
  const Tensor real = irregular(context, shape);
  const Tensor fake = irregular(context, shape, 1.1);
  return gradient_penalty(linear_critic, real, fake, {.lambda = 10.0, .mode = mode}).item();
}

// What a critic is asked about real = 1 and fake = 0: alpha itself.
std::vector<double> alphas(GradientPenaltyMode mode) {
  Context context;
  Tensor asked;
  const auto critic = [&asked](const Tensor& x) {
    asked = x;
    return square(x);
  };
  const Shape shape{2, 1, 2, 1};
  gradient_penalty(critic, Tensor::ones(context, shape), Tensor::zeros(context, shape), {.mode = mode});
  return asked.to_doubles();
}

}  // namespace

TEST_CASE("content losses: means over all elements") {
  Context context;
  const Tensor a = values(context, {2, 2}, {1, 2, 3, 6});
  const Tensor b = values(context, {2, 2}, {1, 4, 2, 2});
  CHECK(l1_loss(a, b).item() == Approx(7.0 / 4.0));
  CHECK(mse_loss(a, b).item() == Approx(21.0 / 4.0));
  const Tensor three = values(context, {2}, {3, 0});
  CHECK(charbonnier_loss(three, Tensor::zeros(context, {2}, DType::float64), 4.0).item() ==
        Approx((5.0 + 4.0) / 2.0));
}

TEST_CASE("psnr_loss: each sample counts by its own ratio") {
  Context context;
  // Mean squared errors 1 and 0.04 against a peak of 2: -6.02 dB and -20 dB.
  const Tensor a = values(context, {2, 1, 2, 1}, {1, -1, 0.2, 0.2});
  const Tensor zero = Tensor::zeros(context, {2, 1, 2, 1}, DType::float64);
  CHECK(psnr_loss(a, zero).item() == Approx((-6.0205999 - 20.0) / 2.0).epsilon(1e-6));
  CHECK(psnr_loss(zero, zero).item() == Approx(-86.0205999));  // finite for equal images
  CHECK_THROWS_WITH(psnr_loss(values(context, {2}, {1, 2}), values(context, {2}, {1, 2})),
                    Catch::Contains("(N, H, W, C)"));
}

TEST_CASE("content losses: other shapes are refused although they would broadcast") {
  Context context;
  const Tensor a = Tensor::ones(context, {2, 2});
  const Tensor b = Tensor::ones(context, {1, 2});
  CHECK_THROWS_WITH(l1_loss(a, b), Catch::Contains("(2, 2)") && Catch::Contains("(1, 2)"));
  CHECK_THROWS_AS(mse_loss(a, b), Error);
  CHECK_THROWS_AS(charbonnier_loss(a, b), Error);
}

TEST_CASE("bce_with_logits: values by hand and no overflow") {
  Context context;
  const Tensor zero = values(context, {1}, {0});
  CHECK(bce_with_logits(zero, 1.0).item() == Approx(std::log(2.0)));
  CHECK(bce_with_logits(zero, 0.25).item() == Approx(std::log(2.0)));
  const Tensor far = values(context, {2}, {1000, -1000}, DType::float32);
  CHECK(bce_with_logits(far, 1.0).item() == Approx(500));
  CHECK(bce_with_logits(far, 0.0).item() == Approx(500));
  CHECK(bce_with_logits(far, values(context, {2}, {1, 0}, DType::float32)).item() == Approx(0).margin(1e-6));
  // s(x) = 1/4 at x = -log 3.
  const Tensor quarter = values(context, {1}, {-std::log(3.0)});
  CHECK(bce_with_logits(quarter, 1.0).item() == Approx(std::log(4.0)));
  CHECK(bce_with_logits(quarter, 0.0).item() == Approx(std::log(4.0 / 3.0)));
  CHECK_THROWS_AS(bce_with_logits(zero, 1.5), Error);
}

TEST_CASE("adversarial losses: values by hand") {
  Context context;
  const Tensor scores = values(context, {2, 1}, {1, 3});
  CHECK(lsgan_loss(scores, 1.0).item() == Approx(2));
  CHECK(wasserstein_loss(scores, -1.0).item() == Approx(-2));
  CHECK(wasserstein_critic_loss(scores, values(context, {1}, {10})).item() == Approx(8));
}

TEST_CASE("losses: derivatives match central differences") {
  Context context;
  Tensor x = irregular(context, {2, 3});
  x.set_requires_grad(true);
  const Tensor y = irregular(context, {2, 3}, 1.4);
  const Tensor target = affine(y, 0.4, 0.5);
  const std::vector<std::function<Tensor()>> losses{
      [&] { return l1_loss(x, y); },
      [&] { return mse_loss(x, y); },
      [&] { return charbonnier_loss(x, y, 0.1); },
      [&] {
        return psnr_loss(reshape(x, {2, 1, 3, 1}), reshape(y, {2, 1, 3, 1}));
      },
      [&] { return bce_with_logits(x, 1.0); },
      [&] { return bce_with_logits(x, 0.0); },
      [&] { return bce_with_logits(x, 0.3); },
      [&] { return bce_with_logits(x, target); },
      [&] { return lsgan_loss(x, 0.9); },
      [&] { return wasserstein_loss(x, -1.0); },
      [&] { return wasserstein_critic_loss(x, square(x)); },
  };
  for (std::size_t i = 0; i < losses.size(); ++i) {
    INFO("loss " << i);
    CHECK(worst_gradient_error(losses[i], {{"x", x}}) < 1e-8);
  }
}

TEST_CASE("perceptual_loss: compares features and has no gradient through the target's") {
  Context context;
  Tensor restored = values(context, {2}, {1, 2});
  Tensor sharp = values(context, {2}, {2, 2});
  restored.set_requires_grad(true);
  sharp.set_requires_grad(true);
  const Tensor loss = perceptual_loss([](const Tensor& x) { return square(x); }, restored, sharp);
  CHECK(loss.item() == Approx(9.0 / 2.0));
  backward(loss);
  // d/dx mean (x^2 - t)^2 = (2/n) (x^2 - t) 2 x = -6 at x = 1, t = 4.
  CHECK(restored.grad().to_doubles() == std::vector<double>{-6, 0});
  CHECK_FALSE(sharp.grad().defined());
}

TEST_CASE("perceptual_loss: an image equals itself in every precision") {
  for (const Precision precision : {Precision::float32, Precision::bf16}) {
    Context context({.precision = precision, .threads = 1, .seed = 4});
    const Tensor image = Tensor::uniform(context, {1, 16, 16, 32});
    Tensor restored = image * 1.0;
    restored.set_requires_grad(true);
    const Tensor weight = Tensor::uniform(context, {32, 3, 3, 32});
    const auto features = [&](const Tensor& x) {
      const Tensor map = to_compute_type(x);
      return cast(conv2d(map, cast(weight, map.dtype()), {}, {.padding = Padding2d::all(1)}), x.dtype());
    };
    CHECK(perceptual_loss(features, restored, image).item() == 0.0);
  }
}

TEST_CASE("gradient_penalty: the norm is over the sample or over a pixel's channels") {
  // Gradient (3, 4) at each of the 4 pixels: norm 5 per pixel, sqrt(4 * 25) = 10 per sample.
  CHECK(penalty_of_linear_critic(GradientPenaltyMode::per_sample, {3, 2, 2, 2}) == Approx(10.0 * 81));
  CHECK(penalty_of_linear_critic(GradientPenaltyMode::per_pixel, {3, 2, 2, 2}) == Approx(10.0 * 16));
}

TEST_CASE("gradient_penalty: one alpha per sample or one for the batch") {
  const std::vector<double> sample = alphas(GradientPenaltyMode::per_sample);
  CHECK(sample[0] == sample[1]);
  CHECK(sample[2] == sample[3]);
  CHECK(sample[0] != sample[2]);
  const std::vector<double> batch = alphas(GradientPenaltyMode::per_pixel);
  CHECK(batch == std::vector<double>(4, batch[0]));
  CHECK(batch[0] > 0.0);
  CHECK(batch[0] < 1.0);
}

TEST_CASE("gradient_penalty: a critic with gradient 0 gives lambda and finite derivatives") {
  Context context;
  Conv2d critic(context, {.in_channels = 2, .out_channels = 1, .kernel = 1});
  set_state(critic, "weight", {0, 0});
  const Tensor x = Tensor::ones(context, {1, 2, 2, 2});
  for (const auto mode : {GradientPenaltyMode::per_sample, GradientPenaltyMode::per_pixel}) {
    critic.zero_grad();
    const Tensor penalty = gradient_penalty(std::ref(critic), x, x, {.mode = mode});
    CHECK(penalty.item() == Approx(10));
    backward(penalty);
    for (const double g : state_of(critic, "weight").grad().to_doubles()) CHECK(std::isfinite(g));
  }
}

TEST_CASE("gradient_penalty: derivatives by the critic's parameters match central differences") {
  Context context;
  Sequential critic(context);
  critic.add<Conv2d>(
      "conv1", {.in_channels = 2, .out_channels = 3, .kernel = 3, .stride = 2, .padding = Padding2d::all(1)});
  critic.add<InstanceNorm2d>("norm", {.channels = 3, .affine = true});
  critic.add<LeakyReLU>("leaky", 0.2);
  critic.add<Conv2d>("conv2", {.in_channels = 3, .out_channels = 2, .kernel = 2});
  critic.add<Tanh>("tanh");
  critic.to(DType::float64);
  fill_irregular(critic);
  const Tensor real = irregular(context, {2, 5, 5, 2});
  const Tensor fake = irregular(context, {2, 5, 5, 2}, 1.1);
  const PhiloxState random = context.random().state();
  for (const auto mode : {GradientPenaltyMode::per_sample, GradientPenaltyMode::per_pixel}) {
    const auto loss = [&] {
      context.random().set_state(random);
      return gradient_penalty(std::ref(critic), real, fake, {.mode = mode});
    };
    CHECK(worst_gradient_error(loss, critic.parameters()) < 1e-6);
  }
}

TEST_CASE("gradient_penalty: refuses to run where nothing is recorded") {
  Context context;
  const Tensor x = Tensor::ones(context, {1, 2, 2, 2});
  const NoGrad no_grad(context);
  CHECK_THROWS_WITH(gradient_penalty(linear_critic, x, x), Catch::Contains("NoGrad"));
}
