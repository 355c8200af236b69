// Small helpers of the op files: checks, and tensors like another.
#pragma once

#include <string_view>

#include "core/autograd.h"
#include "core/ops.h"
#include "core/tensor.h"

namespace dg {

inline Tensor empty_like(const Tensor& x) { return Tensor::empty(x.context(), x.shape(), x.dtype()); }

inline void check_defined(std::string_view op, const Tensor& x) {
  check(x.defined(), op, ": got an undefined tensor; pass one made by Tensor::zeros, from_host or an op");
}

// Operands must share a context and an element type.
inline void check_operands(std::string_view op, const Tensor& a, const Tensor& b) {
  check_defined(op, a);
  check_defined(op, b);
  check(&a.context() == &b.context(), op,
        ": the operands belong to different contexts; copy one through the host");
  check(a.dtype() == b.dtype(), op, ": operands are ", name_of(a.dtype()), " and ", name_of(b.dtype()),
        "; cast() one of them");
}

inline void check_image(std::string_view op, const Tensor& x) {
  check_defined(op, x);
  check(x.rank() == 4, op, ": expected (N, H, W, C), got ", x.shape());
}

// The shape of a convolution, or an Error that names what does not fit. bias may be undefined.
Conv2dShape checked_conv_shape(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                               const Conv2dOptions& options);

// A kernel's scalar loops: op over all elements, parameters a and b.
inline Tensor apply(UnaryOp op, const Tensor& x, double a = 0.0, double b = 0.0) {
  Tensor y = empty_like(x);
  x.backend().unary(op, x.array(), y.mutable_array(), x.numel(), a, b);
  return y;
}

// p and q of equal shape.
inline Tensor apply(BinaryOp op, const Tensor& p, const Tensor& q, double a = 0.0, double b = 0.0) {
  check(p.shape() == q.shape(), "elementwise gradient: operands are ", p.shape(), " and ", q.shape());
  Tensor y = empty_like(p);
  p.backend().binary(op, p.array(), q.array(), y.mutable_array(),
                     {{1, 1, 1, p.numel()}, {0, 0, 0, 1}, {0, 0, 0, 1}}, a, b);
  return y;
}

// The gradient of an activation from that of its result `y`; differentiable in grad, and for tanh in y.
Tensor activation_grad(const Epilogue& epilogue, const Tensor& grad, const Tensor& y);

}  // namespace dg
