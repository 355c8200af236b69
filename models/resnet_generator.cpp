// DeblurGAN's table, member by member.
#include "models/resnet_generator.h"

#include "core/ops.h"
#include "kernels/check.h"
#include "models/bands/fused.h"

namespace dg {

namespace {

// Batch norm shifts by itself: its convolutions have no bias, as in the repository.
bool has_bias(const ResnetGeneratorConfig& config) { return config.norm != NormKind::batch; }

Conv2dConfig wide(const ResnetGeneratorConfig& config) {
  return {.in_channels = 3, .out_channels = config.ngf, .kernel = 7, .bias = has_bias(config)};
}

// Halves the resolution, doubles the channels.
Conv2dConfig down(const ResnetGeneratorConfig& config, std::int64_t channels) {
  return {.in_channels = channels,
          .out_channels = 2 * channels,
          .kernel = 3,
          .stride = 2,
          .padding = Padding2d::all(1),
          .bias = has_bias(config)};
}

// Doubles the resolution, halves the channels.
ConvTranspose2dConfig up(const ResnetGeneratorConfig& config, std::int64_t channels) {
  return {.in_channels = channels,
          .out_channels = channels / 2,
          .kernel = 3,
          .stride = 2,
          .padding = Padding2d::all(1),
          .output_padding = 1,
          .bias = has_bias(config)};
}

ResidualBlockConfig block(const ResnetGeneratorConfig& config) {
  return {.width = 4 * config.ngf,
          .convs = config.convs_per_block,
          .norm = {.kind = config.norm},
          .bias = has_bias(config),
          .dropout = config.dropout,
          .dropout_at_test = config.dropout_at_test};
}

Tensor reflect(const Tensor& x) { return pad2d(x, Padding2d::all(3), PadMode::reflect); }

}  // namespace

ResnetGenerator::ResnetGenerator(Context& context, const ResnetGeneratorConfig& config)
    : Module(context),
      config_(config),
      head_(context, wide(config), {.kind = config.norm}, kReLU),
      down1_(context, down(config, config.ngf), {.kind = config.norm}, kReLU),
      down2_(context, down(config, 2 * config.ngf), {.kind = config.norm}, kReLU),
      blocks_(make_residual_blocks(context, config.blocks, block(config))),
      up1_(context, up(config, 4 * config.ngf), {.kind = config.norm}, kReLU),
      up2_(context, up(config, 2 * config.ngf), {.kind = config.norm}, kReLU),
      tail_(context, {.in_channels = config.ngf, .out_channels = 3, .kernel = 7}, {.kind = NormKind::none},
            kTanh) {
  register_child("head", head_);
  register_child("down1", down1_);
  register_child("down2", down2_);
  register_child("blocks", *blocks_);
  register_child("up1", up1_);
  register_child("up2", up2_);
  register_child("tail", tail_);
}

Tensor ResnetGenerator::forward(const Tensor& image) {
  check_image_batch("ResnetGenerator", image, kSizeMultiple, kMinimumSize);
  if (!config_.dropout_at_test && may_fuse(*this, image)) return forward_fused(bands(), image);
  Tensor x = head_(reflect(to_compute_type(image)));  // (N, H,   W,   ngf)
  x = down1_(x);                                      // (N, H/2, W/2, 2 ngf)
  x = down2_(x);                                      // (N, H/4, W/4, 4 ngf)
  x = (*blocks_)(x);
  x = up1_(x);                                                   // (N, H/2, W/2, 2 ngf)
  x = up2_(x);                                                   // (N, H,   W,   ngf)
  return result(image, cast(tail_(reflect(x)), image.dtype()));  // (N, H, W, 3)
}

Tensor ResnetGenerator::result(const Tensor& image, const Tensor& x) const {
  return config_.learn_residual ? clamp(image + x, -1.0, 1.0) : x;
}

BandNetwork ResnetGenerator::bands() {
  BandNetwork network;
  network.sections.push_back({.stages = {head_.stage({.reflect = 3}), down1_.stage(), down2_.stage()}});
  for (BandSection& section : sections_of(*blocks_)) network.sections.push_back(std::move(section));
  network.sections.push_back({.stages = {up1_.stage(), up2_.stage(), tail_.stage({.reflect = 3})}});
  network.result = [this](const Tensor& image, const Tensor& x) { return result(image, x); };
  return network;
}

}  // namespace dg
