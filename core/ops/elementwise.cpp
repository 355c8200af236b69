// Elementwise arithmetic with broadcasting. Gradients of a broadcast operand are summed back to its shape.
#include <algorithm>
#include <vector>

#include "core/ops/common.h"

namespace dg {
namespace {

Shape broadcast_shape(std::string_view op, const Shape& a, const Shape& b) {
  std::vector<std::int64_t> out(static_cast<std::size_t>(std::max(a.rank(), b.rank())));
  for (int i = 1; i <= static_cast<int>(out.size()); ++i) {
    const std::int64_t u = i <= a.rank() ? a[-i] : 1;
    const std::int64_t v = i <= b.rank() ? b[-i] : 1;
    check(u == v || u == 1 || v == 1, op, ": shapes ", a, " and ", b,
          " do not broadcast: aligned at the last dimension, extents must be equal or 1");
    out[out.size() - static_cast<std::size_t>(i)] = u == 1 ? v : u;
  }
  return Shape(std::span<const std::int64_t>(out));
}

// Neighbouring dimensions that both operands walk in the same way are merged, which leaves few.
BroadcastShape broadcast_strides(std::string_view op, const Shape& a, const Shape& b, const Shape& out) {
  BroadcastShape shape;
  int used = 0;  // dimensions filled, innermost at index 3
  std::int64_t stride_a = 1;
  std::int64_t stride_b = 1;
  for (int i = 1; i <= out.rank(); ++i) {
    const std::int64_t extent = out[-i];
    const std::int64_t extent_a = i <= a.rank() ? a[-i] : 1;
    const std::int64_t extent_b = i <= b.rank() ? b[-i] : 1;
    if (extent == 1) continue;
    const std::int64_t step_a = extent_a == 1 ? 0 : stride_a;
    const std::int64_t step_b = extent_b == 1 ? 0 : stride_b;
    const auto last = static_cast<std::size_t>(4 - used);
    const bool merges = used > 0 && step_a == shape.stride_a[last] * shape.extent[last] &&
                        step_b == shape.stride_b[last] * shape.extent[last];
    if (merges) {
      shape.extent[last] *= extent;
    } else {
      check(used < 4, op, ": broadcasting ", a, " with ", b,
            " needs more than four loops; reshape the operands");
      ++used;
      const auto next = static_cast<std::size_t>(4 - used);
      shape.extent[next] = extent;
      shape.stride_a[next] = step_a;
      shape.stride_b[next] = step_b;
    }
    stride_a *= extent_a;
    stride_b *= extent_b;
  }
  return shape;
}

Tensor broadcast(std::string_view name, BinaryOp op, const Tensor& a, const Tensor& b) {
  check_operands(name, a, b);
  const Shape shape = broadcast_shape(name, a.shape(), b.shape());
  Tensor y = Tensor::empty(a.context(), shape, a.dtype());
  if (y.numel() > 0) {
    a.backend().binary(op, a.array(), b.array(), y.mutable_array(),
                       broadcast_strides(name, a.shape(), b.shape(), shape), 0.0, 0.0);
  }
  return y;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return record("add", broadcast("add", BinaryOp::add, a, b), {a, b},
                [sa = a.shape(), sb = b.shape()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? sum_to(call.grad, sa) : Tensor(),
                          call.needed[1] ? sum_to(call.grad, sb) : Tensor()};
                });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record("sub", broadcast("sub", BinaryOp::subtract, a, b), {a, b},
                [sa = a.shape(), sb = b.shape()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? sum_to(call.grad, sa) : Tensor(),
                          call.needed[1] ? neg(sum_to(call.grad, sb)) : Tensor()};
                });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  return record("mul", broadcast("mul", BinaryOp::multiply, a, b), {a, b},
                [a, b](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? sum_to(call.grad * b, a.shape()) : Tensor(),
                          call.needed[1] ? sum_to(call.grad * a, b.shape()) : Tensor()};
                });
}

Tensor div(const Tensor& a, const Tensor& b) {
  return record("div", broadcast("div", BinaryOp::divide, a, b), {a, b},
                [a, b](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? sum_to(call.grad / b, a.shape()) : Tensor(),
                          call.needed[1] ? neg(sum_to(call.grad * a / square(b), b.shape())) : Tensor()};
                });
}

Tensor affine(const Tensor& x, double scale, double shift) {
  check_defined("affine", x);
  return record(
      "affine", apply(UnaryOp::affine, x, scale, shift), {x},
      [scale](const BackwardCall& call) -> std::vector<Tensor> { return {affine(call.grad, scale, 0.0)}; });
}

Tensor neg(const Tensor& x) { return affine(x, -1.0, 0.0); }

Tensor exp(const Tensor& x) {
  check_defined("exp", x);
  return record_saving_output(
      "exp", apply(UnaryOp::exp, x), {x},
      [](const BackwardCall& call) -> std::vector<Tensor> { return {call.grad * call.output}; });
}

Tensor log(const Tensor& x) {
  check_defined("log", x);
  return record("log", apply(UnaryOp::log, x), {x},
                [x](const BackwardCall& call) -> std::vector<Tensor> { return {call.grad / x}; });
}

Tensor sqrt(const Tensor& x) {
  check_defined("sqrt", x);
  return record_saving_output("sqrt", apply(UnaryOp::sqrt, x), {x},
                              [](const BackwardCall& call) -> std::vector<Tensor> {
                                return {call.grad / affine(call.output, 2.0, 0.0)};
                              });
}

Tensor reciprocal(const Tensor& x) {
  check_defined("reciprocal", x);
  return record_saving_output(
      "reciprocal", apply(UnaryOp::reciprocal, x), {x},
      [](const BackwardCall& call) -> std::vector<Tensor> { return {neg(call.grad * square(call.output))}; });
}

Tensor square(const Tensor& x) {
  check_defined("square", x);
  return record(
      "square", apply(UnaryOp::square, x), {x},
      [x](const BackwardCall& call) -> std::vector<Tensor> { return {affine(call.grad * x, 2.0, 0.0)}; });
}

Tensor abs(const Tensor& x) {
  check_defined("abs", x);
  return record(
      "abs", apply(UnaryOp::abs, x), {x},
      [x = x.detach()](const BackwardCall& call) -> std::vector<Tensor> { return {call.grad * sign(x)}; });
}

Tensor sign(const Tensor& x) {
  check_defined("sign", x);
  return apply(UnaryOp::sign, x);
}

}  // namespace dg
