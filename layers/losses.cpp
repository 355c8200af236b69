// Losses, composed of differentiable ops.
#include "layers/losses.h"

#include <numbers>

#include "core/autograd.h"
#include "core/ops.h"

namespace dg {

namespace {

constexpr double kNormEpsilon = 1e-16;

void check_same_shape(const char* loss, const Tensor& a, const Tensor& b) {
  check(a.defined() && b.defined(), loss, ": got an undefined tensor, give two");
  check(a.shape() == b.shape(), loss, ": got the shapes ", a.shape(), " and ", b.shape(),
        ", expected the same, crop or resize one");
}

// alpha * real + (1 - alpha) * fake as a leaf that requires a gradient.
Tensor interpolate(const Tensor& real, const Tensor& fake, GradientPenaltyMode mode) {
  const NoGrad no_grad(real.context());
  Shape alpha_shape;
  for (int d = 0; d < real.rank(); ++d) {
    alpha_shape.push_back(1);
  }
  if (mode == GradientPenaltyMode::per_sample) {
    alpha_shape.set(0, real.dim(0));
  }
  const Tensor alpha = cast(Tensor::uniform(real.context(), alpha_shape), real.dtype());
  Tensor mixed = add(fake, mul(alpha, sub(real, fake))).detach();
  mixed.set_requires_grad(true);
  return mixed;
}

}  // namespace

Tensor l1_loss(const Tensor& a, const Tensor& b) {
  check_same_shape("l1_loss", a, b);
  return mean(abs(sub(a, b)));
}

Tensor mse_loss(const Tensor& a, const Tensor& b) {
  check_same_shape("mse_loss", a, b);
  return mean(square(sub(a, b)));
}

Tensor psnr_loss(const Tensor& a, const Tensor& b) {
  check_same_shape("psnr_loss", a, b);
  check(a.rank() == 4, "psnr_loss: expected images (N, H, W, C), got ", a.shape());
  constexpr double kPeakSquared = 4.0;  // of values in [-1, 1]
  const Tensor mse = mean(square(sub(a, b)), {1, 2, 3});
  return mean(log(affine(mse, 1.0 / kPeakSquared, 1e-8 / kPeakSquared))) * (10.0 / std::numbers::ln10);
}

Tensor charbonnier_loss(const Tensor& a, const Tensor& b, double eps) {
  check_same_shape("charbonnier_loss", a, b);
  check(eps > 0.0, "charbonnier_loss: got eps ", eps, ", give a positive one");
  return mean(sqrt(affine(square(sub(a, b)), 1.0, eps * eps)));
}

Tensor perceptual_loss(const FeatureFunction& features, const Tensor& restored, const Tensor& sharp) {
  check_same_shape("perceptual_loss", restored, sharp);
  // Recorded or not alike: inference may compute in another precision.
  return mse_loss(features(restored), features(sharp).detach());
}

Tensor bce_with_logits(const Tensor& scores, double target) {
  check(target >= 0.0 && target <= 1.0, "bce_with_logits: got the target ", target, ", give one in [0, 1]");
  // -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x).
  if (target == 1.0) return mean(softplus(neg(scores)));
  if (target == 0.0) return mean(softplus(scores));
  return mean(add(softplus(neg(scores)) * target, softplus(scores) * (1.0 - target)));
}

Tensor bce_with_logits(const Tensor& scores, const Tensor& target) {
  check_same_shape("bce_with_logits", scores, target);
  return mean(add(mul(target, softplus(neg(scores))), mul(1.0 - target, softplus(scores))));
}

Tensor lsgan_loss(const Tensor& scores, double target) { return mean(square(scores - target)); }

Tensor wasserstein_loss(const Tensor& scores, double label) { return mean(scores) * label; }

Tensor wasserstein_critic_loss(const Tensor& real_scores, const Tensor& fake_scores) {
  return sub(mean(fake_scores), mean(real_scores));
}

Tensor gradient_penalty(const CriticFunction& critic, const Tensor& real, const Tensor& fake,
                        GradientPenaltyOptions options) {
  check_same_shape("gradient_penalty", real, fake);
  check(real.rank() >= 2 && real.numel() > 0, "gradient_penalty: got samples of shape ", real.shape(),
        ", expected a batch such as (N,H,W,C), reshape it");
  check(real.context().grad_enabled(),
        "gradient_penalty: gradients are not being recorded, end the NoGrad around it");
  const Tensor mixed = interpolate(real, fake, options.mode);
  const Tensor gradient = grad(sum(critic(mixed)), {mixed}, {.create_graph = true}).front();

  const bool per_sample = options.mode == GradientPenaltyMode::per_sample;
  const std::int64_t rows = per_sample ? real.dim(0) : real.numel() / real.dim(-1);
  const Tensor squares = reshape(square(gradient), {rows, real.numel() / rows});
  const Tensor norm = sqrt(affine(sum(squares, {1}), 1.0, kNormEpsilon));
  return mean(square(norm - 1.0)) * options.lambda;
}

}  // namespace dg
