// conv2d and its grad_input for every shape and type, on CUDA cores: an implicit matrix product with the tiles of
// gemm_tile.h, over the windows of conv_window.h.
//
//   rows = output pixels (of one phase), columns = output channels, depth = taps x source channels
//   x (N,H,W,C), weight (K,R,S,C), y (N,P,Q,K), bias (columns) or null
//
// One block = one tile of 128 x 64 or 64 x 64 results. Blocks of a launch: tiles along pixels, tiles along channels, phase
// and part of the depth. Where the tiles do not fill the GPU, or the depth is above 16384, it is cut and the parts are added
// by a second kernel.
// FLOP: 2 x pixels x columns x depth, by which it is bound; bytes: each source element is loaded taps x columns / 64 times,
// from caches but for the first time. Deterministic: sums in the order of depth and parts.
#include "kernels/cuda/conv_operands.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/gemm_split.h"

namespace dg::DG_TARGET {
namespace {

// The phases of one launch; a stride of 2 has four.
constexpr int kMaxWindows = 4;
struct Windows {
  ConvWindow window[kMaxWindows];
  int parts;
  int steps_of_part;
};

// Puts a tile's sums where the window says.
template <typename Tile, typename T>
__device__ __forceinline__ void store_tile(const ConvWindow& w, const GemmOutput<T>& output, int part,
                                           int first_line, int first_column,
                                           const TileSum<Tile, Compute<T>>& sum) {
#pragma unroll
  for (int i = 0; i < Tile::kThreadRows; ++i) {
    const int line = first_line + Tile::first_row() + Tile::row_offset(i);
    const int image_row = line / w.out_w;
    const int image = image_row / w.out_h;
    if (image >= w.images) continue;
    const std::int64_t at =
        w.out_first + image * w.out_image + image_row % w.out_h * w.out_row + line % w.out_w * w.out_column;
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns; j += 4) {
      const int column = first_column + Tile::first_column() + Tile::column_offset(j);
      store_columns(output, part, at, column, w.out_c - column, &sum[i][j]);
    }
  }
}

template <typename Tile, typename T, bool kVector, bool kFilterAlongDepth>
__global__ void __launch_bounds__(kGemmThreads, kGemmBlocks<Tile, Compute<T>>)
    conv2d_tiled_kernel(Windows windows, const T* source, const T* weight, GemmOutput<T> output) {
  // Which tile.
  const ConvWindow& w = windows.window[static_cast<int>(blockIdx.z) / windows.parts];
  const int part = static_cast<int>(blockIdx.z) % windows.parts;
  const int first_line = static_cast<int>(blockIdx.x) * Tile::kRows;
  const int first_column = static_cast<int>(blockIdx.y) * Tile::kColumns;
  if (first_line >= w.pixels()) return;  // the whole block: another phase has more pixels
  // Its part of the depth.
  const int first_step = part * windows.steps_of_part;
  const int steps = steps_of_part(w.depth(), first_step, windows.steps_of_part);
  const int first_depth = first_step * kGemmDepth;
  // Multiply.
  TileSum<Tile, Compute<T>> sum;
  WindowAlongDepth<T, Tile::kRows, kVector> a(w, source, first_line, first_depth);
  if constexpr (kFilterAlongDepth) {
    const MatrixView<T> filter{weight, w.filter_o, w.out_c, w.depth()};
    MatrixAlongDepth<T, Tile::kColumns, kVector> b(filter, first_column, first_depth);
    multiply<Tile>(a, b, steps, sum);
  } else {
    FilterAcrossDepth<T, Tile::kColumns, kVector> b(w, weight, first_column, first_depth);
    multiply<Tile>(a, b, steps, sum);
  }
  store_tile<Tile>(w, output, part, first_line, first_column, sum);
}

template <typename T, bool kFilterAlongDepth>
void run_windows(Machine& m, const char* name, std::span<const ConvWindow> windows, const T* source,
                 const T* weight, GemmOutput<T> output) {
  std::int64_t pixels = 0;
  std::int64_t depth = 0;
  for (const ConvWindow& w : windows) {
    pixels += w.pixels();
    depth = std::max<std::int64_t>(depth, w.depth());
  }
  const int columns = windows.front().out_c;
  const bool wide = takes_wide_tile(pixels, columns);
  const bool vector = windows.front().source_c % 4 == 0 && (kFilterAlongDepth || columns % 4 == 0) &&
                      is_aligned_to_4(source) && is_aligned_to_4(weight);
  output.vector = columns % 4 == 0 && is_aligned_to_4(output.out);
  dispatch_tile<T>(wide, vector, [&]<typename Tile, bool kVector>() {
    const std::int64_t tiles_across = blocks_for(columns, Tile::kColumns);
    const DepthParts cut = cut_depth(blocks_for(pixels, Tile::kRows) * tiles_across, depth);
    if (cut.parts > 1) output.parts = m.workspace.get<Compute<T>>(cut.parts * output.numel);
    for (std::size_t done = 0; done < windows.size(); done += kMaxWindows) {
      const auto batch = windows.subspan(done, std::min<std::size_t>(kMaxWindows, windows.size() - done));
      Windows launched{.window = {}, .parts = cut.parts, .steps_of_part = cut.steps};
      std::int64_t tiles_down = 0;
      for (std::size_t i = 0; i < batch.size(); ++i) {
        launched.window[i] = batch[i];
        tiles_down = std::max(tiles_down, blocks_for(batch[i].pixels(), Tile::kRows));
      }
      launch(conv2d_tiled_kernel<Tile, T, kVector, kFilterAlongDepth>,
             {.name = name,
              .grid = {tiles_down, tiles_across, static_cast<std::int64_t>(batch.size()) * cut.parts},
              .block = kGemmThreads,
              .shared_bytes = Tile::template shared_bytes<Compute<T>>()},
             m.stream, launched, source, weight, output);
    }
    if (cut.parts > 1) add_parts(m.stream, output, cut.parts, columns);
  });
}

template <typename T>
const T* optional(ConstArray array) {
  return array ? array.as<T>() : nullptr;
}

}  // namespace

void conv2d_tiled(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y,
                  const Conv2dShape& shape, const Epilogue& epilogue) {
  if (shape.output_numel() == 0) return;
  const ConvWindow window = forward_window(shape, "conv2d_tiled");
  dispatch_float(x.dtype, [&]<typename T>() {
    run_windows<T, true>(m, "conv2d_tiled", {&window, 1}, x.as<T>(), weight.as<T>(),
                         {.out = y.as<T>(),
                          .parts = nullptr,
                          .bias = optional<T>(bias),
                          .numel = shape.output_numel(),
                          .epilogue = epilogue,
                          .vector = false});
  });
}

void conv2d_grad_input_tiled(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                             const Conv2dShape& shape) {
  if (shape.input_numel() == 0) return;
  const std::vector<ConvWindow> windows = grad_input_windows(shape, "conv2d_grad_input_tiled");
  dispatch_float(dy.dtype, [&]<typename T>() {
    run_windows<T, false>(m, "conv2d_grad_input_tiled", windows, dy.as<T>(), weight.as<T>(),
                          {.out = dx.as<T>(),
                           .parts = nullptr,
                           .bias = optional<T>(bias),
                           .numel = shape.input_numel(),
                           .epilogue = {},
                           .vector = false});
  });
}

}  // namespace dg::DG_TARGET
