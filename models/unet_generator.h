// The U-Net generator of pix2pix (Isola et al. 2017, arXiv 1611.07004, section 6.1.1),
// as DeblurGAN's repository offers it. Level k halves the resolution for the k-th time:
// 4x4 convolutions, stride 2, ngf * min(2^(k-1), 8) channels.
//
//   down 1:                  conv                        up 1:       ReLU, transposed conv, tanh
//   down 2 .. n-1:  LeakyReLU 0.2, conv, norm            up 2 ..:    ReLU, transposed conv, norm
//   down n:         LeakyReLU 0.2, conv                  (1/2^n of the size)
//
// up k > 1 is followed by the concatenation (up k, down k-1). Levels 5 .. n-1 have dropout behind up's norm.
// n = 7: 41,825,667 parameters, n = 8: 54,409,603. Names: down1.conv.weight, ..., up1.conv.bias.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/dropout.h"
#include "models/conv_norm.h"

namespace dg {

struct UnetGeneratorConfig {
  int downs = 8;  // n, at least 5
  std::int64_t ngf = 64;
  NormKind norm = NormKind::instance;
  double dropout = 0.5;
  bool dropout_at_test = false;
  bool learn_residual = true;  // clamp(image + tanh, -1, 1)
};

// Images (N,H,W,3) in [-1, 1] -> restored images of the same shape. H and W are multiples of 2^downs.
class UnetGenerator final : public Module {
 public:
  UnetGenerator(Context& context, const UnetGeneratorConfig& config);

  std::string kind() const override { return "UnetGenerator"; }
  const UnetGeneratorConfig& config() const { return config_; }

 private:
  Tensor forward(const Tensor& image) override;

  UnetGeneratorConfig config_;
  std::vector<std::unique_ptr<ConvNorm<Conv2d>>> down_;         // [0] is level 1
  std::vector<std::unique_ptr<ConvNorm<ConvTranspose2d>>> up_;  // [0] is level 1
  Dropout dropout_;
};

}  // namespace dg
