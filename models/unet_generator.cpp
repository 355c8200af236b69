// pix2pix's U-Net, level by level.
#include "models/unet_generator.h"

#include <algorithm>

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {

namespace {

constexpr double kLeak = 0.2;

// Of the features behind level k; level 0 is the image.
std::int64_t channels_at(int level, std::int64_t ngf) {
  return level == 0 ? 3 : ngf * std::min<std::int64_t>(std::int64_t{1} << (level - 1), 8);
}

}  // namespace

UnetGenerator::UnetGenerator(Context& context, const UnetGeneratorConfig& config)
    : Module(context),
      config_(config),
      dropout_(context, {.rate = config.dropout, .always = config.dropout_at_test}) {
  check(config.downs >= 5 && config.downs <= 16, "UnetGenerator: got ", config.downs,
        " levels, expected 5 to 16");
  const bool bias = config.norm != NormKind::batch;
  for (int level = 1; level <= config.downs; ++level) {
    const bool inner = level > 1 && level < config.downs;
    down_.push_back(
        std::make_unique<ConvNorm<Conv2d>>(context,
                                           Conv2dConfig{.in_channels = channels_at(level - 1, config.ngf),
                                                        .out_channels = channels_at(level, config.ngf),
                                                        .kernel = 4,
                                                        .stride = 2,
                                                        .padding = Padding2d::all(1),
                                                        .bias = bias},
                                           NormConfig{.kind = inner ? config.norm : NormKind::none}));
    register_child("down" + std::to_string(level), *down_.back());
  }
  up_.resize(down_.size());
  for (int level = config.downs; level >= 1; --level) {
    const std::int64_t sources =
        level == config.downs ? 1 : 2;  // below the top: the level above and the skip
    auto& up = up_[static_cast<std::size_t>(level - 1)];
    up = std::make_unique<ConvNorm<ConvTranspose2d>>(
        context,
        ConvTranspose2dConfig{.in_channels = sources * channels_at(level, config.ngf),
                              .out_channels = channels_at(level - 1, config.ngf),
                              .kernel = 4,
                              .stride = 2,
                              .padding = Padding2d::all(1),
                              .bias = bias || level == 1},
        NormConfig{.kind = level > 1 ? config.norm : NormKind::none}, level > 1 ? Epilogue{} : kTanh);
    register_child("up" + std::to_string(level), *up);
  }
  register_child("dropout", dropout_);
}

Tensor UnetGenerator::forward(const Tensor& image) {
  const std::int64_t multiple = std::int64_t{1} << config_.downs;
  check_image_batch("UnetGenerator", image, multiple, multiple);
  std::vector<Tensor> skips;  // [k-1]: (N, H/2^k, W/2^k, channels_at(k))
  for (std::size_t i = 0; i < down_.size(); ++i) {
    skips.push_back((*down_[i])(i == 0 ? to_compute_type(image) : leaky_relu(skips.back(), kLeak)));
  }
  Tensor x = std::move(skips.back());  // (N, H/2^n, W/2^n, 8 ngf)
  skips.pop_back();
  for (int level = config_.downs; level > 1; --level) {
    x = (*up_[static_cast<std::size_t>(level - 1)])(relu(x));
    if (level >= 5 && level < config_.downs) x = dropout_(x);
    x = concat({x, skips.back()}, 3);
    skips.pop_back();
  }
  x = cast((*up_.front())(relu(x)), image.dtype());  // (N, H, W, 3)
  return config_.learn_residual ? clamp(image + x, -1.0, 1.0) : x;
}

}  // namespace dg
