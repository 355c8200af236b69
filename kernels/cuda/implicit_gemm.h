// The geometry of convolutions as matrix products, the same for every main loop.
//
// Forward and grad_input gather: for every pixel of a grid, one row of A per tap of the window, `channels` contiguous
// elements of a source image; B is the weight. One description serves both:
//   forward      grid = pixels of y, source = x, tap (u, v) reads pixel (p stride_h - top + u, q stride_w - left + v)
//   grad_input   dx falls into stride_h x stride_w phases, by (h + top) % stride_h and (w + left) % stride_w. A pixel of a
//                phase meets the taps r = r0 + u stride_h only, at p = (h + top - r0) / stride_h - u: per phase a dense
//                convolution of dy, walked backwards, without a zero multiplied. A phase without taps (stride > kernel)
//                still writes its pixels: zero, or the bias.
#pragma once

#include <algorithm>
#include <initializer_list>

#include "kernels/cuda/machine.h"
#include "kernels/shapes.h"

namespace dg::DG_TARGET {

constexpr int kMaxTaps = 15;    // of a window's height and width: a mask of each in half a word
constexpr int kMaxPhases = 16;  // stride_h * stride_w

struct GatherPhase {
  int grid_h = 0, grid_w = 0;      // pixels of an image in this phase
  int source_h = 0, source_w = 0;  // the source pixel of grid pixel (0, 0) and tap (0, 0); may lie outside
  int target_h = 0, target_w = 0;  // the target pixel of grid pixel (0, 0)
  int taps_h = 0, taps_w = 0;
  int weight_offset = 0;  // of tap (0, 0)
};

struct GatherShape {
  int images = 0;
  int source_h = 0, source_w = 0, channels = 0;
  int source_step_h = 1, source_step_w = 1;  // source pixels per grid pixel
  int source_tap = 1;                        // source pixels per tap: 1 forwards, -1 backwards
  int target_h = 0, target_w = 0;
  int target_step_h = 1, target_step_w = 1;  // target pixels per grid pixel
  int columns = 0;                           // channels of the target
  int weight_pitch = 0;                      // elements from one k of the weight to the next
  int weight_tap_h = 0, weight_tap_w = 0;    // elements per tap
  int phases = 1;
  GatherPhase phase[kMaxPhases];
};

inline GatherShape forward_shape(const Conv2dShape& s) {
  const auto i32 = [](std::int64_t value) { return to_int32(value, "conv2d_implicit_gemm", "an extent"); };
  GatherShape g;
  g.images = i32(s.n);
  g.source_h = i32(s.h), g.source_w = i32(s.w), g.channels = i32(s.c);
  g.source_step_h = i32(s.stride_h), g.source_step_w = i32(s.stride_w);
  g.target_h = i32(s.p()), g.target_w = i32(s.q()), g.columns = i32(s.k);
  g.weight_pitch = i32(s.r * s.s * s.c), g.weight_tap_h = i32(s.s * s.c), g.weight_tap_w = i32(s.c);
  g.phase[0] = {.grid_h = g.target_h,
                .grid_w = g.target_w,
                .source_h = -i32(s.padding.top),
                .source_w = -i32(s.padding.left),
                .taps_h = i32(s.r),
                .taps_w = i32(s.s)};
  return g;
}

inline GatherShape grad_input_shape(const Conv2dShape& s) {
  const auto i32 = [](std::int64_t value) {
    return to_int32(value, "conv2d_grad_input_implicit_gemm", "an extent");
  };
  GatherShape g;
  g.images = i32(s.n);
  g.source_h = i32(s.p()), g.source_w = i32(s.q()), g.channels = i32(s.k);
  g.source_tap = -1;
  g.target_h = i32(s.h), g.target_w = i32(s.w), g.columns = i32(s.c);
  g.target_step_h = i32(s.stride_h), g.target_step_w = i32(s.stride_w);
  g.weight_pitch = i32(s.r * s.s * s.c);
  g.weight_tap_h = i32(s.stride_h * s.s * s.c), g.weight_tap_w = i32(s.stride_w * s.c);
  g.phases = 0;
  for (std::int64_t h = 0; h < std::min(s.stride_h, s.h); ++h) {
    for (std::int64_t w = 0; w < std::min(s.stride_w, s.w); ++w) {
      const std::int64_t r0 = (h + s.padding.top) % s.stride_h;
      const std::int64_t s0 = (w + s.padding.left) % s.stride_w;
      g.phase[g.phases++] = {.grid_h = i32(blocks_for(s.h - h, s.stride_h)),
                             .grid_w = i32(blocks_for(s.w - w, s.stride_w)),
                             .source_h = i32((h + s.padding.top - r0) / s.stride_h),
                             .source_w = i32((w + s.padding.left - s0) / s.stride_w),
                             .target_h = i32(h),
                             .target_w = i32(w),
                             .taps_h = r0 < s.r ? i32(blocks_for(s.r - r0, s.stride_h)) : 0,
                             .taps_w = s0 < s.s ? i32(blocks_for(s.s - s0, s.stride_w)) : 0,
                             .weight_offset = i32((r0 * s.s + s0) * s.c)};
    }
  }
  // The longest first: what is left at the end is then short.
  std::stable_sort(g.phase, g.phase + g.phases, [](const GatherPhase& a, const GatherPhase& b) {
    return a.taps_h * a.taps_w > b.taps_h * b.taps_w;
  });
  return g;
}

// Copies and stores are 16 bytes wide.
inline void check_arrays(const char* kernel, std::initializer_list<ConstArray> arrays) {
  for (const ConstArray& array : arrays) {
    check(reinterpret_cast<std::uintptr_t>(array.data) % 16 == 0, kernel,
          ": got an array that does not begin at a multiple of 16 bytes; pass memory as Backend::allocate "
          "returns it");
  }
}

// ---- which tiles, and into how many parts the depth is split ----

enum class TileSize { large, medium, small, narrow };

// Extents of the block tile; narrow has half the depth in a slab, for few channels.
constexpr std::int64_t tile_rows(TileSize t) {
  return t == TileSize::large || t == TileSize::medium ? 128 : 64;
}
constexpr std::int64_t tile_columns(TileSize t) { return t == TileSize::large ? 128 : 64; }

struct GemmPlan {
  TileSize tiles = TileSize::small;
  int splits = 1;
};

// Two blocks for each multiprocessor where the tiles alone do not fill them, but at least eight slabs to a block: below
// that, starting the pipeline and adding the partial sums cost more than they gain.
inline int depth_splits(std::int64_t tiles, std::int64_t slabs, int multiprocessors) {
  if (tiles >= multiprocessors) return 1;
  return static_cast<int>(
      std::clamp<std::int64_t>(2 * multiprocessors / tiles, 1, std::max<std::int64_t>(1, slabs / 8)));
}

}  // namespace dg::DG_TARGET
