// The differentiable operations. Every backward is written in these same operations, so second derivatives
// exist wherever the mathematics has them. All of them throw dg::Error on shapes, element types or contexts
// that do not fit. Operands share a context and an element type. Images are NHWC, convolution weights KRSC.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

#include "core/tensor.h"
#include "kernels/shapes.h"

namespace dg {

// ---- elementwise (core/ops/elementwise.cpp) ----
// Binary operations broadcast: extents are aligned at the last one, an extent of 1 repeats.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor affine(const Tensor& x, double scale, double shift);  // scale * x + shift
Tensor neg(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor square(const Tensor& x);
Tensor abs(const Tensor& x);   // derivative 0 at 0
Tensor sign(const Tensor& x);  // derivative 0 everywhere

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return affine(a, 1.0, b); }
inline Tensor operator-(const Tensor& a, double b) { return affine(a, 1.0, -b); }
inline Tensor operator*(const Tensor& a, double b) { return affine(a, b, 0.0); }
inline Tensor operator/(const Tensor& a, double b) { return affine(a, 1.0 / b, 0.0); }
inline Tensor operator+(double a, const Tensor& b) { return affine(b, 1.0, a); }
inline Tensor operator-(double a, const Tensor& b) { return affine(b, -1.0, a); }
inline Tensor operator*(double a, const Tensor& b) { return affine(b, a, 0.0); }
inline Tensor operator-(const Tensor& x) { return neg(x); }

// ---- activations (core/ops/activation.cpp) ----
Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double slope);  // slope >= 0
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor softplus(const Tensor& x);                        // log(1 + exp(x))
Tensor clamp(const Tensor& x, double low, double high);  // derivative 1 inside (low, high), 0 elsewhere

// ---- shape (core/ops/shape_ops.cpp) ----
// At most one extent may be -1: it follows from the others.
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor concat(std::span<const Tensor> tensors, int axis);
Tensor concat(std::initializer_list<Tensor> tensors, int axis);
Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end);
// Converts the element type; the gradient is converted back.
Tensor cast(const Tensor& x, DType dtype);

// The element type of maps: bfloat16 under bf16, but float32 on the CPU where nothing is recorded: there only products
// are narrowed, those of the convolutions that take Winograd's algorithm.
DType compute_type(Context& context);
// A float32 tensor in that type; others as they are. Networks pass their input through it; layers convert their
// parameters to their input's type.
Tensor to_compute_type(const Tensor& x);

// ---- reductions (core/ops/reduce.cpp) ----
Tensor sum(const Tensor& x);   // of all elements; shape ()
Tensor mean(const Tensor& x);  // of all elements; shape ()
// Over the given axes, which stay with extent 1.
Tensor sum(const Tensor& x, std::initializer_list<int> axes);
Tensor mean(const Tensor& x, std::initializer_list<int> axes);
// Repeats extents of 1 up to `shape`; extents are aligned at the last one. Its adjoint is sum_to.
Tensor expand_to(const Tensor& x, const Shape& shape);
Tensor sum_to(const Tensor& x, const Shape& shape);

// ---- matrix product (core/ops/matmul.cpp) ----
// (m,k) (k,n) -> (m,n); a transposed operand is stored the other way round.
struct MatmulOptions {
  bool transpose_a = false;
  bool transpose_b = false;
};
Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});

// ---- convolution (core/ops/conv2d.cpp) ----
struct Conv2dOptions {
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  Padding2d padding = {};  // zeros

  static Conv2dOptions same_stride(std::int64_t stride, Padding2d padding = {}) {
    return {stride, stride, padding};
  }
};
// x (N,H,W,C), weight (K,R,S,C), bias (K) or undefined -> (N,P,Q,K) with
//   P = floor((H + top + bottom - R) / stride_h) + 1.
// The epilogue is an activation of the result, applied before it is written.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options = {},
              Epilogue epilogue = {});
// Gradient with respect to x: grad_output (N,P,Q,K), weight (K,R,S,C) -> (N,H,W,C),
// where H and W are given since several sizes of x lead to the same P, Q.
Tensor conv2d_grad_input(const Tensor& grad_output, const Tensor& weight, std::int64_t height,
                         std::int64_t width, Conv2dOptions options = {});
// Gradient with respect to the weight, (K,R,S,C) with the given R and S.
Tensor conv2d_grad_weight(const Tensor& x, const Tensor& grad_output, std::int64_t kernel_h,
                          std::int64_t kernel_w, Conv2dOptions options = {});

struct ConvTranspose2dOptions {
  std::int64_t stride_h = 1;
  std::int64_t stride_w = 1;
  Padding2d padding = {};             // cut from the result
  std::int64_t output_padding_h = 0;  // rows added at the bottom, less than the stride
  std::int64_t output_padding_w = 0;
};
// The gradient of a convolution with respect to its input, as a layer. x (N,H,W,K), weight (K,R,S,C),
// bias (C) or undefined -> (N,P,Q,C) with P = (H - 1) * stride_h - top - bottom + R + output_padding_h.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        ConvTranspose2dOptions options = {});

// ---- padding, resampling, pooling (core/ops/resample.cpp) ----
// Reflection needs every padding to be smaller than the extent.
Tensor pad2d(const Tensor& x, Padding2d padding, PadMode mode);
// The rectangle of rows [top, H - bottom) and columns [left, W - right).
Tensor crop2d(const Tensor& x, Padding2d margins);
Tensor upsample_nearest2d(const Tensor& x, std::int64_t scale);
Tensor max_pool2d(const Tensor& x, std::int64_t window, std::int64_t stride);

// ---- normalisation (core/ops/norm.cpp) ----
struct NormOptions {
  double eps = 1e-5;
  Epilogue epilogue = {};  // none or leaky_relu
};
// y = activation((x - mean) / sqrt(var + eps) * gamma + beta) + residual, statistics per image and channel over H, W;
// var is the biased variance. x (N,H,W,C); gamma, beta (C) or undefined, float32 where x is bfloat16, else as x;
// residual as x or undefined.
Tensor instance_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, NormOptions options = {},
                     const Tensor& residual = {});

struct BatchNormResult {
  Tensor output;
  Tensor mean;      // (C), of this batch, without history
  Tensor variance;  // (C), biased, of this batch, without history
};
// The same with statistics per channel over N, H, W. x (N,H,W,C) or (N,C).
BatchNormResult batch_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, NormOptions options = {},
                           const Tensor& residual = {});

struct ChannelMoments {
  Tensor mean;      // (N,C)
  Tensor variance;  // (N,C), biased
};
// Of each image and channel over H, W: what instance_norm divides by. float32 where x is bfloat16. Not recorded.
ChannelMoments channel_moments(const Tensor& x);

// ---- inference: convolutions that normalise what they read and measure what they write (core/ops/conv2d_fused.cpp) ----
// The map activation(x * scale + shift), for whoever reads x. scale and shift (N,C); undefined: x itself.
struct ScaleShift {
  Tensor scale;
  Tensor shift;
  Epilogue activation = {};  // none or leaky_relu

  bool defined() const { return scale.defined(); }
};
// Whether the device has the following ops for images of x's type.
bool has_conv2d_fused(const Tensor& x);
// conv2d of before(x), which `border` (zero or reflect) continues into the padding. The result's moments are taken on
// the way if asked for; they are those before the epilogue, so one of the two must be absent. Not recorded.
Tensor conv2d_fused(const Tensor& x, const ScaleShift& before, const Tensor& weight, const Tensor& bias,
                    Conv2dOptions options = {}, PadMode border = PadMode::zero, Epilogue epilogue = {},
                    ChannelMoments* moments = nullptr);
// map(x) + residual, which has x's shape or is undefined. Not recorded.
Tensor scale_shift(const Tensor& x, const ScaleShift& map, const Tensor& residual = {});
void scale_shift_in_place(Tensor& x, const ScaleShift& map, const Tensor& residual = {});

// ---- random (core/ops/dropout.cpp) ----
// Zeroes each element with probability `rate` and divides the others by 1 - rate.
// Draws from the context's generator.
Tensor dropout(const Tensor& x, double rate);

}  // namespace dg
