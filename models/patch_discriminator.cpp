// PatchGAN's table.
#include "models/patch_discriminator.h"

#include <algorithm>

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {

namespace {

constexpr double kLeak = 0.2;

Conv2dConfig patch_conv(std::int64_t in, std::int64_t out, std::int64_t stride, bool bias = true) {
  return {.in_channels = in,
          .out_channels = out,
          .kernel = 4,
          .stride = stride,
          .padding = Padding2d::all(2),
          .bias = bias};
}

// Of stage n; stage 0 is the head.
std::int64_t width(const PatchDiscriminatorConfig& config, int stage) {
  return config.ndf * std::min<std::int64_t>(std::int64_t{1} << stage, 8);
}

PatchDiscriminatorConfig checked(const PatchDiscriminatorConfig& config) {
  check(config.layers >= 1 && config.layers <= 8, "PatchDiscriminator: got ", config.layers,
        " strided convolutions, expected 1 to 8");
  return config;
}

}  // namespace

PatchDiscriminator::PatchDiscriminator(Context& context, const PatchDiscriminatorConfig& config)
    : Module(context),
      config_(checked(config)),
      head_(context, patch_conv(3, config.ndf, 2), {.kind = NormKind::none}, leaky_relu_epilogue(kLeak)),
      stages_(context),
      tail_(context, patch_conv(width(config, config.layers), 1, 1), {.kind = NormKind::none}) {
  for (int n = 1; n <= config.layers; ++n) {
    const std::int64_t stride = n < config.layers ? 2 : 1;
    stages_.add(patch_conv(width(config, n - 1), width(config, n), stride, config.norm != NormKind::batch),
                {.kind = config.norm});
  }
  register_child("head", head_);
  register_child("stages", stages_);
  register_child("tail", tail_);
}

Tensor PatchDiscriminator::forward(const Tensor& x) {
  check_image_batch("PatchDiscriminator", x, 1, 1);
  const Tensor scores = cast(tail_(stages_(head_(to_compute_type(x)))), x.dtype());
  return config_.sigmoid ? sigmoid(scores) : scores;
}

}  // namespace dg
