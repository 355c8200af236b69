// Normalisation layers. y = (x - mean) / sqrt(var + eps) * gamma + beta, var the biased variance.
// An activation (none, ReLU or leaky ReLU) and the addition of a residual happen in the same pass over memory.
// In bfloat16 networks the parameters and statistics stay float32.
// Names follow PyTorch's: gamma is `weight`, beta is `bias`, the buffers are `running_mean`, `running_var`.
#pragma once

#include <cstdint>
#include <string>

#include "core/ops.h"
#include "kernels/shapes.h"
#include "layers/module.h"

namespace dg {

class NormLayer : public Module {
 public:
  using Module::Module;
  using Module::operator();
  // The layer's result plus `residual`, which has x's shape.
  Tensor operator()(const Tensor& x, const Tensor& residual) { return observed(x, normalise(x, residual)); }

  // Whether the layer, in its present mode, takes mean and variance of what it is given rather than of its buffers.
  virtual bool measures_input() const = 0;
  // The layer as a factor and a summand per image and channel, (images, C): of the given statistics (images, C) where it
  // measures its input, else of its buffers.
  virtual ScaleShift as_scale_shift(const ChannelMoments& measured, std::int64_t images) const = 0;
  // The layer with given statistics, (C) or (N,1,1,C): x may be a part of the image that they were taken of. The
  // residual may be undefined.
  Tensor with_statistics(const Tensor& x, const Tensor& mean, const Tensor& variance,
                         const Tensor& residual = {}) {
    return observed(x, normalise_with(x, mean, variance, residual));
  }

 protected:
  virtual Tensor normalise(const Tensor& x, const Tensor& residual) = 0;
  virtual Tensor normalise_with(const Tensor& x, const Tensor& mean, const Tensor& variance,
                                const Tensor& residual) = 0;

 private:
  Tensor forward(const Tensor& x) final { return normalise(x, {}); }
};

struct InstanceNorm2dConfig {
  std::int64_t channels = 0;
  double eps = 1e-5;
  bool affine = false;  // weight (C) and bias (C)
  // The buffers exist, so that files that carry them load; statistics still come from each image itself.
  bool track_running_stats = false;
  // Needs track_running_stats: eval mode normalises with the buffers, as PyTorch's eval() does, and training
  // moves them by `momentum` towards the mean of the images' means and unbiased variances.
  bool use_running_stats_in_eval = false;
  double momentum = 0.9;  // running = momentum * running + (1 - momentum) * batch; PyTorch's is 1 - this
  Epilogue epilogue = {};
};

// Statistics per image and channel over H, W. x (N,H,W,C) -> the same shape.
class InstanceNorm2d final : public NormLayer {
 public:
  using Config = InstanceNorm2dConfig;
  InstanceNorm2d(Context& context, InstanceNorm2dConfig config);

  std::string kind() const override { return "InstanceNorm2d"; }
  std::string details() const override;
  const InstanceNorm2dConfig& config() const { return config_; }
  bool measures_input() const override { return training() || !config_.use_running_stats_in_eval; }
  ScaleShift as_scale_shift(const ChannelMoments& measured, std::int64_t images) const override;

 private:
  Tensor normalise(const Tensor& x, const Tensor& residual) override;
  Tensor normalise_with(const Tensor& x, const Tensor& mean, const Tensor& variance,
                        const Tensor& residual) override;
  void update_running_stats(const Tensor& x);

  InstanceNorm2dConfig config_;
  Tensor* gamma_ = nullptr;
  Tensor* beta_ = nullptr;
  Tensor* running_mean_ = nullptr;
  Tensor* running_var_ = nullptr;
};

struct BatchNorm2dConfig {
  std::int64_t channels = 0;
  double eps = 1e-5;  // Keras: 1e-3
  // running = momentum * running + (1 - momentum) * batch, as in Keras
  // (0.99 there; PyTorch's 0.1 is 0.9 here).
  double momentum = 0.9;
  // Multiply the batch's variance by n / (n - 1) before it enters running_var, n = N * H * W: what PyTorch
  // and TensorFlow's fused kernel do. The output always uses the biased variance.
  bool unbiased_running_variance = false;
  Epilogue epilogue = {};
};

// Training: statistics per channel over N, H, W, and the buffers are updated. Eval: the buffers.
// x (N,H,W,C) or (N,C) -> the same shape.
class BatchNorm2d final : public NormLayer {
 public:
  using Config = BatchNorm2dConfig;
  BatchNorm2d(Context& context, BatchNorm2dConfig config);

  std::string kind() const override { return "BatchNorm2d"; }
  std::string details() const override;
  const BatchNorm2dConfig& config() const { return config_; }
  bool measures_input() const override { return training(); }
  ScaleShift as_scale_shift(const ChannelMoments& measured, std::int64_t images) const override;

 private:
  Tensor normalise(const Tensor& x, const Tensor& residual) override;
  Tensor normalise_with(const Tensor& x, const Tensor& mean, const Tensor& variance,
                        const Tensor& residual) override;

  BatchNorm2dConfig config_;
  Tensor& gamma_;
  Tensor& beta_;
  Tensor& running_mean_;
  Tensor& running_var_;
};

}  // namespace dg
