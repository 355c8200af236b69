// The PatchGAN discriminator (Isola et al. 2017), as DeblurGAN has it: each output judges a patch of the
// image, 70x70 pixels with the defaults. All convolutions are 4x4 with padding 2, LeakyReLU 0.2 between them.
//
//   conv stride 2   ndf                       256 -> 129
//   conv stride 2   2 ndf   norm                   -> 65
//   conv stride 2   4 ndf   norm                   -> 33
//   conv stride 1   8 ndf   norm                   -> 34
//   conv stride 1   1       (sigmoid)              -> 35
//
// 2,764,737 parameters with the defaults. Names: head.conv.weight, stages.0.conv.weight, ..., tail.conv.bias.
#pragma once

#include <cstdint>
#include <string>

#include "models/conv_norm.h"
#include "models/conv_stages.h"

namespace dg {

struct PatchDiscriminatorConfig {
  std::int64_t ndf = 64;
  int layers = 3;  // strided convolutions: 3 give 70x70 patches
  NormKind norm = NormKind::instance;
  bool sigmoid = false;  // for losses on probabilities; the losses here take raw scores
};

// Images (N,H,W,3) of any size -> scores (N, about H/8 + 3, about W/8 + 3, 1).
class PatchDiscriminator final : public Module {
 public:
  PatchDiscriminator(Context& context, const PatchDiscriminatorConfig& config);

  std::string kind() const override { return "PatchDiscriminator"; }
  const PatchDiscriminatorConfig& config() const { return config_; }

 private:
  Tensor forward(const Tensor& x) override;

  PatchDiscriminatorConfig config_;
  ConvNorm<Conv2d> head_;
  ConvStages stages_;
  ConvNorm<Conv2d> tail_;
};

}  // namespace dg
