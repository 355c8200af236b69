// 3x3 convolutions of stride 1 by Winograd's F(4x4,3x3) (winograd.h): a quarter of the multiplications.
//
// The result is cut into tiles of 4x4 pixels, and the image under it into overlapping tiles of 6x6. Transformed, a tile
// is 36 positions, and at each of them the convolution is a matrix product over the channels:
//   M[p] (tiles, K) = V[p] (tiles, C) * U[p] (C, K)        p = 0..35
// One task = kTiles tiles. It transforms their inputs to V, which stays in the second-level cache, and goes through the
// output channels in chunks, so that M does too: products for all positions, then back to pixels. U comes from the
// third-level cache, 36/9 of the weights; kTiles products are made with each value of it.
//
// A forward for inference reads its pixels through a normalisation and a mirrored border (conv_source.h) and gathers the
// statistics of what it writes, tile by tile (moments.h).
//
// grad_input is the same with the weights turned around and their channels exchanged.
//
// Tolerance: sums of C products, but the transforms' factors (up to 8 and 1/24) cost accuracy. Against float64, the
// error relative to the largest result stays below 3e-5 for the presets' shapes (tests/kernels/conv2d_test.cpp).
#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/moments.h"
#include "kernels/cpu/winograd_tiles.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

using namespace winograd;

constexpr std::int64_t kLane = kLanes<float>;
constexpr std::int64_t kPanel = 2 * kLane;  // output channels of a register tile
constexpr std::int64_t kTiles =
    2 * kTileRows;                           // two register tiles share a panel of U in the first-level cache
constexpr std::int64_t kChunk = 4 * kPanel;  // output channels between the transforms
constexpr std::int64_t kSkew = kLane;        // or the 36 positions would share one set of the cache

// A 3x3 convolution of x (n,h,w,c), padded by top and left, to y (n,p,q,k).
struct Problem {
  std::int64_t n, h, w, c, top, left, p, q, k;

  std::int64_t tiles_down() const { return (p + kOut - 1) / kOut; }
  std::int64_t tiles_across() const { return (q + kOut - 1) / kOut; }
  std::int64_t tiles() const { return n * tiles_down() * tiles_across(); }
  TileGrid grid() const { return {h, w, c, top, left, tiles_down(), tiles_across()}; }
  std::int64_t rows_of(const TilePlace& at) const { return std::min<std::int64_t>(kOut, p - at.row); }
  std::int64_t columns_of(const TilePlace& at) const { return std::min<std::int64_t>(kOut, q - at.column); }
  std::int64_t pixels_of(const TilePlace& at) const { return rows_of(at) * columns_of(at); }
  std::int64_t panels() const { return (k + kPanel - 1) / kPanel; }
  std::int64_t filter_numel() const { return kPositions * panels() * c * kPanel; }
};

// U[position][panel][c][k in panel] of one panel, zeros beyond the last k. load_tap(k, r, t, c, g): g[i] becomes the weights
// of a register of output channels from k on, at the tap (r, t) and the input channel c + i.
template <typename Load>
void transform_weights(const Problem& s, const Load& load_tap, std::int64_t panel, float* u) {
  const std::int64_t position_stride = s.panels() * s.c * kPanel;
  for (std::int64_t v = 0; v < kPanel; v += kLane) {
    const std::int64_t k = panel * kPanel + v;
    for (std::int64_t c = 0; c < s.c; c += kLane) {
      Vec<float> g[kTaps][kTaps][kLane] = {};
      for (int r = 0; r < kTaps && k < s.k; ++r) {
        for (int t = 0; t < kTaps; ++t) load_tap(k, r, t, c, g[r][t]);
      }
      for (std::int64_t i = 0; i < kLane; ++i) {
        Vec<float> columns[kTaps][kTile];  // [t]: the column of taps t, transformed
        for (int t = 0; t < kTaps; ++t) transform_filter({g[0][t][i], g[1][t][i], g[2][t][i]}, columns[t]);
        float* target = u + (panel * s.c + c + i) * kPanel + v;
        for (int j = 0; j < kTile; ++j) {
          Vec<float> row[kTile];
          transform_filter({columns[0][j], columns[1][j], columns[2][j]}, row);
          for (int p = 0; p < kTile; ++p) store(target + (j * kTile + p) * position_stride, row[p]);
        }
      }
    }
  }
}

// Where the statistics of a task's outputs are gathered, tile by tile.
struct TaskMoments {
  float* mean = nullptr;  // (K), or null
  float* m2 = nullptr;    // (K): squared deviations
  float pixels = 0.0F;    // so far
};

// Joins the statistics of a register of channels with those of one more tile; outputs beyond rows and columns are not
// part of the image.
void add_moments(const TaskMoments& task, std::int64_t k, const Vec<float> (&y)[kOut][kOut],
                 std::int64_t rows, std::int64_t columns) {
  Vec<float> sum{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) sum += y[i][j];
  }
  const auto pixels = static_cast<float>(rows * columns);
  const float all = task.pixels + pixels;
  const Vec<float> mean = sum * (1.0F / pixels);
  Vec<float> m2{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) m2 += (y[i][j] - mean) * (y[i][j] - mean);
  }
  const Vec<float> delta = mean - load(task.mean + k);
  store(task.mean + k, load(task.mean + k) + delta * (pixels / all));
  store(task.m2 + k, load(task.m2 + k) + m2 + delta * delta * (task.pixels * pixels / all));
}

// Channels first_k .. first_k + count of one tile's outputs, count a multiple of a register; bias may be null.
void store_tile(const Problem& s, const float* m, std::int64_t stride, const TilePlace& at,
                std::int64_t first_k, std::int64_t count, const float* bias, float* y,
                const TaskMoments& moments) {
  const std::int64_t rows = s.rows_of(at);
  const std::int64_t columns = s.columns_of(at);
  float* target = y + ((at.image * s.p + at.row) * s.q + at.column) * s.k + first_k;
  for (std::int64_t k = 0; k < count; k += kLane) {
    Vec<float> lines[kTile][kOut];
    for (int i = 0; i < kTile; ++i) {
      const float* from = m + i * kTile * stride + k;
      transform_output({load(from), load(from + stride), load(from + 2 * stride), load(from + 3 * stride),
                        load(from + 4 * stride), load(from + 5 * stride)},
                       lines[i]);
    }
    const Vec<float> shift = bias != nullptr ? load(bias + first_k + k) : Vec<float>{};
    Vec<float> outputs[kOut][kOut];
    for (std::int64_t j = 0; j < kOut; ++j) {
      Vec<float> column[kOut];
      transform_output({lines[0][j], lines[1][j], lines[2][j], lines[3][j], lines[4][j], lines[5][j]},
                       column);
      for (std::int64_t i = 0; i < kOut; ++i) outputs[i][j] = column[i] + shift;
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) store(target + (i * s.q + j) * s.k + k, outputs[i][j]);
    }
    if (moments.mean != nullptr) add_moments(moments, first_k + k, outputs, rows, columns);
  }
}

// M (tiles, panel) = V (tiles, c) * U (c, panel), at one position.
void multiply(const float* v, const float* u, float* m, std::int64_t tiles, std::int64_t c,
              std::int64_t m_stride) {
  for_row_groups(tiles, [&](std::int64_t first, std::int64_t count) {
    dispatch_rows(count, [&]<int Rows>() {
      Tile<float, Rows, 2> tile;
      tile.clear();
      tile.accumulate(v + first * c, c, 1, u, kPanel, c);
      tile.store_rows(m + first * m_stride, m_stride, kPanel);
    });
  });
}

struct Scratch {
  explicit Scratch(const Problem& s)
      : v_stride(kTiles * s.c + kSkew),
        m_stride(kTiles * kChunk + kSkew),
        numel(kPositions * (v_stride + m_stride)) {}
  std::int64_t v_stride, m_stride, numel;
};

void convolve_tiles(const Problem& s, const Scratch& sizes, const ConvSource<float>& x, const float* u,
                    const float* zeros, const float* bias, float* y, TaskMoments moments, std::int64_t first,
                    std::int64_t count, float* scratch) {
  const TileGrid grid = s.grid();
  float* v = scratch;
  float* m = scratch + kPositions * sizes.v_stride;
  for (std::int64_t t = 0; t < count; ++t) {
    const auto target = [&](int position, std::int64_t c) {
      return v + position * sizes.v_stride + t * s.c + c;
    };
    x.scale == nullptr ? transform_tile<false>(grid, x, grid.place(first + t), zeros, target)
                       : transform_tile<true>(grid, x, grid.place(first + t), zeros, target);
  }
  if (moments.mean != nullptr) {
    std::fill_n(moments.mean, s.k, 0.0F);
    std::fill_n(moments.m2, s.k, 0.0F);
  }
  for (std::int64_t k = 0; k < s.k; k += kChunk) {
    const std::int64_t chunk = std::min(kChunk, s.k - k);
    for (std::int64_t position = 0; position < kPositions; ++position) {
      for (std::int64_t panel = 0; panel < chunk; panel += kPanel) {
        multiply(v + position * sizes.v_stride,
                 u + (position * s.panels() + (k + panel) / kPanel) * s.c * kPanel,
                 m + position * sizes.m_stride + panel, count, s.c, kChunk);
      }
    }
    moments.pixels = 0.0F;
    for (std::int64_t t = 0; t < count; ++t) {
      const TilePlace at = grid.place(first + t);
      store_tile(s, m + t * kChunk, sizes.m_stride, at, k, chunk, bias, y, moments);
      moments.pixels += static_cast<float>(s.pixels_of(at));
    }
  }
}

// Tiles in tasks of kTiles. Where statistics are wanted, a task stays within one image.
struct Tasks {
  std::int64_t groups, tiles;  // of a group

  Tasks(const Problem& s, bool by_image) : groups(by_image ? s.n : 1), tiles(s.tiles() / groups) {}
  std::int64_t per_group() const { return (tiles + kTiles - 1) / kTiles; }
  std::int64_t count() const { return groups * per_group(); }
  std::int64_t first(std::int64_t task) const {
    return task / per_group() * tiles + task % per_group() * kTiles;
  }
  std::int64_t size(std::int64_t task) const { return std::min(kTiles, tiles - task % per_group() * kTiles); }
};

// Output pixels of a task. Those of the first image hold for all.
std::int64_t pixels_of(const Problem& s, const Tasks& tasks, std::int64_t task) {
  std::int64_t pixels = 0;
  for (std::int64_t t = 0; t < tasks.size(task); ++t) {
    pixels += s.pixels_of(s.grid().place(tasks.first(task) + t));
  }
  return pixels;
}

template <typename Load>
void convolve(Machine& m, const Problem& s, const ConvSource<float>& x, const Load& load_weights,
              const float* bias, float* y, float* mean = nullptr, float* variance = nullptr) {
  const auto u = m.workspace.borrow<float>(s.filter_numel());
  m.threads.run(s.panels(), [&](std::int64_t panel) { transform_weights(s, load_weights, panel, u.data()); });
  const auto zeros = m.workspace.borrow<float>(s.c);
  std::fill_n(zeros.data(), s.c, 0.0F);

  const Scratch sizes(s);
  const Tasks tasks(s, mean != nullptr);
  const MomentParts parts{tasks.groups, tasks.per_group(), s.k};
  const auto partial = m.workspace.borrow<float>(mean != nullptr ? parts.numel() : 0);
  const std::int64_t workers = std::min<std::int64_t>(m.threads.size(), tasks.count());
  const auto scratch = m.workspace.borrow<float>(workers * sizes.numel);
  std::atomic<std::int64_t> next{0};
  m.threads.run(workers, [&](std::int64_t worker) {
    for (std::int64_t task = next++; task < tasks.count(); task = next++) {
      TaskMoments moments;
      if (mean != nullptr) {
        moments.mean = partial.data() + parts.offset(0, task);
        moments.m2 = moments.mean + s.k;
      }
      convolve_tiles(s, sizes, x, u.data(), zeros.data(), bias, y, moments, tasks.first(task),
                     tasks.size(task), scratch.data() + worker * sizes.numel);
    }
  });
  if (mean == nullptr) return;
  std::vector<std::int64_t> pixels;
  for (std::int64_t task = 0; task < tasks.per_group(); ++task) pixels.push_back(pixels_of(s, tasks, task));
  join_moments(
      m, partial.data(), parts, [&](std::int64_t task) { return pixels[static_cast<std::size_t>(task)]; },
      mean, variance);
}

Problem forward_problem(const Conv2dShape& s) {
  return {s.n, s.h, s.w, s.c, s.padding.top, s.padding.left, s.p(), s.q(), s.k};
}
// dy is padded by what x was not.
Problem grad_input_problem(const Conv2dShape& s) {
  return {s.n, s.p(), s.q(), s.k, kTaps - 1 - s.padding.top, kTaps - 1 - s.padding.left, s.h, s.w, s.c};
}

}  // namespace

bool winograd_takes(ConvPass pass, const Conv2dShape& s) {
  // With fewer channels the transforms cost more than the products save; with fewer tiles those of the weights do.
  constexpr std::int64_t kFewestChannels = 2 * kLane;
  constexpr std::int64_t kFewestTiles = kTileRows;
  if (s.r != kTaps || s.s != kTaps || s.stride_h != 1 || s.stride_w != 1) return false;
  if (s.c % kLane != 0 || s.k % kLane != 0 || std::min(s.c, s.k) < kFewestChannels) return false;
  if (pass != ConvPass::grad_input) return forward_problem(s).tiles() >= kFewestTiles;
  const Padding2d& p = s.padding;
  return std::max({p.top, p.bottom, p.left, p.right}) < kTaps &&
         grad_input_problem(s).tiles() >= kFewestTiles;
}

std::int64_t winograd_scratch_numel(const Machine& m, ConvPass pass, const Conv2dShape& shape) {
  if (pass == ConvPass::grad_weight) return winograd_grad_weight_scratch_numel(shape);
  const Problem s = pass == ConvPass::forward ? forward_problem(shape) : grad_input_problem(shape);
  return s.filter_numel() + m.threads.size() * Scratch(s).numel;
}

void conv2d_winograd(Machine& m, const ConvSource<float>& x, const float* weight, const float* bias, float* y,
                     float* mean, float* variance, const Conv2dShape& s) {
  check(x.scale == nullptr || x.border != PadMode::zero || s.padding == Padding2d{},
        "conv2d: Winograd's tiles cannot normalise an image with a border of zeros");
  convolve(
      m, forward_problem(s), x,
      [&](std::int64_t k, int r, int t, std::int64_t c, Vec<float>(&g)[kLane]) {
        for (int i = 0; i < kLane; ++i) g[i] = load(weight + (((k + i) * kTaps + r) * kTaps + t) * s.c + c);
        transpose<float>(g);
      },
      bias, y, mean, variance);
}

void conv2d_grad_input_winograd(Machine& m, const float* dy, const float* weight, const float* bias,
                                float* dx, const Conv2dShape& s) {
  convolve(
      m, grad_input_problem(s), {.x = dy},
      [&](std::int64_t c, int r, int t, std::int64_t k, Vec<float>(&g)[kLane]) {
        const std::int64_t tap = (kTaps - 1 - r) * kTaps + kTaps - 1 - t;
        for (int i = 0; i < kLane; ++i) g[i] = load(weight + ((k + i) * kTaps * kTaps + tap) * s.c + c);
      },
      bias, dx);
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
