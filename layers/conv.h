// Convolutions with parameters. Images are NHWC. Weights start Glorot-uniform from the context's generator,
// biases at 0; layers/init.h has other rules. Inputs of another element type than the parameters' have these
// converted (bfloat16 activations, float32 parameters).
#pragma once

#include <cstdint>
#include <string>

#include "core/ops.h"
#include "kernels/shapes.h"
#include "layers/module.h"

namespace dg {

// TensorFlow's SAME: out = ceil(in / stride), total = max((out - 1) * stride + kernel - in, 0); the smaller
// half goes to the top and left, the rest to the bottom and right.
Padding2d same_padding(std::int64_t height, std::int64_t width, std::int64_t kernel_h, std::int64_t kernel_w,
                       std::int64_t stride);

struct Conv2dConfig {
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel = 0;    // a square one, or
  std::int64_t kernel_h = 0;  // both of these
  std::int64_t kernel_w = 0;
  std::int64_t stride = 1;
  Padding2d padding = {};  // zeros
  bool bias = true;
  bool same = false;       // the padding follows from each input's size: see same_padding
  Epilogue epilogue = {};  // an activation of the result, in the same pass
};

// x (N,H,W,C) -> (N,P,Q,K), P = floor((H + top + bottom - kernel_h) / stride) + 1.
// Parameters: weight (K, kernel_h, kernel_w, C), bias (K). Throws Error for a config that makes no sense.
class Conv2d final : public Module {
 public:
  using Config = Conv2dConfig;
  Conv2d(Context& context, Conv2dConfig config);

  std::string kind() const override { return "Conv2d"; }
  std::string details() const override;
  std::int64_t multiply_adds(const Shape& input, const Shape& output) const override;
  std::string algorithm(const Tensor& x, const Tensor& y) const override;
  // Of the layer's convolution of an input.
  Conv2dShape shape_for(const Shape& input) const;
  const Conv2dConfig& config() const { return config_; }  // kernel_h and kernel_w are filled in

  // The zeros around an image of this size.
  Padding2d padding_for(std::int64_t height, std::int64_t width) const;
  // The layer with other zeros around: a part of an image has none where the image goes on.
  Tensor with_padding(const Tensor& x, const Padding2d& padding) { return observed(x, convolve(x, padding)); }
  // For inference: the layer on before(x), mirrored `reflect` times at its border, with the moments of the result if asked
  // for; see conv2d_fused. Either the layer has a padding or its input is mirrored. No observer is told.
  Tensor fused(const Tensor& x, const ScaleShift& before, std::int64_t reflect,
               ChannelMoments* moments) const;

 private:
  Tensor convolve(const Tensor& x, const Padding2d& padding) const;
  Tensor forward(const Tensor& x) override;

  Conv2dConfig config_;
  Tensor& weight_;
  Tensor* bias_ = nullptr;
};

struct ConvTranspose2dConfig {
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t kernel = 0;    // a square one, or
  std::int64_t kernel_h = 0;  // both of these
  std::int64_t kernel_w = 0;
  std::int64_t stride = 1;
  Padding2d padding = {};           // cut from the result
  std::int64_t output_padding = 0;  // rows and columns added at the bottom and right, less than the stride
  bool bias = true;
  Epilogue epilogue = {};
};

// x (N,H,W,K) -> (N,P,Q,C), P = (H - 1) * stride - top - bottom + kernel_h + output_padding.
// Parameters: weight (K = in_channels, kernel_h, kernel_w, C = out_channels), bias (C).
class ConvTranspose2d final : public Module {
 public:
  using Config = ConvTranspose2dConfig;
  ConvTranspose2d(Context& context, ConvTranspose2dConfig config);

  std::string kind() const override { return "ConvTranspose2d"; }
  std::string details() const override;
  std::int64_t multiply_adds(const Shape& input, const Shape& output) const override;
  std::string algorithm(const Tensor& x, const Tensor& y) const override;
  // Of the convolution whose gradient of the input this layer's forward is.
  Conv2dShape shape_for(const Shape& output) const;
  const ConvTranspose2dConfig& config() const { return config_; }

  // The layer with another margin cut from the result, or added at its bottom: of a part of an image.
  struct Margin {
    Padding2d cut = {};
    std::int64_t added_rows = 0;  // less than the stride
  };
  Tensor with_margin(const Tensor& x, const Margin& margin) { return observed(x, convolve(x, margin)); }

 private:
  Tensor convolve(const Tensor& x, const Margin& margin) const;
  Tensor forward(const Tensor& x) override;

  ConvTranspose2dConfig config_;
  Tensor& weight_;
  Tensor* bias_ = nullptr;
};

}  // namespace dg
