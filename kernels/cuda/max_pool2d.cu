// Max pooling of x (n, h, w, c) without padding, and the two maps that its winners define. Division into
// blocks and threads: pixel_rows.h. indices (n, p, q, c): position h * W + w of each window's winner, which
// is its first NaN, else the first of its largest values in row order.
//
//   max_pool2d:  y(p, q) = x(indices(p, q)), the indices being found.
//   gather:      y(p, q) = x(indices(p, q)).
//   scatter:     dx(h, w) = sum of dy(p, q) over the windows that won with (h, w).
// A thread owns an element of its result; for scatter it gathers, in row order, from the windows that contain
// its pixel. No atomics: bit-equal from run to run.
// Bytes: for windows that do not overlap each tensor once, the indices being a tensor of 4 bytes an element;
// memory bound.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/pixel_rows.h"
#include "kernels/cuda/vector_width.h"

namespace dg::DG_TARGET {
namespace {

struct PoolSize {
  int h, w, p, q, window, stride;

  explicit PoolSize(const Pool2dShape& s)
      : h(to_int32(s.h, "max_pool2d", "height")),
        w(to_int32(s.w, "max_pool2d", "width")),
        p(to_int32(s.p(), "max_pool2d", "output height")),
        q(to_int32(s.q(), "max_pool2d", "output width")),
        window(to_int32(s.window, "max_pool2d", "window")),
        stride(to_int32(s.stride, "max_pool2d", "stride")) {
    to_int32(s.h * s.w, "max_pool2d", "pixels of an image");
  }
};

template <typename C>
__device__ __forceinline__ bool wins(C candidate, C best) {
  return candidate > best || (candidate != candidate && best == best);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    max_pool2d_kernel(PixelRows rows, PoolSize s, const T* x, T* y, std::int32_t* indices) {
  using C = Compute<T>;
  for_each_pixel<kWidth>(rows, [&](int row, int q, std::int64_t channel) {
    const T* image = x + std::int64_t{row / s.p} * s.h * s.w * rows.channels + channel;
    const int corner = row % s.p * s.stride * s.w + q * s.stride;
    auto best = load_vector<kWidth>(image + corner * rows.channels);
    Vector<std::int32_t, kWidth> winner;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) winner.value[i] = corner;
    for (int r = 0; r < s.window; ++r) {
      for (int column = 0; column < s.window; ++column) {
        const int position = corner + r * s.w + column;
        const auto candidate = load_vector<kWidth>(image + position * rows.channels);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
          if (!wins(static_cast<C>(candidate.value[i]), static_cast<C>(best.value[i]))) continue;
          best.value[i] = candidate.value[i];
          winner.value[i] = position;
        }
      }
    }
    const std::int64_t to = (std::int64_t{row} * rows.width + q) * rows.channels + channel;
    store_vector<kWidth>(y + to, best);
    store_vector<kWidth>(indices + to, winner);
  });
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    max_pool2d_scatter_kernel(PixelRows rows, PoolSize s, const T* dy, const std::int32_t* indices, T* dx) {
  using C = Compute<T>;
  for_each_pixel<kWidth>(rows, [&](int row, int w, std::int64_t channel) {
    // Windows begin at multiples of the stride: those from the first that reaches this pixel to the last that
    // begins before it.
    const auto first = [&](int at) { return at < s.window ? 0 : (at - s.window) / s.stride + 1; };
    const auto end = [&](int at, int count) { return at / s.stride + 1 < count ? at / s.stride + 1 : count; };
    const int h = row % s.h;
    const int position = h * s.w + w;
    C sum[kWidth] = {};
    for (int p = first(h); p < end(h, s.p); ++p) {
      for (int q = first(w); q < end(w, s.q); ++q) {
        const std::int64_t from = ((std::int64_t{row / s.h} * s.p + p) * s.q + q) * rows.channels + channel;
        const auto winner = load_vector<kWidth>(indices + from);
        const auto grad = load_vector<kWidth>(dy + from);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) {
          if (winner.value[i] == position) sum[i] += static_cast<C>(grad.value[i]);
        }
      }
    }
    Vector<T, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out.value[i] = T(sum[i]);
    store_vector<kWidth>(dx + (std::int64_t{row} * rows.width + w) * rows.channels + channel, out);
  });
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kPixelRowThreads, 4)
    max_pool2d_gather_kernel(PixelRows rows, PoolSize s, const T* x, const std::int32_t* indices, T* y) {
  for_each_pixel<kWidth>(rows, [&](int row, int q, std::int64_t channel) {
    const T* image = x + std::int64_t{row / s.p} * s.h * s.w * rows.channels + channel;
    const std::int64_t to = (std::int64_t{row} * rows.width + q) * rows.channels + channel;
    const auto winner = load_vector<kWidth>(indices + to);
    Vector<T, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out.value[i] = image[winner.value[i] * rows.channels + i];
    store_vector<kWidth>(y + to, out);
  });
}

// Calls body.template operator()<T, kWidth>(): vectors of indices are wider than those of narrow T, and
// aligned alike.
template <typename Body>
void dispatch_pool(DType dtype, std::int64_t channels, const void* a, const void* b,
                   const std::int32_t* indices, Body&& body) {
  dispatch_float(dtype, [&]<typename T>() {
    const bool indices_aligned =
        reinterpret_cast<std::uintptr_t>(indices) % (sizeof(std::int32_t) * kVectorWidth<T>) == 0;
    dispatch_channel_width<T>(indices_aligned ? channels : 1,
                              {static_cast<const T*>(a), static_cast<const T*>(b)},
                              [&]<int kWidth>() { body.template operator()<T, kWidth>(); });
  });
}

bool empty(const Pool2dShape& s) { return s.n * s.p() * s.q() * s.c == 0; }

}  // namespace

void max_pool2d(Machine& m, ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& s) {
  if (empty(s)) return;
  dispatch_pool(x.dtype, s.c, x.data, y.data, indices, [&]<typename T, int kWidth>() {
    const auto p = PixelRows::divide<kWidth>("max_pool2d", s.n * s.p(), s.q(), s.c);
    launch(max_pool2d_kernel<T, kWidth>, p.config, m.stream, p, PoolSize(s), x.as<T>(), y.as<T>(), indices);
  });
}

void max_pool2d_scatter(Machine& m, ConstArray dy, const std::int32_t* indices, Array dx,
                        const Pool2dShape& s) {
  if (s.n * s.h * s.w * s.c == 0) return;
  dispatch_pool(dy.dtype, s.c, dy.data, dx.data, indices, [&]<typename T, int kWidth>() {
    const auto p = PixelRows::divide<kWidth>("max_pool2d_scatter", s.n * s.h, s.w, s.c);
    launch(max_pool2d_scatter_kernel<T, kWidth>, p.config, m.stream, p, PoolSize(s), dy.as<T>(), indices,
           dx.as<T>());
  });
}

void max_pool2d_gather(Machine& m, ConstArray x, const std::int32_t* indices, Array y, const Pool2dShape& s) {
  if (empty(s)) return;
  dispatch_pool(x.dtype, s.c, x.data, y.data, indices, [&]<typename T, int kWidth>() {
    const auto p = PixelRows::divide<kWidth>("max_pool2d_gather", s.n * s.p(), s.q(), s.c);
    launch(max_pool2d_gather_kernel<T, kWidth>, p.config, m.stream, p, PoolSize(s), x.as<T>(), indices,
           y.as<T>());
  });
}

}  // namespace dg::DG_TARGET
