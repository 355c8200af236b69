// The image under a map of 4x4 tiles: where each tile lies, and its 6x6 pixels transformed.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"
#include "kernels/cpu/winograd.h"

namespace dg::cpu::DG_CPU_ISA {

struct TilePlace {
  std::int64_t image, row, column;  // of the tile's first output
};

// Images (n, image_h, image_w, channels) with `top` and `left` zeros before them, and down x across tiles on each.
struct TileGrid {
  std::int64_t image_h, image_w, channels, top, left, down, across;

  TilePlace place(std::int64_t tile) const {
    return {tile / across / down, tile / across % down * winograd::kOut, tile % across * winograd::kOut};
  }
};

// B^T d B of one tile, a register of channels at a time: position p of channels c.. goes to target(p, c). `zeros`: as
// many as there are channels, read where the tile leaves the image.
template <typename Target>
inline void transform_tile(const TileGrid& grid, const float* x, const TilePlace& at, const float* zeros,
                           const Target& target) {
  using namespace winograd;
  const float* source[kTile][kTile];
  for (std::int64_t i = 0; i < kTile; ++i) {
    const std::int64_t row = at.row - grid.top + i;
    for (std::int64_t j = 0; j < kTile; ++j) {
      const std::int64_t column = at.column - grid.left + j;
      const bool inside = row >= 0 && row < grid.image_h && column >= 0 && column < grid.image_w;
      source[i][j] =
          inside ? x + ((at.image * grid.image_h + row) * grid.image_w + column) * grid.channels : zeros;
    }
  }
  for (std::int64_t c = 0; c < grid.channels; c += kLanes<float>) {
    Vec<float> rows[kTile][kTile];
    for (int i = 0; i < kTile; ++i) {
      transform_input({load(source[i][0] + c), load(source[i][1] + c), load(source[i][2] + c),
                       load(source[i][3] + c), load(source[i][4] + c), load(source[i][5] + c)},
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
