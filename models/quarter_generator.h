// A residual network at a quarter of the resolution, for machines without a GPU:
// every layer but the first and the last works on 1/16 of the pixels, and sees four times as far for it.
//
//   conv 4x4, stride 4              ngf    H / 4 x W / 4    (each 4x4 patch becomes one pixel)
//   residual blocks, no norm        ngf    H / 4 x W / 4
//   transposed conv 4x4, stride 4   3      H     x W        (and back: patches do not overlap)
//   clamp(image + x, -1, 1)
//
// The two strided convolutions are linear maps on unshuffled pixels (Shi et al. 2016, arXiv 1609.05158,
// used in both directions). Ours, not from the papers: 597,059 parameters with the defaults.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/residual_block.h"

namespace dg {

struct QuarterGeneratorConfig {
  std::int64_t ngf = 64;  // channels of all blocks
  std::int64_t blocks = 8;
  NormKind norm = NormKind::none;
  double dropout = 0.0;
  bool dropout_at_test = false;
  bool learn_residual = true;  // false: the last layer's result itself
};

// Images (N,H,W,3) in [-1, 1] -> restored images of the same shape. H and W are multiples of 4, at least 8.
class QuarterGenerator final : public Module, public Banded {
 public:
  static constexpr std::int64_t kSizeMultiple = 4;
  static constexpr std::int64_t kMinimumSize = 8;  // the blocks reflect one pixel at a quarter of the size

  QuarterGenerator(Context& context, const QuarterGeneratorConfig& config);

  std::string kind() const override { return "QuarterGenerator"; }
  const QuarterGeneratorConfig& config() const { return config_; }
  BandNetwork bands() override;

 private:
  Tensor forward(const Tensor& image) override;
  Tensor result(const Tensor& image, const Tensor& x) const;

  QuarterGeneratorConfig config_;
  ConvNorm<Conv2d> head_;
  std::unique_ptr<Sequential> blocks_;
  ConvNorm<ConvTranspose2d> tail_;
};

}  // namespace dg
