// The image under a map of 4x4 tiles: where each tile lies, and its 6x6 pixels transformed.
#pragma once

#include "kernels/cpu/conv_source.h"
#include "kernels/cpu/isa.h"
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

  TilePlace place(std::int64_t tile) const {
    return {tile / across / down, tile / across % down * winograd::kOut, tile % across * winograd::kOut};
  }
};

// B^T d B of one tile, a register of channels at a time: position p of channels c.. goes to target(p, c). `zeros`: as
// many as there are channels, read where the tile leaves an image with a border of zeros. kNormalised: whether the
// source has a scale.
template <bool kNormalised, typename Target>
inline void transform_tile(const TileGrid& grid, const ConvSource<float>& in, const TilePlace& at,
                           const float* zeros, const Target& target) {
  using namespace winograd;
  const float* source[kTile][kTile];
  for (std::int64_t i = 0; i < kTile; ++i) {
    const std::int64_t row = shown(at.row - grid.top + i, grid.image_h, in.border);
    for (std::int64_t j = 0; j < kTile; ++j) {
      const std::int64_t column = shown(at.column - grid.left + j, grid.image_w, in.border);
      source[i][j] = row >= 0 && column >= 0
                         ? in.x + ((at.image * grid.image_h + row) * grid.image_w + column) * grid.channels
                         : zeros;
    }
  }
  for (std::int64_t c = 0; c < grid.channels; c += kLanes<float>) {
    const auto pixel = [&](int i, int j) {
      const Vec<float> value = load(source[i][j] + c);
      if constexpr (!kNormalised) return value;
      const std::int64_t channel = at.image * grid.channels + c;
      return leaky(value * load(in.scale + channel) + load(in.shift + channel), in.slope);
    };
    Vec<float> rows[kTile][kTile];
    for (int i = 0; i < kTile; ++i) {
      transform_input({pixel(i, 0), pixel(i, 1), pixel(i, 2), pixel(i, 3), pixel(i, 4), pixel(i, 5)},
                      rows[i]);
    }
    for (int j = 0; j < kTile; ++j) {
      Vec<float> column[kTile];
      transform_input({rows[0][j], rows[1][j], rows[2][j], rows[3][j], rows[4][j], rows[5][j]}, column);
      for (int i = 0; i < kTile; ++i) store(target(i * kTile + j, c), column[i]);
    }
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
