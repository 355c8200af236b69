#include "models/quarter_generator.h"

#include "core/ops.h"
#include "models/bands/fused.h"

namespace dg {

QuarterGenerator::QuarterGenerator(Context& context, const QuarterGeneratorConfig& config)
    : Module(context),
      config_(config),
      head_(context, {.in_channels = 3, .out_channels = config.ngf, .kernel = 4, .stride = 4},
            {.kind = config.norm}),
      blocks_(make_residual_blocks(context, config.blocks,
                                   {.width = config.ngf,
                                    .convs = 2,
                                    .norm = {.kind = config.norm},
                                    .bias = config.norm != NormKind::batch,
                                    .dropout = config.dropout,
                                    .dropout_at_test = config.dropout_at_test})),
      tail_(context, {.in_channels = config.ngf, .out_channels = 3, .kernel = 4, .stride = 4},
            {.kind = NormKind::none}) {
  register_child("head", head_);
  register_child("blocks", *blocks_);
  register_child("tail", tail_);
}

Tensor QuarterGenerator::forward(const Tensor& image) {
  check_image_batch("QuarterGenerator", image, kSizeMultiple, kMinimumSize);
  if (!config_.dropout_at_test && may_fuse(*this, image)) return forward_fused(bands(), image);
  Tensor x = head_(to_compute_type(image));  // (N, H/4, W/4, ngf)
  x = (*blocks_)(x);
  return result(image, cast(tail_(x), image.dtype()));  // (N, H, W, 3)
}

Tensor QuarterGenerator::result(const Tensor& image, const Tensor& x) const {
  return config_.learn_residual ? clamp(image + x, -1.0, 1.0) : x;
}

BandNetwork QuarterGenerator::bands() {
  BandNetwork network;
  network.sections.push_back({.stages = {head_.stage()}});
  for (BandSection& section : sections_of(*blocks_)) network.sections.push_back(std::move(section));
  network.sections.push_back({.stages = {tail_.stage()}});
  network.result = [this](const Tensor& image, const Tensor& x) { return result(image, x); };
  return network;
}

}  // namespace dg
