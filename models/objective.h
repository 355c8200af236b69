// The training objective: what the discriminator and the generator minimise.
//
//   generator      adversarial_weight * A_G(D(restored)) + content_weight * C(restored, sharp)
//   discriminator  A_D(D(sharp), D(restored)) [+ penalty]
//
//   gan type   A_D                                          A_G                  source
//   wgan-gp    mean D(f) - mean D(r) + lambda * penalty     -mean D(f)           Gulrajani 2017; Kupyn 2017
//   wgan       (mean D(r) - mean D(f)) / 2                  mean D(f)            labels +1 real, -1 fake: Li 2024
//   lsgan      (mean (D(r) - 1)^2 + mean D(f)^2) / 2        mean (D(f) - 1)^2    Mao 2017
//   gan        (bce(D(r), 1) + bce(D(f), 0)) / 2            bce(D(f), 1)         Goodfellow 2014, on logits
//
// The sign of `wgan` is that of the Keras program: there the score of real images goes down. With the sigmoid at the
// end of its discriminator that is the usual convention, mirrored; the halves stem from its mean of two batch losses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/losses.h"
#include "layers/module.h"
#include "models/vgg.h"

namespace dg {

enum class GanType : std::uint8_t { wgan_gp, wgan, lsgan, gan };
enum class ContentLoss : std::uint8_t { perceptual, l1, mse, charbonnier, psnr };

// The names above and "perceptual", "l1", "mse", "charbonnier", "psnr"; Error listing them for anything else.
GanType parse_gan_type(std::string_view name);
const char* name_of(GanType type);
ContentLoss parse_content_loss(std::string_view name);
const char* name_of(ContentLoss loss);
// "per-sample" (also "paper") and "per-pixel" (also "repo").
GradientPenaltyMode parse_penalty_mode(std::string_view name);
const char* name_of(GradientPenaltyMode mode);

struct ObjectiveOptions {
  GanType gan_type = GanType::wgan_gp;
  GradientPenaltyOptions penalty = {};  // wgan-gp only
  double adversarial_weight = 1.0;      // 0: no discriminator at all
  ContentLoss content = ContentLoss::perceptual;
  double content_weight = 100.0;
};

// One named part of a loss, already weighted.
struct LossTerm {
  std::string name;
  Tensor value;  // shape ()
};

// A loss that remembers what it is made of. total is the sum of the terms.
struct Loss {
  std::vector<LossTerm> terms;
  Tensor total;
};

class Objective {
 public:
  // `features` is needed by ContentLoss::perceptual only and must outlive the objective. Throws Error without it.
  Objective(ObjectiveOptions options, VggFeatures* features);

  // real and fake (N,H,W,3) in [-1, 1]; fake without history.
  Loss discriminator_loss(Module& discriminator, const Tensor& real, const Tensor& fake) const;
  // restored carries the generator's history. discriminator may be null where adversarial_weight is 0.
  Loss generator_loss(Module* discriminator, const Tensor& restored, const Tensor& sharp) const;

  const ObjectiveOptions& options() const { return options_; }

 private:
  Tensor content(const Tensor& restored, const Tensor& sharp) const;

  ObjectiveOptions options_;
  VggFeatures* features_;
};

}  // namespace dg
