// Losses: tensors in, a scalar of shape () out. Means are over all elements, the batch included.
#pragma once

#include <cstdint>
#include <functional>

#include "core/tensor.h"

namespace dg {

// ---- content: the operands' shapes must agree ----
Tensor l1_loss(const Tensor& a, const Tensor& b);   // mean |a - b|
Tensor mse_loss(const Tensor& a, const Tensor& b);  // mean (a - b)^2
// mean sqrt((a - b)^2 + eps^2): L1 that is smooth at 0. Charbonnier et al. 1994; eps as in Lai et al. 2017.
Tensor charbonnier_loss(const Tensor& a, const Tensor& b, double eps = 1e-3);

// Minus the mean PSNR in dB, of images in [-1, 1]: mean over samples of 10 log10((mse + 1e-8) / 4). Each picture counts
// by its ratio, so nearly sharp ones are not drowned by blurred ones. Chen et al. 2021 (HINet, arXiv 2105.06086).
Tensor psnr_loss(const Tensor& a, const Tensor& b);

// Johnson et al. 2016: mse of a network's features, without gradients through the target's.
using FeatureFunction = std::function<Tensor(const Tensor&)>;
Tensor perceptual_loss(const FeatureFunction& features, const Tensor& restored, const Tensor& sharp);

// ---- adversarial: scores are a discriminator's output, of any shape ----
// mean of -(t log s(x) + (1 - t) log(1 - s(x))), s the logistic function; finite for every finite x.
Tensor bce_with_logits(const Tensor& scores, double target);         // target in [0, 1]
Tensor bce_with_logits(const Tensor& scores, const Tensor& target);  // one per score
// mean (x - target)^2: Mao et al. 2017.
Tensor lsgan_loss(const Tensor& scores, double target);
// label * mean x: a label of -1 raises the scores when minimised, +1 lowers them. Arjovsky et al. 2017.
Tensor wasserstein_loss(const Tensor& scores, double label);
// mean D(fake) - mean D(real), what the critic minimises;
// the generator minimises wasserstein_loss(D(fake), -1).
Tensor wasserstein_critic_loss(const Tensor& real_scores, const Tensor& fake_scores);

enum class GradientPenaltyMode : std::uint8_t {
  per_sample,  // Gulrajani et al. 2017: one alpha per sample, the norm over all of the sample's gradient
  per_pixel,   // DeblurGAN's program: one alpha for the batch, the norm over the channels of each pixel
};

struct GradientPenaltyOptions {
  double lambda = 10.0;
  GradientPenaltyMode mode = GradientPenaltyMode::per_sample;
};

// lambda * mean (|g| - 1)^2, where g is the gradient of the sum of critic(x) at x = alpha * real + (1 -
// alpha) * fake; the mean is over samples, or over samples and pixels. alpha is uniform in (0, 1), from the
// context's generator. Differentiable with respect to the critic's parameters; real and fake (N,...) are
// taken as constants. |g| is sqrt(sum g^2 + 1e-16): the references have no such term, but the root's
// derivative is infinite at g = 0. Throws Error if gradients are not being recorded.
using CriticFunction = std::function<Tensor(const Tensor&)>;
Tensor gradient_penalty(const CriticFunction& critic, const Tensor& real, const Tensor& fake,
                        GradientPenaltyOptions options = {});

}  // namespace dg
