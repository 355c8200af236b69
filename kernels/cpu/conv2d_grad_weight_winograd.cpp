// The gradient of a 3x3 filter of stride 1 by Winograd's F(3x3,4x4) (winograd.h): it is a convolution itself, of the
// image with dy, whose result has 3x3 pixels. Cut dy into tiles of 4x4 and the image into tiles of 6x6; at each of 36
// positions the sum over tiles is a matrix product
//   M[p] (K, C) += D[p] (K, tiles) * V[p] (tiles, C)        p = 0..35
// and M, transformed back once at the end, is the gradient.
//
// Tiles go through in groups whose V and D stay in the third-level cache: transforms first, one task a tile; then
// products, one task a position and a stripe of output channels. Sums over tiles are in their order, whatever the number
// of threads.
//
// Tolerance: as conv2d_winograd.cpp.
#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/winograd_tiles.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

using namespace winograd;

constexpr std::int64_t kLane = kLanes<float>;
constexpr std::int64_t kPanel = 2 * kLane;  // channels of the image in a register tile
constexpr std::int64_t kStripe = 4 * kTileRows;
constexpr std::int64_t kSkew = kLane;  // or rows of D would share a few sets of the cache
// V and D of a group lie in the third-level cache, and one panel of V (tiles x 32 channels) in the first-level cache.
constexpr std::int64_t kGroupBytes = std::int64_t{16} << 20;
constexpr std::int64_t kMostTiles = 192;

// Positions and panels of a group: V[position][panel][tile][c in panel], D[position][tile][k].
struct Layout {
  explicit Layout(const Conv2dShape& s)
      : tiles(s.n * ((s.p() + kOut - 1) / kOut) * ((s.q() + kOut - 1) / kOut)),
        panels((s.c + kPanel - 1) / kPanel),
        d_row(s.k + kSkew) {
    const std::int64_t bytes_of_tile = kPositions * (panels * kPanel + d_row) * size_of(DType::float32);
    group = std::clamp<std::int64_t>(kGroupBytes / bytes_of_tile, 1, std::min(tiles, kMostTiles));
  }
  std::int64_t tiles, panels, d_row;
  std::int64_t group = 0;  // tiles at a time

  std::int64_t v_numel() const { return kPositions * panels * group * kPanel; }
  std::int64_t d_numel() const { return kPositions * group * d_row; }
};

// Four by four pixels of dy, zeros beyond its border.
void transform_gradient(const Conv2dShape& s, const float* dy, const TilePlace& at, const float* zeros,
                        float* d, std::int64_t stride) {
  const float* source[kOut][kOut];
  for (std::int64_t i = 0; i < kOut; ++i) {
    for (std::int64_t j = 0; j < kOut; ++j) {
      const bool inside = at.row + i < s.p() && at.column + j < s.q();
      source[i][j] = inside ? dy + ((at.image * s.p() + at.row + i) * s.q() + at.column + j) * s.k : zeros;
    }
  }
  for (std::int64_t k = 0; k < s.k; k += kLane) {
    Vec<float> rows[kOut][kTile];
    for (int i = 0; i < kOut; ++i) {
      transform_long_filter(
          {load(source[i][0] + k), load(source[i][1] + k), load(source[i][2] + k), load(source[i][3] + k)},
          rows[i]);
    }
    for (int j = 0; j < kTile; ++j) {
      Vec<float> column[kTile];
      transform_long_filter({rows[0][j], rows[1][j], rows[2][j], rows[3][j]}, column);
      for (int i = 0; i < kTile; ++i) store(d + (i * kTile + j) * stride + k, column[i]);
    }
  }
}

// Output channels [first, last) of one position: M (K, C) += D^T V. `fresh`: M is not read.
void multiply(const Layout& layout, const float* d, const float* v, float* m, std::int64_t tiles,
              std::int64_t first, std::int64_t last, bool fresh) {
  const std::int64_t row = layout.panels * kPanel;
  for (std::int64_t panel = 0; panel < layout.panels; ++panel) {
    for_row_groups(last - first, [&](std::int64_t begin, std::int64_t count) {
      dispatch_rows(count, [&]<int Rows>() {
        Tile<float, Rows, 2> tile;
        tile.clear();
        tile.accumulate(d + first + begin, 1, layout.d_row, v + panel * layout.group * kPanel, kPanel, tiles);
        float* target = m + (first + begin) * row + panel * kPanel;
        fresh ? tile.store_rows(target, row, kPanel) : tile.add_rows(target, row, kPanel);
      });
    });
  }
}

// dw[k][r][t][c] of one k from M[position][k][c].
void store_gradient(const Conv2dShape& s, const Layout& layout, const float* m, std::int64_t k, float* dw) {
  const std::int64_t row = layout.panels * kPanel;
  const std::int64_t stride = s.k * row;
  for (std::int64_t c = 0; c < s.c; c += kLane) {
    Vec<float> lines[kTile][kTaps];
    for (int i = 0; i < kTile; ++i) {
      const float* from = m + i * kTile * stride + k * row + c;
      transform_short_output({load(from), load(from + stride), load(from + 2 * stride),
                              load(from + 3 * stride), load(from + 4 * stride), load(from + 5 * stride)},
                             lines[i]);
    }
    for (int t = 0; t < kTaps; ++t) {
      Vec<float> column[kTaps];
      transform_short_output({lines[0][t], lines[1][t], lines[2][t], lines[3][t], lines[4][t], lines[5][t]},
                             column);
      for (int r = 0; r < kTaps; ++r) store(dw + ((k * kTaps + r) * kTaps + t) * s.c + c, column[r]);
    }
  }
}

}  // namespace

std::int64_t winograd_grad_weight_scratch_numel(const Conv2dShape& s) {
  const Layout layout(s);
  return layout.v_numel() + layout.d_numel() + kPositions * s.k * layout.panels * kPanel;
}

void conv2d_grad_weight_winograd(Machine& m, const float* x, const float* dy, float* dw,
                                 const Conv2dShape& s) {
  const Layout layout(s);
  const TileGrid grid{.image_h = s.h,
                      .image_w = s.w,
                      .channels = s.c,
                      .top = s.padding.top,
                      .left = s.padding.left,
                      .down = (s.p() + kOut - 1) / kOut,
                      .across = (s.q() + kOut - 1) / kOut};
  const auto v = m.workspace.borrow<float>(layout.v_numel());
  const auto d = m.workspace.borrow<float>(layout.d_numel());
  const auto sums = m.workspace.borrow<float>(kPositions * s.k * layout.panels * kPanel);
  const auto zeros = m.workspace.borrow<float>(std::max(s.c, s.k));
  std::fill_n(zeros.data(), std::max(s.c, s.k), 0.0F);
  const std::int64_t stripes = (s.k + kStripe - 1) / kStripe;

  for (std::int64_t first = 0; first < layout.tiles; first += layout.group) {
    const std::int64_t tiles = std::min(layout.group, layout.tiles - first);
    parallel_for(m.threads, tiles, [&](std::int64_t t) {
      const TilePlace at = grid.place(first + t);
      transform_tile<false>(grid, {.x = x}, at, zeros.data(), [&](int position, std::int64_t c) {
        const std::int64_t panel = position * layout.panels + c / kPanel;
        return v.data() + (panel * layout.group + t) * kPanel + c % kPanel;
      });
      transform_gradient(s, dy, at, zeros.data(), d.data() + t * layout.d_row, layout.group * layout.d_row);
    });
    parallel_for(m.threads, kPositions * stripes, [&](std::int64_t task) {
      const std::int64_t position = task / stripes;
      const std::int64_t k = task % stripes * kStripe;
      multiply(layout, d.data() + position * layout.group * layout.d_row,
               v.data() + position * layout.panels * layout.group * kPanel,
               sums.data() + position * s.k * layout.panels * kPanel, tiles, k, std::min(k + kStripe, s.k),
               first == 0);
    });
  }
  parallel_for(m.threads, s.k, [&](std::int64_t k) { store_gradient(s, layout, sums.data(), k, dw); });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
