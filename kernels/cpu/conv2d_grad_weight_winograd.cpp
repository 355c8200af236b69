// The gradient of a 3x3 or 4x4 filter of stride 1 or 2 by Winograd's minimal filtering (winograd.h): it is a convolution
// itself, of the image with dy, whose result has as many pixels as the filter. Cut dy into tiles, of 4x4 for 3x3 filters,
// and the image into tiles of 6x6; at each of 36 positions the sum over tiles is a matrix product
//   M[p] (K, C) += D[p] (K, tiles) * V[p] (tiles, C)        p = 0..35
// and M, transformed back once at the end, is the gradient. With stride 2 the phases of the image are further channels,
// each the gradient of the filter's taps of that phase (winograd_tiles.h).
//
// Tiles go through in groups whose V and D stay in the third-level cache: transforms first, one task a tile; then
// products, one task a stripe of output channels and a panel of the image's. A task's M, of all positions, stays in the
// second-level cache: after the last group it goes back to taps at once, and only where there are several groups is M
// kept between them. Sums over tiles are in their order, whatever the number of threads.
//
// Tolerance: as conv2d_winograd.cpp.
#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/winograd_tiles.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

using namespace winograd;

constexpr std::int64_t kLane = kLanes<float>;
constexpr std::int64_t kPanel = 2 * kLane;                    // channels of the image in a register tile
constexpr std::int64_t kStripe = std::lcm(kTileRows, kLane);  // most output channels of a task
constexpr std::int64_t kSkew = kLane;  // between positions, or the 36 would share one set of the cache
// V and D of a group lie in the third-level cache, and one panel of V (tiles x 32 channels) in the first-level cache.
constexpr std::int64_t kGroupBytes = std::int64_t{16} << 20;
constexpr std::int64_t kMostTiles = 192;
constexpr std::int64_t kSumsNumel = kPositions * (kStripe * kPanel + kSkew);  // M of a task

// A group's V[position][panel][tile][c in panel] and D[position][stripe][tile][k in stripe]. A phase begins with a new
// panel; stripes are registers of channels, shared out evenly.
struct Layout {
  explicit Layout(const Conv2dShape& shape)
      : s(shape),
        grid(forward_grid(s)),
        absent(absent_products(s, kTile - 1)),
        tiles(s.n * grid.tiles()),
        panels_of_phase((s.c + kPanel - 1) / kPanel),
        panels(grid.phases() * panels_of_phase),
        stripes((s.k + kStripe - 1) / kStripe) {
    const std::int64_t bytes_of_tile =
        kPositions * (panels * kPanel + stripes * kStripe) * size_of(DType::float32);
    group = std::clamp<std::int64_t>(kGroupBytes / bytes_of_tile, 1, std::min(tiles, kMostTiles));
  }
  Conv2dShape s;
  TileGrid grid;
  Absent absent;
  std::int64_t tiles, panels_of_phase, panels, stripes;
  std::int64_t group = 0;  // tiles at a time

  bool one_group() const { return group == tiles; }
  std::int64_t tasks() const { return stripes * panels; }
  std::int64_t panel_of(std::int64_t c) const {  // c of all phases' channels
    return c / s.c * panels_of_phase + c % s.c / kPanel;
  }
  std::int64_t first_output(std::int64_t stripe) const { return s.k / kLane * stripe / stripes * kLane; }
  // Distances of positions, panels and stripes, in elements.
  std::int64_t v_panel() const { return group * kPanel; }
  std::int64_t v_stride() const { return panels * v_panel() + kSkew; }
  std::int64_t d_stripe() const { return group * kStripe; }
  std::int64_t d_stride() const { return stripes * d_stripe() + kSkew; }
};

// A tile of dy, Size x Size pixels, zeros beyond its border: position p of channel k goes to target(k) + p * stride.
template <int Size, typename Target>
void transform_gradient(const Conv2dShape& s, const float* dy, const TilePlace& at, const float* zeros,
                        const Target& target, std::int64_t stride) {
  const float* source[Size][Size];
  for (std::int64_t i = 0; i < Size; ++i) {
    for (std::int64_t j = 0; j < Size; ++j) {
      const bool inside = at.row + i < s.p() && at.column + j < s.q();
      source[i][j] = inside ? dy + ((at.image * s.p() + at.row + i) * s.q() + at.column + j) * s.k : zeros;
    }
  }
  for (std::int64_t k = 0; k < s.k; k += kLane) {
    Vec<float> rows[Size][kTile];
    for (int i = 0; i < Size; ++i) {
      Vec<float> pixels[Size];
      for (int j = 0; j < Size; ++j) pixels[j] = load(source[i][j] + k);
      transform_filter(pixels, rows[i]);
    }
    float* const to = target(k);
    for (int j = 0; j < kTile; ++j) {
      Vec<float> pixels[Size];
      for (int i = 0; i < Size; ++i) pixels[i] = rows[i][j];
      Vec<float> column[kTile];
      transform_filter(pixels, column);
      for (int i = 0; i < kTile; ++i) store(to + (i * kTile + j) * stride, column[i]);
    }
  }
}

// M (k, C) += D^T V of `count` output channels and one panel, at one position. `fresh`: M is not read.
void multiply(const float* d, const float* v, float* m, std::int64_t tiles, std::int64_t count, bool fresh) {
  for_row_groups(count, [&](std::int64_t k, std::int64_t rows) {
    dispatch_rows(rows, [&]<int Rows>() {
      Tile<float, Rows, 2> tile;
      tile.clear();
      tile.accumulate(d + k, 1, kStripe, v, kPanel, tiles);
      float* const target = m + k * kPanel;
      fresh ? tile.store_rows(target, kPanel, kPanel) : tile.add_rows(target, kPanel, kPanel);
    });
  });
}

// dw[k][r][t][c] of one k and one panel from its M, whose taps are every step-th from the phase on.
template <int Taps>
void store_gradient(const Layout& layout, const float* m, std::int64_t stride, std::int64_t k,
                    std::int64_t panel, float* dw) {
  const Conv2dShape& s = layout.s;
  const std::int64_t step = layout.grid.step;
  const std::int64_t phase = panel / layout.panels_of_phase;
  const std::int64_t first_c = panel % layout.panels_of_phase * kPanel;
  const std::int64_t channels = std::min(kPanel, s.c - first_c);
  for (std::int64_t c = 0; c < channels; c += kLane) {
    const auto product = [&](int position) {
      return layout.absent(position, phase) ? Vec<float>{} : load(m + position * stride + c);
    };
    Vec<float> lines[kTile][Taps];
    for (int i = 0; i < kTile; ++i) {
      const int p = i * kTile;
      transform_output(
          {product(p), product(p + 1), product(p + 2), product(p + 3), product(p + 4), product(p + 5)},
          lines[i]);
    }
    for (int t = 0; t < Taps && step * t + phase % step < s.s; ++t) {
      Vec<float> column[Taps];
      transform_output({lines[0][t], lines[1][t], lines[2][t], lines[3][t], lines[4][t], lines[5][t]},
                       column);
      for (int r = 0; r < Taps && step * r + phase / step < s.r; ++r) {
        const std::int64_t tap = (step * r + phase / step) * s.s + step * t + phase % step;
        store(dw + (k * s.r * s.s + tap) * s.c + first_c + c, column[r]);
      }
    }
  }
}

std::int64_t sums_numel(const Machine& m, const Layout& layout) {
  return (layout.one_group() ? m.threads.size() : layout.tasks()) * kSumsNumel;
}

// V and D of tiles [first, first + tiles).
template <int Taps>
void transform_group(Machine& m, const Layout& layout, const float* x, const float* dy, const float* zeros,
                     std::int64_t first, std::int64_t tiles, float* v, float* d) {
  parallel_for(m.threads, tiles, [&](std::int64_t t) {
    const TilePlace at = layout.grid.place(first + t);
    const auto v_of = [&](std::int64_t c) {
      return v + layout.panel_of(c) * layout.v_panel() + t * kPanel + c % layout.s.c % kPanel;
    };
    transform_tile<false>(layout.grid, {.x = x}, at, zeros, v_of, layout.v_stride());
    std::int64_t stripe = 0;
    const auto d_of = [&](std::int64_t k) {
      if (k == layout.first_output(stripe + 1)) ++stripe;
      return d + stripe * layout.d_stripe() + t * kStripe + k - layout.first_output(stripe);
    };
    transform_gradient<outputs_of(Taps)>(layout.s, dy, at, zeros, d_of, layout.d_stride());
  });
}

template <int Taps>
void grad_weight(Machine& m, const Layout& layout, const float* x, const float* dy, float* dw) {
  const Conv2dShape& s = layout.s;
  const auto v = m.workspace.borrow<float>(kPositions * layout.v_stride());
  const auto d = m.workspace.borrow<float>(kPositions * layout.d_stride());
  const auto sums = m.workspace.borrow<float>(sums_numel(m, layout));
  const auto zeros = m.workspace.borrow<float>(std::max(s.c, s.k));
  std::fill_n(zeros.data(), std::max(s.c, s.k), 0.0F);
  constexpr std::int64_t kStride = kSumsNumel / kPositions;

  for (std::int64_t first = 0; first < layout.tiles; first += layout.group) {
    const std::int64_t tiles = std::min(layout.group, layout.tiles - first);
    transform_group<Taps>(m, layout, x, dy, zeros.data(), first, tiles, v.data(), d.data());
    std::atomic<std::int64_t> next{0};
    m.threads.run(std::min<std::int64_t>(m.threads.size(), layout.tasks()), [&](std::int64_t worker) {
      for (std::int64_t task = next++; task < layout.tasks(); task = next++) {
        const std::int64_t stripe = task / layout.panels;
        const std::int64_t panel = task % layout.panels;
        const std::int64_t first_k = layout.first_output(stripe);
        const std::int64_t count = layout.first_output(stripe + 1) - first_k;
        float* const task_sums = sums.data() + (layout.one_group() ? worker : task) * kSumsNumel;
        for (std::int64_t p = 0; p < kPositions; ++p) {
          if (layout.absent(p, panel / layout.panels_of_phase)) continue;
          multiply(d.data() + p * layout.d_stride() + stripe * layout.d_stripe(),
                   v.data() + p * layout.v_stride() + panel * layout.v_panel(), task_sums + p * kStride,
                   tiles, count, first == 0);
        }
        if (first + tiles < layout.tiles) continue;
        for (std::int64_t k = 0; k < count; ++k)
          store_gradient<Taps>(layout, task_sums + k * kPanel, kStride, first_k + k, panel, dw);
      }
    });
  }
}

}  // namespace

std::int64_t winograd_grad_weight_scratch_bytes(const Machine& m, const Conv2dShape& s) {
  const Layout layout(s);
  return (kPositions * (layout.v_stride() + layout.d_stride()) + sums_numel(m, layout)) *
         size_of(DType::float32);
}

void conv2d_grad_weight_winograd(Machine& m, const float* x, const float* dy, float* dw,
                                 const Conv2dShape& s) {
  const Layout layout(s);
  switch (taps_of_phase(s)) {
    case 2: return grad_weight<2>(m, layout, x, dy, dw);
    case 3: return grad_weight<3>(m, layout, x, dy, dw);
    default: return grad_weight<4>(m, layout, x, dy, dw);
  }
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
