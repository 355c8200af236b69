// The Keras program's tables.
#include "models/keras_gan.h"

#include "core/ops.h"
#include "kernels/check.h"
#include "models/bands/fused.h"
#include "models/residual_block.h"

namespace dg {

namespace {

constexpr double kLeak = 0.2;

constexpr NormConfig kNoNorm{.kind = NormKind::none};
constexpr NormConfig kBatchNorm{
    .kind = NormKind::batch, .eps = 1e-3, .momentum = 0.99, .unbiased_running_variance = false};

Conv2dConfig valid(std::int64_t in, std::int64_t out, std::int64_t kernel) {
  return {.in_channels = in, .out_channels = out, .kernel = kernel};
}

Conv2dConfig same(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
  return {.in_channels = in,
          .out_channels = out,
          .kernel = kernel,
          .stride = stride,
          .padding = {},
          .same = true};
}

ResidualBlockConfig block(const KerasGeneratorConfig& config) {
  return {.width = 4 * config.ngf,
          .norm = kBatchNorm,
          .dropout = config.dropout,
          .dropout_at_test = config.dropout_at_test};
}

Tensor reflect(const Tensor& x) { return pad2d(x, Padding2d::all(3), PadMode::reflect); }

Tensor average(const Tensor& image, const Tensor& x) { return (x + image) * 0.5; }

Tensor upsample(const Tensor& x) { return upsample_nearest2d(x, 2); }

// Four convolutions halve the size, rounding up.
std::int64_t flat_features(const KerasDiscriminatorConfig& config) {
  check(config.height > 0 && config.width > 0, "KerasDiscriminator: got a size of ", config.height, "x",
        config.width, ", give that of the training images");
  return ((config.height + 15) / 16) * ((config.width + 15) / 16);
}

}  // namespace

KerasGenerator::KerasGenerator(Context& context, const KerasGeneratorConfig& config)
    : Module(context),
      config_(config),
      head_(context, valid(3, config.ngf, 7), kBatchNorm, kReLU),
      down1_(context, same(config.ngf, 2 * config.ngf, 3, 2), kBatchNorm, kReLU),
      down2_(context, same(2 * config.ngf, 4 * config.ngf, 3, 2), kBatchNorm, kReLU),
      blocks_(make_residual_blocks(context, config.blocks, block(config))),
      up1_(context, same(4 * config.ngf, 2 * config.ngf, 3, 1), kBatchNorm, kReLU),
      up2_(context, same(2 * config.ngf, config.ngf, 3, 1), kBatchNorm, kReLU),
      tail_(context, valid(config.ngf, 3, 7), kNoNorm, kTanh) {
  register_child("head", head_);
  register_child("down1", down1_);
  register_child("down2", down2_);
  register_child("blocks", *blocks_);
  register_child("up1", up1_);
  register_child("up2", up2_);
  register_child("tail", tail_);
}

Tensor KerasGenerator::forward(const Tensor& image) {
  check_image_batch("KerasGenerator", image, kSizeMultiple, kMinimumSize);
  if (!config_.dropout_at_test && may_fuse(*this, image)) return forward_fused(bands(), image);
  Tensor x = head_(reflect(to_compute_type(image)));  // (N, H,   W,   ngf)
  x = down1_(x);                                      // (N, H/2, W/2, 2 ngf)
  x = down2_(x);                                      // (N, H/4, W/4, 4 ngf)
  x = (*blocks_)(x);
  x = up1_(upsample(x));                                          // (N, H/2, W/2, 2 ngf)
  x = up2_(upsample(x));                                          // (N, H,   W,   ngf)
  return average(image, cast(tail_(reflect(x)), image.dtype()));  // (N, H, W, 3)
}

BandNetwork KerasGenerator::bands() {
  BandNetwork network;
  network.sections.push_back({.stages = {head_.stage({.reflect = 3}), down1_.stage(), down2_.stage()}});
  for (BandSection& section : sections_of(*blocks_)) network.sections.push_back(std::move(section));
  network.sections.push_back(
      {.stages = {up1_.stage({.upsample = 2}), up2_.stage({.upsample = 2}), tail_.stage({.reflect = 3})}});
  network.result = average;
  return network;
}

KerasDiscriminator::KerasDiscriminator(Context& context, const KerasDiscriminatorConfig& config)
    : Module(context),
      config_(config),
      head_(context, same(3, config.ndf, 4, 2), kNoNorm, leaky_relu_epilogue(kLeak)),
      stages_(context),
      tail_(context, same(8 * config.ndf, 1, 4, 1), kNoNorm),
      flatten_(context),
      dense1_(context, {.in_features = flat_features(config), .out_features = 1024}),
      dense2_(context, {.in_features = 1024, .out_features = 1}) {
  stages_.add(same(config.ndf, config.ndf, 4, 2), kBatchNorm);
  stages_.add(same(config.ndf, 2 * config.ndf, 4, 2), kBatchNorm);
  stages_.add(same(2 * config.ndf, 4 * config.ndf, 4, 2), kBatchNorm);
  stages_.add(same(4 * config.ndf, 8 * config.ndf, 4, 1), kBatchNorm);
  register_child("head", head_);
  register_child("stages", stages_);
  register_child("tail", tail_);
  register_child("flatten", flatten_);
  register_child("dense1", dense1_);
  register_child("dense2", dense2_);
}

Tensor KerasDiscriminator::forward(const Tensor& x) {
  check_image_batch("KerasDiscriminator", x, 1, 1);
  check(x.dim(1) == config_.height && x.dim(2) == config_.width, "KerasDiscriminator: got images of ",
        x.dim(1), "x", x.dim(2), ", its dense layer was built for ", config_.height, "x", config_.width,
        ", build it for the size of the images");
  Tensor y = head_(to_compute_type(x));  // (N, H/2, W/2, ndf)
  y = stages_(y);                        // (N, H/16, W/16, 8 ndf)
  y = flatten_(tail_(y));                // (N, H/16 * W/16)
  return sigmoid(cast(dense2_(tanh(dense1_(y))), x.dtype()));
}

}  // namespace dg
