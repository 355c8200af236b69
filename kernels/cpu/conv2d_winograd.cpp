// 3x3 and 4x4 convolutions of stride 1 and 2 by Winograd's minimal filtering (winograd.h): a quarter of the
// multiplications at stride 1, 0.54 (3x3) and 0.36 (4x4) of them at stride 2.
//
// The result is cut into tiles, of 4x4 pixels for 3x3 kernels, 3x3 for 4x4, and 5x5 for the halves of a strided one, and
// the image under it into overlapping tiles of 6x6. Transformed, a tile is 36 positions, and at each of them the
// convolution is a matrix product over the channels:
//   M[p] (tiles, K) = V[p] (tiles, C) * U[p] (C, K)        p = 0..35
// Tiles go through in groups. First V of a group, one task a tile: it stays in the third-level cache. Then one task =
// one panel of output channels of a part of the group: block by block of input channels it transforms the panel's weights
// to U and adds the products to M, for all positions, and at the end goes back to pixels. U and M stay in the second-level
// cache, a position's share of U in the first, and each value of U serves all tiles of the part. V is read once for each
// panel. Of few tiles U as a whole, several times the weights, is never written; of many it is made once and kept.
//
// With stride 2 the phases of the image are further channels (winograd_tiles.h).
// grad_input is the same with the weights turned around and their channels exchanged; with stride 2, the phases of its
// result are further output channels.
//
// A forward for inference reads its pixels through a normalisation and a border (conv_source.h) and gathers the
// statistics of what it writes, tile by tile (moments.h).
//
// Where bfloat16 was asked for and the processor multiplies it, V and U are of that type (product_types.h): twice the
// products, in half the memory.
//
// Tolerance: sums of C products, but the transforms' factors (up to 16 and 1/24) cost accuracy. Against float64, the
// error relative to the largest result stays below 3e-5 (tests/kernels/conv2d_test.cpp).
#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/moments.h"
#include "kernels/cpu/product_types.h"
#include "kernels/cpu/winograd_outputs.h"
#include "kernels/cpu/winograd_tiles.h"
#include "kernels/cpu/winograd_weights.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

using namespace winograd;

constexpr std::int64_t kLane = kLanes<float>;
constexpr std::int64_t kPanel = kWinogradPanel;  // output channels of a register tile
// U of a block and M of a part, 592 KB each, as they pass through a second-level cache of 1 MiB; half and double the
// tiles are about as fast.
constexpr std::int64_t kMostChannels = 4 * kPanel;  // of a block
constexpr std::int64_t kMostTiles = 128;            // of a part
constexpr std::int64_t kFewParts = 3;
constexpr std::int64_t kSkew = kLane;  // or the 36 positions would share one set of the cache

// Channels [begin, end) of all phases, within one.
struct ChannelBlock {
  std::int64_t phase, begin, end;
};

// From n images under `in` to images `out` by transformed weights.
struct Problem {
  std::int64_t n;
  TileGrid in;
  OutputImage out;
  WinogradWeights weights;
  Absent absent;

  std::int64_t tiles() const { return n * in.tiles(); }
  std::int64_t blocks_of_phase() const { return (in.channels + kMostChannels - 1) / kMostChannels; }
  std::int64_t blocks() const { return in.phases() * blocks_of_phase(); }
  ChannelBlock block(std::int64_t i) const {
    const std::int64_t phase = i / blocks_of_phase();
    const std::int64_t begin = phase * in.channels + i % blocks_of_phase() * kMostChannels;
    return {phase, begin, std::min(begin + kMostChannels, (phase + 1) * in.channels)};
  }
  // Of the channels of the image, or of the result.
  bool absent_input(std::int64_t position, std::int64_t phase) const {
    return in.step > 1 && absent(position, phase);
  }
  bool absent_output(std::int64_t position, std::int64_t panel) const {
    return out.step > 1 && absent(position, panel / weights.panels_of_phase());
  }
};

Problem forward_problem(const Conv2dShape& s, const float* weight) {
  return {.n = s.n,
          .in = forward_grid(s),
          .out = {.h = s.p(), .w = s.q(), .channels = s.k},
          .weights = {weight, s, ConvPass::forward},
          .absent = absent_products(s, kTile - 1)};
}

// One axis of grad_input: pixel h of the result, h + pad = step * u + phase, is the sum over taps t of
// dy[u - (taps - 1) + t]. Tiles begin at the first u that any phase has.
struct TurnedAxis {
  std::int64_t border;  // of dy
  std::int64_t crop;    // of the result, before tile 0's pixel
  std::int64_t extent;  // of u

  TurnedAxis(std::int64_t input, std::int64_t step, std::int64_t pad, std::int64_t taps)
      : border(taps - 1 - pad / step), crop(pad % step), extent((input - 1 + crop) / step + 1) {}
};

Problem grad_input_problem(const Conv2dShape& s, const float* weight) {
  const WinogradWeights weights{weight, s, ConvPass::grad_input};
  const int taps = taps_of_phase(s);
  const std::int64_t outputs = outputs_of(taps);
  const TurnedAxis down(s.h, s.stride_h, s.padding.top, taps);
  const TurnedAxis across(s.w, s.stride_w, s.padding.left, taps);
  return {
      .n = s.n,
      .in = {.image_h = s.p(),
             .image_w = s.q(),
             .channels = s.k,
             .top = down.border,
             .left = across.border,
             .down = tiles_along(down.extent, outputs),
             .across = tiles_along(across.extent, outputs),
             .outputs = outputs},
      .out = {.h = s.h, .w = s.w, .channels = s.c, .step = s.stride_h, .top = down.crop, .left = across.crop},
      .weights = weights,
      .absent = absent_products(s, 0)};
}

// The tiles in parts of nearly equal size, none across two images where each image has its statistics. Parts do not depend
// on the number of threads, groups of them do: sums are within parts.
struct Parts {
  std::int64_t sets, tiles, per_set;  // tiles: of a set

  Parts(const Problem& s, bool by_image)
      : sets(by_image ? s.n : 1), tiles(s.tiles() / sets), per_set((tiles + kMostTiles - 1) / kMostTiles) {}
  std::int64_t count() const { return sets * per_set; }
  std::int64_t begin(std::int64_t part) const {
    return part / per_set * tiles + part % per_set * tiles / per_set;
  }
  std::int64_t end(std::int64_t part) const {
    return part / per_set * tiles + (part % per_set + 1) * tiles / per_set;
  }
  std::int64_t most() const { return (tiles + per_set - 1) / per_set; }  // tiles of the largest
  // Whether U is kept: with few parts it is faster to transform the weights anew for each of them than to write U out and
  // fetch it, with many it is slower.
  bool keep_weights() const { return count() > kFewParts; }
  // Parts of a group: enough tasks for all threads.
  std::int64_t per_group(const Machine& m, const Problem& s) const {
    const std::int64_t threads = m.threads.size();
    return std::clamp<std::int64_t>((2 * threads + s.weights.panels() - 1) / s.weights.panels(), 1,
                                    std::min(2 * threads, count()));
  }
};

// Elements of V, of blocks of U and of M, for each thread; v_row from tile to tile, the strides from position to position.
struct Scratch {
  Scratch(const Machine& m, const Problem& s, const Parts& parts)
      : v_row(s.in.all_channels() + kSkew),
        v_stride(parts.per_group(m, s) * parts.most() * v_row + kSkew),
        u_stride(std::min(s.in.channels, kMostChannels) * kPanel + kSkew),
        m_stride(parts.most() * kPanel + kSkew),
        u_blocks(parts.keep_weights() ? s.weights.panels() * s.blocks() : m.threads.size()) {}
  std::int64_t v_row, v_stride, u_stride, m_stride;
  std::int64_t u_blocks;  // in memory at one time

  std::int64_t v_numel() const { return kPositions * v_stride; }
  std::int64_t u_block() const { return kPositions * u_stride; }
  std::int64_t m_numel() const { return kPositions * m_stride; }
};

// M (tiles, panel) += V (tiles, c) * U (c, panel), at one position. `fresh`: M is not read.
template <typename P>
void multiply(const P* v, std::int64_t v_row, const P* u, float* m, std::int64_t tiles, std::int64_t channels,
              bool fresh) {
  for_row_groups(tiles, [&](std::int64_t first, std::int64_t count) {
    dispatch_rows(count, [&]<int Rows>() {
      ProductTile<P, Rows, 2> tile;
      tile.clear();
      tile.accumulate_row(v + first * v_row, v_row, u, channels);
      float* const target = m + first * kPanel;
      fresh ? tile.store_rows(target, kPanel, kPanel) : tile.add_rows(target, kPanel, kPanel);
    });
  });
}

// M of one panel of some tiles. transformed(block) -> U of the panel and a block of channels.
template <typename P, typename Weights>
void multiply_panel(const Problem& s, const Scratch& sizes, std::int64_t panel, const P* v,
                    std::int64_t tiles, const Weights& transformed, float* m) {
  std::array<bool, kPositions> fresh;
  fresh.fill(true);
  for (std::int64_t i = 0; i < s.blocks(); ++i) {
    const ChannelBlock block = s.block(i);
    const P* const u = transformed(i);
    for (std::int64_t p = 0; p < kPositions; ++p) {
      if (s.absent_input(p, block.phase) || s.absent_output(p, panel)) continue;
      bool& first = fresh[static_cast<std::size_t>(p)];
      multiply(v + p * sizes.v_stride + block.begin, sizes.v_row, u + p * sizes.u_stride,
               m + p * sizes.m_stride, tiles, block.end - block.begin, first);
      first = false;
    }
  }
  for (std::int64_t p = 0; p < kPositions; ++p) {
    if (s.absent_output(p, panel)) std::fill_n(m + p * sizes.m_stride, tiles * kPanel, 0.0F);
  }
}

// Output pixels of a part.
template <int Outputs>
std::int64_t pixels_of_part(const Problem& s, const Parts& parts, std::int64_t part) {
  std::int64_t pixels = 0;
  for (std::int64_t tile = parts.begin(part); tile < parts.end(part); ++tile)
    pixels += pixels_of<Outputs>(s.out, s.in.place(tile));
  return pixels;
}

// The pixels of one panel of the tiles from `first` on.
template <int Outputs>
void store_panel(const Problem& s, const Scratch& sizes, std::int64_t panel, const float* m,
                 std::int64_t first, std::int64_t tiles, const float* bias, float* y, TaskMoments moments) {
  const std::int64_t phase = panel / s.weights.panels_of_phase();
  const std::int64_t k = s.weights.first_output(panel);
  const std::int64_t count = s.weights.outputs_in(panel);
  if (moments.mean != nullptr) {
    std::fill_n(moments.mean + k, count, 0.0F);
    std::fill_n(moments.m2 + k, count, 0.0F);
  }
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const TilePlace at = s.in.place(first + tile);
    store_tile<Outputs>(s.out, m + tile * kPanel, sizes.m_stride, at, phase, k, count, bias, y, moments);
    moments.pixels += static_cast<float>(pixels_of<Outputs>(s.out, at));
  }
}

// mean and variance (n, channels) of the result may be null.
template <int Taps, typename P>
void convolve(Machine& m, const Problem& s, const ConvSource<float>& x, const float* bias, float* y,
              float* mean = nullptr, float* variance = nullptr) {
  constexpr int kOutputs = outputs_of(Taps);
  const Parts parts(s, mean != nullptr);
  const std::int64_t per_group = parts.per_group(m, s);
  const Scratch sizes(m, s, parts);
  const auto v = m.workspace.borrow<P>(sizes.v_numel());
  const auto u = m.workspace.borrow<P>(sizes.u_blocks * sizes.u_block());
  const auto products = m.workspace.borrow<float>(m.threads.size() * sizes.m_numel());
  const auto zeros = m.workspace.borrow<float>(s.in.channels);
  std::fill_n(zeros.data(), s.in.channels, 0.0F);
  const MomentParts moment_parts{parts.sets, parts.per_set, s.out.channels};
  const auto partial = m.workspace.borrow<float>(mean != nullptr ? moment_parts.numel() : 0);
  const std::int64_t panels = s.weights.panels();
  const auto transform = [&](std::int64_t panel, std::int64_t block, P* target) {
    const ChannelBlock channels = s.block(block);
    transform_weights<Taps>(s.weights, panel, channels.begin, channels.end, target, sizes.u_stride);
  };
  const auto kept = [&](std::int64_t panel, std::int64_t block) {
    return u.data() + (panel * s.blocks() + block) * sizes.u_block();
  };
  if (parts.keep_weights()) {
    parallel_for(m.threads, panels * s.blocks(), [&](std::int64_t i) {
      transform(i / s.blocks(), i % s.blocks(), kept(i / s.blocks(), i % s.blocks()));
    });
  }

  for (std::int64_t first_part = 0; first_part < parts.count(); first_part += per_group) {
    const std::int64_t last_part = std::min(first_part + per_group, parts.count());
    const std::int64_t first_tile = parts.begin(first_part);
    parallel_for(m.threads, parts.end(last_part - 1) - first_tile, [&](std::int64_t tile) {
      const TilePlace at = s.in.place(first_tile + tile);
      const auto target = [&](std::int64_t c) { return v.data() + tile * sizes.v_row + c; };
      x.scale == nullptr ? transform_tile<false>(s.in, x, at, zeros.data(), target, sizes.v_stride)
                         : transform_tile<true>(s.in, x, at, zeros.data(), target, sizes.v_stride);
    });
    std::atomic<std::int64_t> next{0};
    const std::int64_t tasks = panels * (last_part - first_part);
    m.threads.run(std::min<std::int64_t>(m.threads.size(), tasks), [&](std::int64_t worker) {
      float* const sums = products.data() + worker * sizes.m_numel();
      for (std::int64_t task = next++; task < tasks; task = next++) {
        const std::int64_t part = first_part + task / panels;
        const std::int64_t panel = task % panels;
        const std::int64_t first = parts.begin(part);
        const std::int64_t tiles = parts.end(part) - first;
        const auto transformed = [&](std::int64_t block) -> const P* {
          if (parts.keep_weights()) return kept(panel, block);
          P* const own = u.data() + worker * sizes.u_block();
          transform(panel, block, own);
          return own;
        };
        multiply_panel(s, sizes, panel, v.data() + (first - first_tile) * sizes.v_row, tiles, transformed,
                       sums);
        TaskMoments moments;
        if (mean != nullptr) {
          moments.mean = partial.data() + moment_parts.offset(0, part);
          moments.m2 = moments.mean + s.out.channels;
        }
        store_panel<kOutputs>(s, sizes, panel, sums, first, tiles, bias, y, moments);
      }
    });
  }
  if (mean == nullptr) return;
  std::vector<std::int64_t> pixels;  // those of the first image hold for all
  for (std::int64_t part = 0; part < parts.per_set; ++part)
    pixels.push_back(pixels_of_part<kOutputs>(s, parts, part));
  join_moments(
      m, partial.data(), moment_parts,
      [&](std::int64_t part) { return pixels[static_cast<std::size_t>(part)]; }, mean, variance);
}

// body.template operator()<Taps, P>() for the taps of a phase and the operands of the products.
template <typename Body>
void dispatch(int taps, DType products, const Body& body) {
  const auto with_taps = [&]<int Taps>() {
    if constexpr (kHasBf16Products) {
      if (products == DType::bfloat16) return body.template operator()<Taps, bfloat16>();
    }
    body.template operator()<Taps, float>();
  };
  if (taps == 2) return with_taps.template operator()<2>();
  if (taps == 3) return with_taps.template operator()<3>();
  with_taps.template operator()<4>();
}

}  // namespace

bool winograd_takes(ConvPass pass, const Conv2dShape& s) {
  if (s.r != s.s || (s.r != 3 && s.r != 4) || s.stride_h != s.stride_w || s.stride_h > 2) return false;
  // With fewer channels the transforms cost more than the products save, which is least for 3x3 at stride 2.
  const std::int64_t fewest_channels = (s.r == 3 && s.stride_h == 2 ? 4 : 2) * kLane;
  if (s.c % kLane != 0 || s.k % kLane != 0 || std::min(s.c, s.k) < fewest_channels) return false;
  // With fewer tiles those of the weights do, and those of their gradient.
  const std::int64_t fewest_tiles = pass == ConvPass::grad_weight ? 2 * kTileRows : kTileRows;
  const Problem problem =
      pass == ConvPass::grad_input ? grad_input_problem(s, nullptr) : forward_problem(s, nullptr);
  return problem.tiles() >= fewest_tiles;
}

std::int64_t winograd_scratch_bytes(const Machine& m, ConvPass pass, const Conv2dShape& shape, DType products,
                                    bool moments) {
  if (pass == ConvPass::grad_weight) return winograd_grad_weight_scratch_bytes(m, shape);
  const Problem s =
      pass == ConvPass::forward ? forward_problem(shape, nullptr) : grad_input_problem(shape, nullptr);
  const Parts parts(s, moments);
  const Scratch sizes(m, s, parts);
  const std::int64_t sums = m.threads.size() * sizes.m_numel() +
                            (moments ? MomentParts{parts.sets, parts.per_set, s.out.channels}.numel() : 0);
  return (sizes.v_numel() + sizes.u_blocks * sizes.u_block()) * size_of(products) +
         sums * size_of(DType::float32);
}

void conv2d_winograd(Machine& m, const ConvSource<float>& x, const float* weight, const float* bias, float* y,
                     float* mean, float* variance, const Conv2dShape& shape, DType products) {
  const Problem s = forward_problem(shape, weight);
  dispatch(taps_of_phase(shape), products,
           [&]<int Taps, typename P>() { convolve<Taps, P>(m, s, x, bias, y, mean, variance); });
}

void conv2d_grad_input_winograd(Machine& m, const float* dy, const float* weight, const float* bias,
                                float* dx, const Conv2dShape& shape, DType products) {
  const Problem s = grad_input_problem(shape, weight);
  dispatch(taps_of_phase(shape), products,
           [&]<int Taps, typename P>() { convolve<Taps, P>(m, s, {.x = dy}, bias, dx); });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
