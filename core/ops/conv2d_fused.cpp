// Convolution with the normalisation before it and the statistics behind it in one pass over memory. Nothing is recorded:
// whoever differentiates needs the normalised map itself.
#include "core/ops/common.h"

namespace dg {
namespace {

void check_scale_shift(std::string_view op, const Tensor& x, const ScaleShift& map) {
  if (!map.defined()) return;
  const Shape channels{x.dim(0), x.dim(3)};
  for (const Tensor* t : {&map.scale, &map.shift}) {
    check_operands(op, x, *t);
    check(t->shape() == channels, op, ": scale or shift is ", t->shape(), ", expected ", channels);
  }
}

void check_device(std::string_view op, const Tensor& x) {
  check_image(op, x);
  check(has_conv2d_fused(x), op, ": device '", x.backend().name(), "' has none for ", name_of(x.dtype()),
        "; use conv2d and instance_norm");
}

void run_scale_shift(const Tensor& x, const ScaleShift& map, const Tensor& residual, Tensor& y) {
  constexpr std::string_view op = "scale_shift";
  check_device(op, x);
  check(map.defined(), op, ": the map has neither scale nor shift");
  check_scale_shift(op, x, map);
  if (residual.defined()) {
    check_operands(op, x, residual);
    check(residual.shape() == x.shape(), op, ": the residual is ", residual.shape(), ", expected ",
          x.shape());
  }
  x.backend().scale_shift(x.array(), map.scale.array(), map.shift.array(), residual.array(),
                          y.mutable_array(), {x.dim(0), x.dim(1) * x.dim(2), x.dim(3)}, map.activation);
}

}  // namespace

bool has_conv2d_fused(const Tensor& x) { return x.backend().has_conv2d_fused(x.dtype()); }

Tensor conv2d_fused(const Tensor& x, const ScaleShift& before, const Tensor& weight, const Tensor& bias,
                    Conv2dOptions options, PadMode border, Epilogue epilogue, ChannelMoments* moments) {
  constexpr std::string_view op = "conv2d_fused";
  check_device(op, x);
  check_scale_shift(op, x, before);
  const Conv2dShape s = checked_conv_shape(op, x, weight, bias, options);
  const Padding2d& p = options.padding;
  check(border != PadMode::reflect || (std::max(p.top, p.bottom) < s.h && std::max(p.left, p.right) < s.w),
        op, ": cannot mirror ", p.top, "+", p.bottom, " rows and ", p.left, "+", p.right,
        " columns of an image of ", s.h, "x", s.w);
  check(moments == nullptr || epilogue.activation == Activation::none, op,
        ": moments are taken before the epilogue; leave one of them away");
  ConvFusion fusion{.scale = before.scale.array(),
                    .shift = before.shift.array(),
                    .activation = before.activation,
                    .border = border};
  if (moments != nullptr) {
    const Shape channels{s.n, s.k};
    *moments = {Tensor::empty(x.context(), channels), Tensor::empty(x.context(), channels)};
    fusion.mean = moments->mean.mutable_array();
    fusion.variance = moments->variance.mutable_array();
  }
  Tensor y = Tensor::empty(x.context(), {s.n, s.p(), s.q(), s.k}, x.dtype());
  x.backend().conv2d_fused(x.array(), weight.array(), bias.array(), y.mutable_array(), s, fusion);
  if (epilogue.activation != Activation::none) {
    const UnaryOp activation = epilogue.activation == Activation::tanh ? UnaryOp::tanh : UnaryOp::leaky_relu;
    y.backend().unary(activation, y.array(), y.mutable_array(), y.numel(), epilogue.slope, 0.0);
  }
  return y;
}

Tensor scale_shift(const Tensor& x, const ScaleShift& map, const Tensor& residual) {
  check_defined("scale_shift", x);
  Tensor y = empty_like(x);
  run_scale_shift(x, map, residual, y);
  return y;
}

void scale_shift_in_place(Tensor& x, const ScaleShift& map, const Tensor& residual) {
  run_scale_shift(x, map, residual, x);
}

}  // namespace dg
