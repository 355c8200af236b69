// The micro-kernel for few output channels: dot products of windows with filters, lanes along the window's row.
//   acc[pixel][k][lane] += in[pixel * stride + chunk * lanes + lane] * weight[chunk][k][lane],
//   out[pixel][k] = sum over lanes of acc[pixel][k] + bias[k].
// With three output channels the outer products of fma_tile.h would fill 3 lanes of 16. Here all lanes work and every
// load of the image serves all channels; adding up the lanes costs three instructions per result.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

// A row of `length` >= kLanes values in full vectors. The last one ends with the row, so that nothing beyond is read.
template <typename T>
std::int64_t dot_chunks(std::int64_t length) {
  return (length + kLanes<T> - 1) / kLanes<T>;
}
template <typename T>
std::int64_t dot_offset(std::int64_t chunk, std::int64_t length) {
  return std::min(chunk * kLanes<T>, length - kLanes<T>);
}

// Up to how many channels this tile beats the outer products.
template <typename T>
constexpr int kFewChannels = std::min(4, kLanes<T> * 3 / 8);

// Neighbours in the concatenation of a and b, added: (a0 + a1, a2 + a3, ..., b0 + b1, ...).
template <typename T>
inline Vec<T> add_neighbours(Vec<T> a, Vec<T> b) {
  return [&]<int... I>(std::integer_sequence<int, I...>) {
    return __builtin_shufflevector(a, b, 2 * I...) + __builtin_shufflevector(a, b, (2 * I + 1)...);
  }
  (std::make_integer_sequence<int, kLanes<T>>{});
}

// Lane i of the result is the sum of the lanes of rows[i], which are overwritten.
template <typename T>
inline Vec<T> sum_lanes(Vec<T> (&rows)[kLanes<T>]) {
#pragma GCC unroll 4
  for (int count = kLanes<T> / 2; count > 0; count /= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < count; ++i) rows[i] = add_neighbours<T>(rows[2 * i], rows[2 * i + 1]);
  }
  return rows[0];
}

template <typename T, int Channels>
struct DotTile {
  static constexpr int kPixels = kLanes<T> / Channels;

  Vec<T> acc[kLanes<T>];  // [pixel][channel], unused ones stay zero

  void clear() {
    for (auto& value : acc) value = Vec<T>{};
  }

  // One row of the windows: pixel p reads in[p * stride .. p * stride + length).
  void accumulate(const T* in, std::int64_t stride, const T* weights, std::int64_t length) {
    for (std::int64_t chunk = 0; chunk < dot_chunks<T>(length); ++chunk) {
      const T* source = in + dot_offset<T>(chunk, length);
      Vec<T> right[Channels];
#pragma GCC unroll 4
      for (int k = 0; k < Channels; ++k) right[k] = load(weights + k * kLanes<T>);
#pragma GCC unroll 16
      for (int p = 0; p < kPixels; ++p) {
        const Vec<T> left = load(source + p * stride);
#pragma GCC unroll 4
        for (int k = 0; k < Channels; ++k) acc[p * Channels + k] += left * right[k];
      }
      weights += Channels * kLanes<T>;
    }
  }

  // bias (Channels) may be null; pixels lie `stride` elements apart. The accumulators are used up.
  void store_pixels(T* target, std::int64_t stride, const T* bias) {
    T sums[kLanes<T>];
    store(sums, sum_lanes<T>(acc));
    for (int p = 0; p < kPixels; ++p) {
      for (int k = 0; k < Channels; ++k) {
        target[p * stride + k] = sums[p * Channels + k] + (bias == nullptr ? T(0) : bias[k]);
      }
    }
  }
};

}  // namespace dg::cpu::DG_CPU_ISA
