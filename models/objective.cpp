#include "models/objective.h"

#include <array>
#include <utility>

#include "core/ops.h"

namespace dg {
namespace {

template <typename T, std::size_t N>
using NameTable = std::array<std::pair<const char*, T>, N>;

constexpr NameTable<GanType, 4> kGanTypes{{{"wgan-gp", GanType::wgan_gp},
                                           {"wgan", GanType::wgan},
                                           {"lsgan", GanType::lsgan},
                                           {"gan", GanType::gan}}};
constexpr NameTable<ContentLoss, 5> kContentLosses{{{"perceptual", ContentLoss::perceptual},
                                                    {"l1", ContentLoss::l1},
                                                    {"mse", ContentLoss::mse},
                                                    {"charbonnier", ContentLoss::charbonnier},
                                                    {"psnr", ContentLoss::psnr}}};
// The first name of each mode is the one that is written.
constexpr NameTable<GradientPenaltyMode, 4> kPenaltyModes{{{"per-sample", GradientPenaltyMode::per_sample},
                                                           {"per-pixel", GradientPenaltyMode::per_pixel},
                                                           {"paper", GradientPenaltyMode::per_sample},
                                                           {"repo", GradientPenaltyMode::per_pixel}}};

template <typename T, std::size_t N>
T parse(const char* what, const NameTable<T, N>& table, std::string_view name) {
  std::string known;
  for (const auto& [text, value] : table) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  fail("unknown ", what, " '", name, "'; expected one of ", known);
}

template <typename T, std::size_t N>
const char* name_in(const NameTable<T, N>& table, T value) {
  for (const auto& [text, entry] : table) {
    if (entry == value) return text;
  }
  return "unknown";
}

Loss add_up(std::vector<LossTerm> terms) {
  Loss loss{std::move(terms), {}};
  for (const LossTerm& term : loss.terms)
    loss.total = loss.total.defined() ? loss.total + term.value : term.value;
  return loss;
}

}  // namespace

GanType parse_gan_type(std::string_view name) { return parse("GAN type", kGanTypes, name); }
const char* name_of(GanType type) { return name_in(kGanTypes, type); }
ContentLoss parse_content_loss(std::string_view name) { return parse("content loss", kContentLosses, name); }
const char* name_of(ContentLoss loss) { return name_in(kContentLosses, loss); }
GradientPenaltyMode parse_penalty_mode(std::string_view name) {
  return parse("gradient penalty mode", kPenaltyModes, name);
}
const char* name_of(GradientPenaltyMode mode) { return name_in(kPenaltyModes, mode); }

Objective::Objective(ObjectiveOptions options, VggFeatures* features)
    : options_(options), features_(features) {
  check(options_.content != ContentLoss::perceptual || features_ != nullptr,
        "the perceptual content loss needs the features of a VGG network; load one with make_vgg_features, "
        "or choose "
        "psnr, l1, mse or charbonnier");
}

Loss Objective::discriminator_loss(Module& discriminator, const Tensor& real, const Tensor& fake) const {
  const Tensor on_real = discriminator(real);
  const Tensor on_fake = discriminator(fake);
  switch (options_.gan_type) {
    case GanType::wgan_gp: {
      const auto critic = [&](const Tensor& x) { return discriminator(x); };
      return add_up({{"d_real", wasserstein_loss(on_real, -1.0)},
                     {"d_fake", wasserstein_loss(on_fake, 1.0)},
                     {"d_penalty", gradient_penalty(critic, real, fake, options_.penalty)}});
    }
    case GanType::wgan:
      return add_up(
          {{"d_real", wasserstein_loss(on_real, 0.5)}, {"d_fake", wasserstein_loss(on_fake, -0.5)}});
    case GanType::lsgan:
      return add_up({{"d_real", lsgan_loss(on_real, 1.0) * 0.5}, {"d_fake", lsgan_loss(on_fake, 0.0) * 0.5}});
    case GanType::gan:
      return add_up(
          {{"d_real", bce_with_logits(on_real, 1.0) * 0.5}, {"d_fake", bce_with_logits(on_fake, 0.0) * 0.5}});
  }
  fail("discriminator_loss: unknown GAN type");
}

Tensor Objective::content(const Tensor& restored, const Tensor& sharp) const {
  switch (options_.content) {
    case ContentLoss::perceptual:
      return perceptual_loss([this](const Tensor& x) { return (*features_)(x); }, restored, sharp);
    case ContentLoss::l1: return l1_loss(restored, sharp);
    case ContentLoss::mse: return mse_loss(restored, sharp);
    case ContentLoss::charbonnier: return charbonnier_loss(restored, sharp);
    case ContentLoss::psnr: return psnr_loss(restored, sharp);
  }
  fail("content loss: unknown kind");
}

Loss Objective::generator_loss(Module* discriminator, const Tensor& restored, const Tensor& sharp) const {
  std::vector<LossTerm> terms{{"g_content", content(restored, sharp) * options_.content_weight}};
  if (discriminator != nullptr) {
    const Tensor scores = (*discriminator)(restored);
    const auto adversarial = [&] {
      switch (options_.gan_type) {
        case GanType::wgan_gp: return wasserstein_loss(scores, -1.0);
        case GanType::wgan: return wasserstein_loss(scores, 1.0);
        case GanType::lsgan: return lsgan_loss(scores, 1.0);
        case GanType::gan: return bce_with_logits(scores, 1.0);
      }
      fail("generator_loss: unknown GAN type");
    };
    terms.push_back({"g_adversarial", adversarial() * options_.adversarial_weight});
  }
  return add_up(std::move(terms));
}

}  // namespace dg
