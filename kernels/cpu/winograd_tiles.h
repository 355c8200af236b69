// The image under a map of Winograd's tiles: where each tile lies, and its 6x6 pixels transformed.
//
// A convolution of stride 2 is a sum of four of stride 1 with filters of half the size. With r = 2 r' + a
//   y[i] = sum over r of x[2i + r - top] w[r] = sum over a, r' of x_a[i + r'] w_a[r'],   x_a[u] = x[2u + a - top]
// so the four phases (a, b) of an image, every other row and column from (a, b) on, stand side by side as four times the
// channels. A kernel of three taps has but one in its odd phases, and the position in which the missing one counts alone
// is zero there (winograd.h: infinity's for the last tap of a pair, 0's for the first): those products are left out, and
// in the gradient of the weight those of which only the missing tap would be made.
#pragma once

#include "kernels/cpu/conv_source.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/product_types.h"
#include "kernels/cpu/vector.h"
#include "kernels/cpu/winograd.h"

namespace dg::cpu::DG_CPU_ISA {

struct TilePlace {
  std::int64_t image, row, column;  // of the tile's first output
};

// Images (n, image_h, image_w, channels) with `top` and `left` rows and columns of border before them, and down x across
// tiles on each.
struct TileGrid {
  std::int64_t image_h, image_w, channels, top, left, down, across;
  std::int64_t outputs;   // of a tile, in each direction
  std::int64_t step = 1;  // stride of the convolution

  std::int64_t phases() const { return step * step; }
  std::int64_t all_channels() const { return phases() * channels; }
  std::int64_t tiles() const { return down * across; }  // of one image
  TilePlace place(std::int64_t tile) const {
    return {tile / tiles(), tile / across % down * outputs, tile % across * outputs};
  }
};

// Taps along one side of a phase of the kernel.
inline int taps_of_phase(const Conv2dShape& s) {
  return static_cast<int>((s.r + s.stride_h - 1) / s.stride_h);
}

// Tiles along `extent` outputs.
inline std::int64_t tiles_along(std::int64_t extent, std::int64_t outputs) {
  return (extent + outputs - 1) / outputs;
}

// The image under the outputs of a convolution.
inline TileGrid forward_grid(const Conv2dShape& s) {
  const std::int64_t outputs = winograd::outputs_of(taps_of_phase(s));
  return {.image_h = s.h,
          .image_w = s.w,
          .channels = s.c,
          .top = s.padding.top,
          .left = s.padding.left,
          .down = tiles_along(s.p(), outputs),
          .across = tiles_along(s.q(), outputs),
          .outputs = outputs,
          .step = s.stride_h};
}

// Products that are left out: in the odd phases of a kernel of three taps in steps of two, at one row and one column of the
// 6x6 positions.
struct Absent {
  int line = -1;  // none

  bool operator()(std::int64_t position, std::int64_t phase) const {
    return (phase / 2 == 1 && position / winograd::kTile == line) ||
           (phase % 2 == 1 && position % winograd::kTile == line);
  }
};
// `line`: where the missing tap counts alone.
inline Absent absent_products(const Conv2dShape& s, int line) {
  return {s.stride_h == 2 && s.r == 3 ? line : -1};
}

// B^T d B of one tile, a register of channels at a time: position p of channel c of a phase goes to
// target(phase * channels + c) + p * stride, as float or bfloat16. `zeros`: as many as there are channels, read where the tile leaves an image with a
// border of zeros. kNormalised: whether the source has a scale.
template <bool kNormalised, typename Target>
inline void transform_tile(const TileGrid& grid, const ConvSource<float>& in, const TilePlace& at,
                           const float* zeros, const Target& target, std::int64_t stride) {
  using namespace winograd;
  for (std::int64_t phase = 0; phase < grid.phases(); ++phase) {
    const std::int64_t first_row = at.row * grid.step + phase / grid.step - grid.top;
    const std::int64_t first_column = at.column * grid.step + phase % grid.step - grid.left;
    const float* source[kTile][kTile];
    for (std::int64_t i = 0; i < kTile; ++i) {
      const std::int64_t row = shown(first_row + i * grid.step, grid.image_h, in.border);
      for (std::int64_t j = 0; j < kTile; ++j) {
        const std::int64_t column = shown(first_column + j * grid.step, grid.image_w, in.border);
        source[i][j] = row >= 0 && column >= 0
                           ? in.x + ((at.image * grid.image_h + row) * grid.image_w + column) * grid.channels
                           : zeros;
      }
    }
    for (std::int64_t c = 0; c < grid.channels; c += kLanes<float>) {
      const auto pixel = [&](int i, int j) {
        if constexpr (kNormalised) {
          if (source[i][j] == zeros) return Vec<float>{};
          const std::int64_t channel = at.image * grid.channels + c;
          return leaky(load(source[i][j] + c) * load(in.scale + channel) + load(in.shift + channel),
                       in.slope);
        }
        return load(source[i][j] + c);
      };
      Vec<float> rows[kTile][kTile];
      for (int i = 0; i < kTile; ++i) {
        transform_input({pixel(i, 0), pixel(i, 1), pixel(i, 2), pixel(i, 3), pixel(i, 4), pixel(i, 5)},
                        rows[i]);
      }
      auto* const to = target(phase * grid.channels + c);
      for (int j = 0; j < kTile; ++j) {
        Vec<float> column[kTile];
        transform_input({rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j]}, column);
        for (int i = 0; i < kTile; ++i) store_operands(to + (i * kTile + j) * stride, column[i]);
      }
    }
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
