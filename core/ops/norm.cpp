// y = (x - mean) / sqrt(var + eps) * gamma + beta, statistics per group and channel over the group's pixels.
// Instance norm: a group is one image. Batch norm: one group holds all images, a reshape in NHWC.
// Saved: x, gamma, and mean and variance of the fused kernel. Where a second derivative is asked for, the gradient is
// written in small ops from x on: mean and variance depend on x and must not be constants there.
#include "core/ops/common.h"

namespace dg {
namespace {

struct NormResult {
  Tensor output, mean, variance;
};

// x (G, P, 1, C) in all of this file's helpers; gamma, beta (C) or undefined.
struct NormInputs {
  Tensor x, gamma, beta;
  double eps = 0.0;
};

// With h = (x - mean) * rstd:  dbeta = sum dy, dgamma = sum dy h,
//   dx = rstd * (dyg - mean(dyg) - h * mean(dyg h)) where dyg = dy * gamma.
std::vector<Tensor> composed_gradients(const NormInputs& in, const BackwardCall& call) {
  const Tensor centred = in.x - mean(in.x, {1, 2});
  const Tensor rstd = reciprocal(sqrt(mean(square(centred), {1, 2}) + in.eps));
  const Tensor h = centred * rstd;
  std::vector<Tensor> out(3);
  if (call.needed[0]) {
    const Tensor dyg = in.gamma.defined() ? call.grad * in.gamma : call.grad;
    out[0] = rstd * (dyg - mean(dyg, {1, 2}) - h * mean(dyg * h, {1, 2}));
  }
  if (call.needed[1]) out[1] = sum_to(call.grad * h, in.gamma.shape());
  if (call.needed[2]) out[2] = sum_to(call.grad, in.beta.shape());
  return out;
}

std::vector<Tensor> fused_gradients(const NormInputs& in, const Tensor& mean, const Tensor& variance,
                                    const BackwardCall& call) {
  const NormShape s{in.x.dim(0), in.x.dim(1), in.x.dim(3)};
  Tensor dx = empty_like(in.x);
  Tensor dgamma = empty_like(mean);
  Tensor dbeta = empty_like(mean);
  in.x.backend().norm_grad(call.grad.array(), in.x.array(), mean.array(), variance.array(), in.gamma.array(),
                           dx.mutable_array(), dgamma.mutable_array(), dbeta.mutable_array(), in.eps, s);
  return {dx, call.needed[1] ? sum_to(dgamma, in.gamma.shape()) : Tensor(),
          call.needed[2] ? sum_to(dbeta, in.beta.shape()) : Tensor()};
}

NormResult norm(std::string_view op, const NormInputs& in) {
  const std::int64_t channels = in.x.dim(3);
  for (const Tensor* affine : {&in.gamma, &in.beta}) {
    if (!affine->defined()) continue;
    check_operands(op, in.x, *affine);
    check(affine->shape() == Shape{channels}, op, ": gamma or beta is ", affine->shape(),
          ", input has C=", channels);
  }
  check(in.x.numel() > 0, op, ": the input of shape ", in.x.shape(), " has no elements");
  Tensor y = empty_like(in.x);
  Tensor mean = Tensor::empty(in.x.context(), {in.x.dim(0), channels}, in.x.dtype());
  Tensor variance = empty_like(mean);
  in.x.backend().norm(in.x.array(), in.gamma.array(), in.beta.array(), y.mutable_array(),
                      mean.mutable_array(), variance.mutable_array(), in.eps,
                      {in.x.dim(0), in.x.dim(1), channels});
  y = record(op, std::move(y), {in.x, in.gamma, in.beta}, [in, mean, variance](const BackwardCall& call) {
    return in.x.context().grad_enabled() ? composed_gradients(in, call)
                                         : fused_gradients(in, mean, variance, call);
  });
  return {y, mean, variance};
}

}  // namespace

Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  check_image("instance_norm", x);
  const Tensor rows = reshape(x, {x.dim(0), x.dim(1) * x.dim(2), 1, x.dim(3)});
  return reshape(norm("instance_norm", {rows, gamma, beta, eps}).output, x.shape());
}

BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double eps) {
  check_defined("batch_norm", x);
  check(x.rank() == 4 || x.rank() == 2, "batch_norm: expected (N, H, W, C) or (N, C), got ", x.shape());
  const std::int64_t channels = x.dim(-1);
  check(channels > 0, "batch_norm: the input of shape ", x.shape(), " has no channels");
  const Tensor rows = reshape(x, {1, x.numel() / channels, 1, channels});
  const NormResult result = norm("batch_norm", {rows, gamma, beta, eps});
  return {reshape(result.output, x.shape()), result.mean.view_as({channels}),
          result.variance.view_as({channels})};
}

}  // namespace dg
