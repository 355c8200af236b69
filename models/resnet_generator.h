// The generator of DeblurGAN (Kupyn et al. 2017, arXiv 1711.07064, figure 3; after Johnson et al. 2016).
//
//   reflect 3, conv 7x7      ngf       norm, ReLU     H     x W
//   conv 3x3, stride 2       2 ngf     norm, ReLU     H / 2 x W / 2
//   conv 3x3, stride 2       4 ngf     norm, ReLU     H / 4 x W / 4
//   residual blocks          4 ngf
//   transposed conv 3x3      2 ngf     norm, ReLU     H / 2 x W / 2
//   transposed conv 3x3      ngf       norm, ReLU     H     x W
//   reflect 3, conv 7x7      3         tanh
//   clamp(image + x, -1, 1)
//
// 11,378,179 parameters with the defaults. Parameter names: head.conv.weight, down1.conv.weight,
// blocks.0.conv1.weight, up1.conv.weight, tail.conv.weight, ... and .bias.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/residual_block.h"

namespace dg {

struct ResnetGeneratorConfig {
  std::int64_t ngf = 64;
  std::int64_t blocks = 9;
  int convs_per_block = 2;  // 1: the `deblurgan-head` variant, see models/residual_block.h
  NormKind norm = NormKind::instance;
  double dropout = 0.5;
  bool dropout_at_test = false;
  bool learn_residual = true;  // false: the result is the tanh itself
};

// Images (N,H,W,3) in [-1, 1] -> restored images of the same shape. H and W are multiples of 4, at least 8.
class ResnetGenerator final : public Module, public Banded {
 public:
  static constexpr std::int64_t kSizeMultiple = 4;
  static constexpr std::int64_t kMinimumSize = 8;  // the blocks reflect one pixel at a quarter of the size

  ResnetGenerator(Context& context, const ResnetGeneratorConfig& config);

  std::string kind() const override { return "ResnetGenerator"; }
  const ResnetGeneratorConfig& config() const { return config_; }
  BandNetwork bands() override;

 private:
  Tensor forward(const Tensor& image) override;
  Tensor result(const Tensor& image, const Tensor& x) const;

  ResnetGeneratorConfig config_;
  ConvNorm<Conv2d> head_;
  ConvNorm<Conv2d> down1_;
  ConvNorm<Conv2d> down2_;
  std::unique_ptr<Sequential> blocks_;
  ConvNorm<ConvTranspose2d> up1_;
  ConvNorm<ConvTranspose2d> up2_;
  ConvNorm<Conv2d> tail_;
};

}  // namespace dg
