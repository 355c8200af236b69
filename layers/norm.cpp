// Normalisation layers: training goes through the fused ops, running statistics through elementwise ones.
#include "layers/norm.h"

#include <array>
#include <sstream>

#include "core/ops.h"
#include "layers/activation.h"

namespace dg {

namespace {

template <typename Config>
Config checked(const char* layer, const Config& config) {
  check(config.channels > 0, layer, ": got channels ", config.channels, ", give a positive number");
  check(config.eps > 0.0, layer, ": got eps ", config.eps, ", give a positive one");
  check(config.momentum >= 0.0 && config.momentum <= 1.0, layer, ": got momentum ", config.momentum,
        ", give the weight of the old value, between 0 and 1");
  return config;
}

void check_channels(const char* layer, const Tensor& x, std::int64_t channels) {
  check(x.rank() == 4 || x.rank() == 2, layer, ": got an input of shape ", x.shape(),
        ", expected (N,H,W,C), reshape it");
  check(x.dim(-1) == channels, layer, ": got an input with ", x.dim(-1), " channels, expected ", channels,
        ", build the layer for the input's channels");
}

// gamma / sqrt(var + eps) and beta - mean * that. gamma and beta may be undefined.
ScaleShift factors(const Tensor& mean, const Tensor& var, const Tensor& gamma, const Tensor& beta,
                   const NormOptions& options) {
  ScaleShift map;
  map.scale = reciprocal(sqrt(affine(var, 1.0, options.eps)));
  map.activation = options.epilogue;
  if (gamma.defined()) map.scale = mul(gamma, map.scale);
  map.shift = neg(mul(mean, map.scale));
  if (beta.defined()) map.shift = add(beta, map.shift);
  return map;
}

// (C) or (images,1,1,C) -> (images, C).
ScaleShift for_images(const ScaleShift& map, std::int64_t images) {
  const std::int64_t channels = map.scale.dim(-1);
  const Shape shape{images, channels};
  const auto spread = [&](const Tensor& t) {
    return t.numel() == channels ? expand_to(reshape(t, Shape{channels}), shape) : reshape(t, shape);
  };
  return {spread(map.scale), spread(map.shift), map.activation};
}

// y = activation(x * scale + shift) + residual, which may be undefined.
Tensor scale_and_shift(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& gamma,
                       const Tensor& beta, const NormOptions& options, const Tensor& residual) {
  const ScaleShift map = factors(mean, var, gamma, beta, options);
  if (!x.context().grad_enabled() && x.rank() == 4 && has_conv2d_fused(x)) {
    return scale_shift(x, for_images(map, x.dim(0)), residual);
  }
  Tensor y = mul(cast(x, map.scale.dtype()), map.scale);  // step by step: what is done with is given back
  y = add(y, map.shift);
  y = cast(y, x.dtype());
  if (options.epilogue.activation == Activation::leaky_relu) y = leaky_relu(y, options.epilogue.slope);
  return residual.defined() ? add(y, residual) : y;
}

void move_running_stats(Tensor& running_mean, const Tensor& mean, Tensor& running_var, const Tensor& var,
                        double momentum) {
  check(mean.dtype() == running_mean.dtype(), "running statistics are ", name_of(running_mean.dtype()),
        ", the batch is ", name_of(mean.dtype()), ", convert the module with to()");
  const std::array<EmaTensor, 2> moved{{{running_mean.mutable_array(), mean.array(), mean.numel()},
                                        {running_var.mutable_array(), var.array(), var.numel()}}};
  running_mean.backend().ema(moved, momentum);
}

Tensor or_none(const Tensor* tensor) { return tensor != nullptr ? *tensor : Tensor(); }

}  // namespace

// ---- InstanceNorm2d ----

InstanceNorm2d::InstanceNorm2d(Context& context, InstanceNorm2dConfig config)
    : NormLayer(context), config_(checked("InstanceNorm2d", config)) {
  check(config_.track_running_stats || !config_.use_running_stats_in_eval,
        "InstanceNorm2d: use_running_stats_in_eval needs the buffers, set track_running_stats too");
  const Shape channels{config_.channels};
  if (config_.affine) {
    gamma_ = &register_parameter("weight", Tensor::ones(context, channels), {ParameterRole::scale});
    beta_ = &register_parameter("bias", Tensor::zeros(context, channels), {ParameterRole::bias});
  }
  if (config_.track_running_stats) {
    running_mean_ = &register_buffer("running_mean", Tensor::zeros(context, channels));
    running_var_ = &register_buffer("running_var", Tensor::ones(context, channels));
  }
}

Tensor InstanceNorm2d::normalise(const Tensor& x, const Tensor& residual) {
  check_channels("InstanceNorm2d", x, config_.channels);
  if (config_.use_running_stats_in_eval) {
    if (!training()) return normalise_with(x, *running_mean_, *running_var_, residual);
    update_running_stats(cast(x, running_mean_->dtype()));
  }
  return instance_norm(x, or_none(gamma_), or_none(beta_), {config_.eps, config_.epilogue}, residual);
}

Tensor InstanceNorm2d::normalise_with(const Tensor& x, const Tensor& mean, const Tensor& variance,
                                      const Tensor& residual) {
  return scale_and_shift(x, mean, variance, or_none(gamma_), or_none(beta_), {config_.eps, config_.epilogue},
                         residual);
}

ScaleShift InstanceNorm2d::as_scale_shift(const ChannelMoments& measured, std::int64_t images) const {
  const NormOptions options{config_.eps, config_.epilogue};
  if (measures_input()) {
    return factors(measured.mean, measured.variance, or_none(gamma_), or_none(beta_), options);
  }
  return for_images(factors(*running_mean_, *running_var_, or_none(gamma_), or_none(beta_), options), images);
}

void InstanceNorm2d::update_running_stats(const Tensor& x) {
  check(x.rank() == 4 && x.dim(1) * x.dim(2) > 1, "InstanceNorm2d: got an input of shape ", x.shape(),
        ", expected images of more than one pixel to take an unbiased variance of, give larger ones");
  const NoGrad no_grad(context());
  const auto pixels = static_cast<double>(x.dim(1) * x.dim(2));
  const Tensor mean_image = mean(x, {1, 2});
  const Tensor var_image = mean(square(sub(x, mean_image)), {1, 2}) * (pixels / (pixels - 1.0));
  const Shape channels{config_.channels};
  move_running_stats(*running_mean_, reshape(mean(mean_image, {0}), channels), *running_var_,
                     reshape(mean(var_image, {0}), channels), config_.momentum);
}

std::string InstanceNorm2d::details() const {
  std::ostringstream out;
  out << config_.channels;
  if (config_.affine) out << ", affine";
  if (config_.track_running_stats)
    out << ", running statistics " << (config_.use_running_stats_in_eval ? "used" : "kept");
  print_epilogue(out, config_.epilogue);
  return out.str();
}

// ---- BatchNorm2d ----

BatchNorm2d::BatchNorm2d(Context& context, BatchNorm2dConfig config)
    : NormLayer(context),
      config_(checked("BatchNorm2d", config)),
      gamma_(register_parameter("weight", Tensor::ones(context, {config_.channels}), {ParameterRole::scale})),
      beta_(register_parameter("bias", Tensor::zeros(context, {config_.channels}), {ParameterRole::bias})),
      running_mean_(register_buffer("running_mean", Tensor::zeros(context, {config_.channels}))),
      running_var_(register_buffer("running_var", Tensor::ones(context, {config_.channels}))) {}

Tensor BatchNorm2d::normalise(const Tensor& x, const Tensor& residual) {
  check_channels("BatchNorm2d", x, config_.channels);
  if (!training()) return normalise_with(x, running_mean_, running_var_, residual);
  const BatchNormResult result = batch_norm(x, gamma_, beta_, {config_.eps, config_.epilogue}, residual);
  const NoGrad no_grad(context());
  Tensor variance = result.variance;
  if (config_.unbiased_running_variance) {
    const std::int64_t n = x.numel() / config_.channels;
    check(n > 1, "BatchNorm2d: got an input of shape ", x.shape(),
          ", expected more than one value per channel for an unbiased variance, give a larger batch");
    variance = variance * (static_cast<double>(n) / static_cast<double>(n - 1));
  }
  move_running_stats(running_mean_, result.mean, running_var_, variance, config_.momentum);
  return result.output;
}

Tensor BatchNorm2d::normalise_with(const Tensor& x, const Tensor& mean, const Tensor& variance,
                                   const Tensor& residual) {
  return scale_and_shift(x, mean, variance, gamma_, beta_, {config_.eps, config_.epilogue}, residual);
}

ScaleShift BatchNorm2d::as_scale_shift(const ChannelMoments& /*measured*/, std::int64_t images) const {
  const NormOptions options{config_.eps, config_.epilogue};
  check(!measures_input(), "BatchNorm2d: as_scale_shift is for eval mode, and this layer is training");
  return for_images(factors(running_mean_, running_var_, gamma_, beta_, options), images);
}

std::string BatchNorm2d::details() const {
  std::ostringstream out;
  out << config_.channels << ", eps " << config_.eps << ", momentum " << config_.momentum;
  print_epilogue(out, config_.epilogue);
  return out.str();
}

}  // namespace dg
