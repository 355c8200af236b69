// The networks of the Keras program (Li 2024; RaphaelMeudec/deblur-gan, deblurgan/model.py): DeblurGAN's
// generator with batch norm and upsampling, and a discriminator that ends in dense layers.
//
//   reflect 3, conv 7x7                    ngf      BN, ReLU     H     x W
//   conv 3x3, stride 2, SAME               2 ngf    BN, ReLU     H / 2 x W / 2
//   conv 3x3, stride 2, SAME               4 ngf    BN, ReLU     H / 4 x W / 4
//   residual blocks                        4 ngf
//   upsample nearest 2, conv 3x3, SAME     2 ngf    BN, ReLU     H / 2 x W / 2
//   upsample nearest 2, conv 3x3, SAME     ngf      BN, ReLU     H     x W
//   reflect 3, conv 7x7                    3        tanh
//   (tanh + image) / 2
//
// 11,399,171 parameters, 10,496 of them running statistics.
// Batch norm has Keras' epsilon 1e-3 and momentum 0.99.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "layers/container.h"
#include "layers/dense.h"
#include "models/bands/network.h"
#include "models/conv_norm.h"
#include "models/conv_stages.h"

namespace dg {

struct KerasGeneratorConfig {
  std::int64_t ngf = 64;
  std::int64_t blocks = 9;
  double dropout = 0.5;
  bool dropout_at_test = false;
};

// Images (N,H,W,3) in [-1, 1] -> restored images of the same shape. H and W are multiples of 4, at least 8.
class KerasGenerator final : public Module, public Banded {
 public:
  static constexpr std::int64_t kSizeMultiple = 4;
  static constexpr std::int64_t kMinimumSize = 8;

  KerasGenerator(Context& context, const KerasGeneratorConfig& config);

  std::string kind() const override { return "KerasGenerator"; }
  const KerasGeneratorConfig& config() const { return config_; }
  BandNetwork bands() override;

 private:
  Tensor forward(const Tensor& image) override;

  KerasGeneratorConfig config_;
  ConvNorm<Conv2d> head_;
  ConvNorm<Conv2d> down1_;
  ConvNorm<Conv2d> down2_;
  std::unique_ptr<Sequential> blocks_;
  ConvNorm<Conv2d> up1_;
  ConvNorm<Conv2d> up2_;
  ConvNorm<Conv2d> tail_;
};

struct KerasDiscriminatorConfig {
  std::int64_t ndf = 64;
  // The first dense layer has one weight per position, so the size is part of the network.
  std::int64_t height = 256;
  std::int64_t width = 256;
};

// All convolutions are 4x4 SAME, LeakyReLU 0.2 behind all but the last:
//   stride 2: ndf;  stride 2, BN: ndf, 2 ndf, 4 ndf;  stride 1, BN: 8 ndf;  stride 1: 1;
//   flatten; dense 1024, tanh; dense 1, sigmoid.
// Images (N, height, width, 3) -> (N, 1) in (0, 1). 3,098,370 parameters at 256x256,
// 1,920 of them running statistics.
class KerasDiscriminator final : public Module {
 public:
  KerasDiscriminator(Context& context, const KerasDiscriminatorConfig& config);

  std::string kind() const override { return "KerasDiscriminator"; }
  const KerasDiscriminatorConfig& config() const { return config_; }

 private:
  Tensor forward(const Tensor& x) override;

  KerasDiscriminatorConfig config_;
  ConvNorm<Conv2d> head_;
  ConvStages stages_;
  ConvNorm<Conv2d> tail_;
  Flatten flatten_;
  Dense dense1_;
  Dense dense2_;
};

}  // namespace dg
