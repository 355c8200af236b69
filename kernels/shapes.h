// Shapes and small options that kernels take. All extents are element counts; images are NHWC, convolution weights KRSC.
#pragma once

#include <array>
#include <cstdint>

namespace dg {

struct Padding2d {
  std::int64_t top = 0;
  std::int64_t bottom = 0;
  std::int64_t left = 0;
  std::int64_t right = 0;

  static Padding2d all(std::int64_t amount) { return {amount, amount, amount, amount}; }
  bool operator==(const Padding2d&) const = default;
};

// A convolution x (N,H,W,C) * weight (K,R,S,C) -> y (N,P,Q,K), zero padding. The same struct describes the
// convolution whose gradient is taken, so H and W are given and P, Q follow:
//   P = floor((H + top + bottom - R) / stride_h) + 1.
struct Conv2dShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t k = 0, r = 0, s = 0;
  std::int64_t stride_h = 1, stride_w = 1;
  Padding2d padding = {};

  std::int64_t p() const { return (h + padding.top + padding.bottom - r) / stride_h + 1; }
  std::int64_t q() const { return (w + padding.left + padding.right - s) / stride_w + 1; }
  std::int64_t input_numel() const { return n * h * w * c; }
  std::int64_t weight_numel() const { return k * r * s * c; }
  std::int64_t output_numel() const { return n * p() * q() * k; }
  std::int64_t multiply_adds() const { return n * p() * q() * k * r * s * c; }
};

// A window that slides over (N,H,W,C) without padding: max pooling.
struct Pool2dShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t window = 2, stride = 2;

  std::int64_t p() const { return (h - window) / stride + 1; }
  std::int64_t q() const { return (w - window) / stride + 1; }
};

enum class PadMode : std::uint8_t { zero, reflect, replicate };

// (N,H,W,C) grows to (N, top+H+bottom, left+W+right, C). Reflection does not repeat the border pixel.
struct Pad2dShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  Padding2d padding = {};
  PadMode mode = PadMode::zero;

  std::int64_t padded_h() const { return h + padding.top + padding.bottom; }
  std::int64_t padded_w() const { return w + padding.left + padding.right; }
};

// (N,H,W,C) -> (N, H*scale, W*scale, C).
struct Upsample2dShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t scale = 2;
};

// x (groups, pixels, channels): statistics per group and channel over the pixels.
// Instance norm has one group per image; batch norm is a single group that holds the pixels of all images.
struct NormShape {
  std::int64_t groups = 0, pixels = 0, channels = 0;
};

// x (outer, reduce, inner), summed over the middle.
struct ReduceShape {
  std::int64_t outer = 1, reduce = 1, inner = 1;
};

// op(a, b) over up to four dimensions, outermost first; stride 0 repeats an operand along a dimension.
// Strides count elements. The result is dense.
struct BroadcastShape {
  std::array<std::int64_t, 4> extent{1, 1, 1, 1};
  std::array<std::int64_t, 4> stride_a{};
  std::array<std::int64_t, 4> stride_b{};

  std::int64_t numel() const { return extent[0] * extent[1] * extent[2] * extent[3]; }
};

// `rows` runs of `columns` elements; consecutive runs lie `*_stride` elements apart.
struct Copy2dShape {
  std::int64_t rows = 0, columns = 0;
  std::int64_t source_stride = 0, target_stride = 0;
};

// y (m, n) = A (m, k) B (k, n), where A is stored (k, m) if transpose_a,
// and B (n, k) if transpose_b. Row-major.
struct MatmulShape {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false;
  bool transpose_b = false;
};

// What a kernel does to its result before storing it.
enum class Activation : std::uint8_t { none, leaky_relu, tanh };
struct Epilogue {
  Activation activation = Activation::none;
  double slope = 0.0;  // of leaky_relu for negative values; 0: ReLU

  bool operator==(const Epilogue&) const = default;
};

}  // namespace dg
