// Padding and nearest upsampling of x (n, h, w, c), and their adjoints. Division into blocks and threads:
// pixel_rows.h.
//
//   pad2d:    y(i, j) = x(source(i - top), source(j - left)), or 0 outside for zero padding.
//   upsample: y(i, j) = x(i / scale, j / scale); a thread reads a pixel of x and writes its scale^2 copies.
// The adjoints gather: a thread owns an element of dx and adds, row by row from the top left, all elements of
// dy that its element was copied to. Fixed order, no atomics: bit-equal from run to run. Bytes: each tensor
// once; memory bound.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/pixel_rows.h"
#include "kernels/cuda/vector_width.h"

namespace dg::DG_TARGET {
namespace {

// One side of a padded image.
struct PaddedSide {
  int before = 0, extent = 0, after = 0;
  PadMode mode = PadMode::zero;

  PaddedSide(std::int64_t before_first, std::int64_t extent_inside, std::int64_t after_last, PadMode pad_mode)
      : before(to_int32(before_first, "pad2d", "padding")),
        extent(to_int32(extent_inside, "pad2d", "extent")),
        after(to_int32(after_last, "pad2d", "padding")),
        mode(pad_mode) {
    to_int32(before_first + 2 * extent_inside + after_last, "pad2d", "padded extent");
  }
  DG_HOST_DEVICE int padded() const { return before + extent + after; }

  // What padded position i shows; -1: a zero.
  __device__ __forceinline__ int source(int i) const {
    const int inside = i - before;
    if (inside >= 0 && inside < extent) return inside;
    switch (mode) {
      case PadMode::zero: return -1;
      case PadMode::replicate: return inside < 0 ? 0 : extent - 1;
      case PadMode::reflect: return inside < 0 ? -inside : 2 * (extent - 1) - inside;
    }
    return -1;
  }
};

// The padded positions that show one inner position, in ascending order: perhaps one reflection, a run,
// perhaps another reflection.
struct Appearances {
  int first, run_begin, run_end, last;  // first and last: -1 if there is none

  __device__ __forceinline__ Appearances(const PaddedSide& side, int inside) {
    first = last = -1;
    run_begin = side.before + inside;
    run_end = run_begin + 1;
    if (side.mode == PadMode::replicate) {
      if (inside == 0) run_begin = 0;
      if (inside == side.extent - 1) run_end = side.padded();
    } else if (side.mode == PadMode::reflect) {
      const int from_end = side.extent - 1 - inside;
      if (inside >= 1 && inside <= side.before) first = side.before - inside;
      if (from_end >= 1 && from_end <= side.after) last = side.before + side.extent - 1 + from_end;
    }
  }

  template <typename Body>
  __device__ __forceinline__ void for_each(Body&& body) const {
    if (first >= 0) body(first);
#pragma unroll 1  // mostly one position
    for (int i = run_begin; i < run_end; ++i) body(i);
    if (last >= 0) body(last);
  }
};

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    pad2d_kernel(PixelRows p, PaddedSide vertical, PaddedSide horizontal, const T* x, T* y) {
  for_each_pixel<kWidth>(p, [&](int row, int pixel, std::int64_t channel) {
    const int image = row / vertical.padded();
    const int h = vertical.source(row % vertical.padded());
    const int w = horizontal.source(pixel);
    Vector<T, kWidth> value{};
    if (h >= 0 && w >= 0) {
      const std::int64_t from = (std::int64_t{image} * vertical.extent + h) * horizontal.extent + w;
      value = load_vector<kWidth>(x + from * p.channels + channel);
    }
    store_vector<kWidth>(y + (std::int64_t{row} * p.width + pixel) * p.channels + channel, value);
  });
}

// The sum of vectors of T in T's arithmetic.
template <typename T, int kWidth>
struct VectorSum {
  Compute<T> total[kWidth] = {};

  __device__ __forceinline__ void add(const T* from) {
    const auto values = load_vector<kWidth>(from);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) total[i] += static_cast<Compute<T>>(values.value[i]);
  }
  __device__ __forceinline__ void store(T* to) const {
    Vector<T, kWidth> values;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values.value[i] = T(total[i]);
    store_vector<kWidth>(to, values);
  }
};

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    pad2d_grad_kernel(PixelRows p, PaddedSide vertical, PaddedSide horizontal, const T* dy, T* dx) {
  for_each_pixel<kWidth>(p, [&](int row, int pixel, std::int64_t channel) {
    const int image = row / vertical.extent;
    const Appearances rows(vertical, row % vertical.extent);
    const Appearances columns(horizontal, pixel);
    VectorSum<T, kWidth> sum;
    rows.for_each([&](int i) {
      const T* from =
          dy + (std::int64_t{image} * vertical.padded() + i) * horizontal.padded() * p.channels + channel;
      columns.for_each([&](int j) { sum.add(from + j * p.channels); });
    });
    sum.store(dx + (std::int64_t{row} * p.width + pixel) * p.channels + channel);
  });
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    upsample_nearest_kernel(PixelRows p, int scale, const T* x, T* y) {
  for_each_pixel<kWidth>(p, [&](int row, int pixel, std::int64_t channel) {
    const auto value = load_vector<kWidth>(x + (std::int64_t{row} * p.width + pixel) * p.channels + channel);
    const std::int64_t target_row = std::int64_t{p.width} * scale * p.channels;
    T* to = y + std::int64_t{row} * scale * target_row + std::int64_t{pixel} * scale * p.channels + channel;
    for (int r = 0; r < scale; ++r) {
      for (int s = 0; s < scale; ++s) store_vector<kWidth>(to + r * target_row + s * p.channels, value);
    }
  });
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    upsample_nearest_grad_kernel(PixelRows p, int scale, const T* dy, T* dx) {
  for_each_pixel<kWidth>(p, [&](int row, int pixel, std::int64_t channel) {
    const std::int64_t source_row = std::int64_t{p.width} * scale * p.channels;
    const T* from =
        dy + std::int64_t{row} * scale * source_row + std::int64_t{pixel} * scale * p.channels + channel;
    VectorSum<T, kWidth> sum;
    for (int r = 0; r < scale; ++r) {
      for (int s = 0; s < scale; ++s) sum.add(from + r * source_row + s * p.channels);
    }
    sum.store(dx + (std::int64_t{row} * p.width + pixel) * p.channels + channel);
  });
}

PaddedSide vertical_side(const Pad2dShape& s) { return {s.padding.top, s.h, s.padding.bottom, s.mode}; }
PaddedSide horizontal_side(const Pad2dShape& s) { return {s.padding.left, s.w, s.padding.right, s.mode}; }

}  // namespace

void pad2d(Machine& m, ConstArray x, Array y, const Pad2dShape& s) {
  if (s.n * s.padded_h() * s.padded_w() * s.c == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() {
    dispatch_channel_width<T>(s.c, {x.as<T>(), y.as<T>()}, [&]<int kWidth>() {
      const auto p = PixelRows::divide<kWidth>("pad2d", s.n * s.padded_h(), s.padded_w(), s.c);
      launch(pad2d_kernel<T, kWidth>, p.config, m.stream, p, vertical_side(s), horizontal_side(s), x.as<T>(),
             y.as<T>());
    });
  });
}

void pad2d_grad(Machine& m, ConstArray dy, Array dx, const Pad2dShape& s) {
  if (s.n * s.h * s.w * s.c == 0) return;
  dispatch_float(dy.dtype, [&]<typename T>() {
    dispatch_channel_width<T>(s.c, {dy.as<T>(), dx.as<T>()}, [&]<int kWidth>() {
      const auto p = PixelRows::divide<kWidth>("pad2d_grad", s.n * s.h, s.w, s.c);
      launch(pad2d_grad_kernel<T, kWidth>, p.config, m.stream, p, vertical_side(s), horizontal_side(s),
             dy.as<T>(), dx.as<T>());
    });
  });
}

void upsample_nearest(Machine& m, ConstArray x, Array y, const Upsample2dShape& s) {
  if (s.n * s.h * s.w * s.c == 0) return;
  const int scale = to_int32(s.scale, "upsample_nearest", "scale");
  dispatch_float(x.dtype, [&]<typename T>() {
    dispatch_channel_width<T>(s.c, {x.as<T>(), y.as<T>()}, [&]<int kWidth>() {
      const auto p = PixelRows::divide<kWidth>("upsample_nearest", s.n * s.h, s.w, s.c);
      launch(upsample_nearest_kernel<T, kWidth>, p.config, m.stream, p, scale, x.as<T>(), y.as<T>());
    });
  });
}

void upsample_nearest_grad(Machine& m, ConstArray dy, Array dx, const Upsample2dShape& s) {
  if (s.n * s.h * s.w * s.c == 0) return;
  const int scale = to_int32(s.scale, "upsample_nearest_grad", "scale");
  dispatch_float(dy.dtype, [&]<typename T>() {
    dispatch_channel_width<T>(s.c, {dy.as<T>(), dx.as<T>()}, [&]<int kWidth>() {
      const auto p = PixelRows::divide<kWidth>("upsample_nearest_grad", s.n * s.h, s.w, s.c);
      launch(upsample_nearest_grad_kernel<T, kWidth>, p.config, m.stream, p, scale, dy.as<T>(), dx.as<T>());
    });
  });
}

}  // namespace dg::DG_TARGET
