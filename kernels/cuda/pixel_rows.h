// How the kernels that move pixels divide an NHWC image. One block = a part of one row, all channels. One
// thread = kWidth neighbouring channels of up to kPixelsPerThread pixels of it, so a warp accesses runs of
// memory. What depends on the row is the same for the whole block, what depends on the pixel is computed once
// for kWidth elements, and the way from one pixel to the next needs no division.
#pragma once

#include <algorithm>

#include "kernels/cuda/launch.h"

namespace dg::DG_TARGET {

constexpr int kPixelRowThreads = 256;
constexpr int kPixelsPerThread = 4;

struct PixelRows {
  std::int64_t channels = 0;
  int width = 0;    // pixels in a row
  int parts = 0;    // blocks that share a row
  int vectors = 0;  // of kWidth channels in a pixel
  int lanes = 0;    // threads side by side on one pixel
  int columns = 0;  // pixels that a block visits at once
  LaunchConfig config;

  template <int kWidth>
  static PixelRows divide(const char* kernel, std::int64_t rows, std::int64_t width, std::int64_t channels) {
    PixelRows p;
    p.channels = channels;
    p.width = to_int32(width, kernel, "pixels in a row");
    p.vectors = to_int32(channels / kWidth, kernel, "channels");
    p.lanes = std::min(p.vectors, kPixelRowThreads);
    p.columns = kPixelRowThreads / p.lanes;
    p.parts = static_cast<int>(blocks_for(width, p.columns * kPixelsPerThread));
    p.config = {.name = kernel, .grid = {rows * p.parts}, .block = kPixelRowThreads};
    return p;
  }
};

// Calls body(row, pixel, channel) for this thread's part; channel is the first of kWidth.
template <int kWidth, typename Body>
__device__ __forceinline__ void for_each_pixel(const PixelRows& p, Body&& body) {
  const auto row = static_cast<int>(blockIdx.x / static_cast<unsigned>(p.parts));
  const int begin =
      static_cast<int>(blockIdx.x % static_cast<unsigned>(p.parts)) * p.columns * kPixelsPerThread;
  const int lane = static_cast<int>(threadIdx.x) % p.lanes;
  const int column = static_cast<int>(threadIdx.x) / p.lanes;
  if (column >= p.columns) return;
#pragma unroll 1  // many small blocks keep enough in flight
  for (int i = 0; i < kPixelsPerThread; ++i) {
    const int pixel = begin + i * p.columns + column;
    if (pixel >= p.width) return;
    for (int vector = lane; vector < p.vectors; vector += p.lanes)
      body(row, pixel, std::int64_t{vector} * kWidth);
  }
}

}  // namespace dg::DG_TARGET
