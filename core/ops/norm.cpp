// y = activation((x - mean) / sqrt(var + eps) * gamma + beta) + residual, statistics per group and channel over the
// group's pixels; the activation is none or leaky ReLU.
// Instance norm: a group is one image. Batch norm: one group holds all images, a reshape in NHWC.
// Saved: x, gamma, and mean and variance of the fused kernel. Where a second derivative is asked for, the gradient is
// written in small ops from x on: mean and variance depend on x and must not be constants there.
#include "core/ops/common.h"

namespace dg {
namespace {

struct NormResult {
  Tensor output, mean, variance;
};

// What statistics, gamma and beta are stored in: bfloat16 would round them to three digits.
DType statistics_type(const Tensor& x) { return x.dtype() == DType::bfloat16 ? DType::float32 : x.dtype(); }

// x (G, P, 1, C) in all of this file's helpers; gamma, beta (C) or undefined; residual as x or undefined.
struct NormInputs {
  Tensor x, gamma, beta, residual;
  NormOptions options;
};

// With h = (x - mean) * rstd and g = dy * activation'(h gamma + beta):  dbeta = sum g, dgamma = sum g h,
//   dx = rstd * (gg - mean(gg) - h * mean(gg h)) where gg = g * gamma.
// The derivative of the activation is piecewise constant: the pre-activation's sign is all that counts.
std::vector<Tensor> composed_gradients(const NormInputs& in, const BackwardCall& call) {
  const DType type = statistics_type(in.x);
  const Tensor x = cast(in.x, type);
  const Tensor centred = x - mean(x, {1, 2});
  const Tensor rstd = reciprocal(sqrt(mean(square(centred), {1, 2}) + in.options.eps));
  const Tensor h = centred * rstd;
  Tensor g = cast(call.grad, type);
  if (in.options.epilogue.activation != Activation::none) {
    Tensor pre = in.gamma.defined() ? h * in.gamma : h;
    if (in.beta.defined()) pre = pre + in.beta;
    g = activation_grad(in.options.epilogue, g, pre.detach());
  }
  std::vector<Tensor> out(4);
  if (call.needed[0]) {
    const Tensor gg = in.gamma.defined() ? g * in.gamma : g;
    out[0] = cast(rstd * (gg - mean(gg, {1, 2}) - h * mean(gg * h, {1, 2})), in.x.dtype());
  }
  if (call.needed[1]) out[1] = sum_to(g * h, in.gamma.shape());
  if (call.needed[2]) out[2] = sum_to(g, in.beta.shape());
  if (call.needed[3]) out[3] = call.grad;
  return out;
}

std::vector<Tensor> fused_gradients(const NormInputs& in, const Tensor& mean, const Tensor& variance,
                                    const BackwardCall& call) {
  const NormShape s{in.x.dim(0), in.x.dim(1), in.x.dim(3)};
  Tensor dx = empty_like(in.x);
  Tensor dgamma = empty_like(mean);
  Tensor dbeta = empty_like(mean);
  in.x.backend().norm_grad(call.grad.array(), in.x.array(), mean.array(), variance.array(), in.gamma.array(),
                           in.beta.array(), dx.mutable_array(), dgamma.mutable_array(), dbeta.mutable_array(),
                           in.options.eps, s, in.options.epilogue);
  return {dx, call.needed[1] ? sum_to(dgamma, in.gamma.shape()) : Tensor(),
          call.needed[2] ? sum_to(dbeta, in.beta.shape()) : Tensor(), call.needed[3] ? call.grad : Tensor()};
}

NormResult norm(std::string_view op, const NormInputs& in) {
  const std::int64_t channels = in.x.dim(3);
  for (const Tensor* affine : {&in.gamma, &in.beta}) {
    if (!affine->defined()) continue;
    check(&affine->context() == &in.x.context(), op, ": gamma or beta belongs to another context");
    check(affine->dtype() == statistics_type(in.x), op, ": gamma or beta is ", name_of(affine->dtype()),
          ", an input of ", name_of(in.x.dtype()), " expects ", name_of(statistics_type(in.x)),
          "; cast() it");
    check(affine->shape() == Shape{channels}, op, ": gamma or beta is ", affine->shape(),
          ", input has C=", channels);
  }
  if (in.residual.defined()) {
    check_operands(op, in.x, in.residual);
    check(in.residual.numel() == in.x.numel(), op, ": the residual has ", in.residual.numel(),
          " elements, the input ", in.x.numel());
  }
  check(in.options.epilogue.activation != Activation::tanh, op,
        ": its activation is none or leaky_relu; apply tanh to the result");
  check(in.x.numel() > 0, op, ": the input of shape ", in.x.shape(), " has no elements");
  Tensor y = empty_like(in.x);
  Tensor mean = Tensor::empty(in.x.context(), {in.x.dim(0), channels}, statistics_type(in.x));
  Tensor variance = empty_like(mean);
  in.x.backend().norm(in.x.array(), in.gamma.array(), in.beta.array(), in.residual.array(), y.mutable_array(),
                      mean.mutable_array(), variance.mutable_array(), in.options.eps,
                      {in.x.dim(0), in.x.dim(1), channels}, in.options.epilogue);
  const NormInputs saved{in.x, in.gamma, in.beta, {}, in.options};
  y = record(op, std::move(y), {in.x, in.gamma, in.beta, in.residual},
             [saved, mean, variance](const BackwardCall& call) {
               return saved.x.context().grad_enabled() ? composed_gradients(saved, call)
                                                       : fused_gradients(saved, mean, variance, call);
             });
  return {y, mean, variance};
}

Tensor as_rows(const Tensor& x, const Shape& rows) { return x.defined() ? reshape(x, rows) : x; }

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, NormOptions options,
                     const Tensor& residual) {
  check_image("instance_norm", x);
  const Shape rows{x.dim(0), x.dim(1) * x.dim(2), 1, x.dim(3)};
  const NormInputs in{reshape(x, rows), gamma, beta, as_rows(residual, rows), options};
  return reshape(norm("instance_norm", in).output, x.shape());
}

ChannelMoments channel_moments(const Tensor& x) {
  check_image("channel_moments", x);
  const NoGrad no_grad(x.context());
  if (has_conv2d_fused(x)) {
    const Shape channels{x.dim(0), x.dim(3)};
    ChannelMoments moments{Tensor::empty(x.context(), channels), Tensor::empty(x.context(), channels)};
    x.backend().moments(x.array(), moments.mean.mutable_array(), moments.variance.mutable_array(),
                        {x.dim(0), x.dim(1) * x.dim(2), x.dim(3)});
    return moments;
  }
  const Shape rows{x.dim(0), x.dim(1) * x.dim(2), 1, x.dim(3)};
  const NormResult result = norm("channel_moments", {reshape(x, rows), {}, {}, {}, {}});
  return {result.mean, result.variance};
}

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, NormOptions options,
                           const Tensor& residual) {
  check_defined("batch_norm", x);
  check(x.rank() == 4 || x.rank() == 2, "batch_norm: expected (N, H, W, C) or (N, C), got ", x.shape());
  const std::int64_t channels = x.dim(-1);
  check(channels > 0, "batch_norm: the input of shape ", x.shape(), " has no channels");
  const Shape rows{1, x.numel() / channels, 1, channels};
  const NormResult result =
      norm("batch_norm", {reshape(x, rows), gamma, beta, as_rows(residual, rows), options});
  return {reshape(result.output, x.shape()), result.mean.view_as({channels}),
          result.variance.view_as({channels})};
}

}  // namespace dg
