// conv2d_grad_weight for every shape and type, on CUDA cores: an implicit matrix product with the tiles of gemm_tile.h.
//
//   dw[k, (r,s,c)] = sum over output pixels of dy[pixel, k] * x[pixel * stride - padding + (r,s), c]
//   rows = K, columns = R*S*C, depth = N*P*Q;   x (N,H,W,C), dy (N,P,Q,K), dw (K,R,S,C)
//
// One block = one tile of 128 x 64 or 64 x 64 results over one part of the pixels; the parts' sums lie in the workspace
// and are added in order by a second kernel. The depth is cut until the blocks fill the GPU and, up to 1024 parts, no part
// is longer than 16384 pixels. FLOP: 2 x pixels x weights, by which it is bound. Deterministic: sums in the order of
// pixels and parts.
#include "kernels/cuda/conv_operands.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/gemm_split.h"

namespace dg::DG_TARGET {
namespace {

template <typename Tile, typename T, bool kVector>
__global__ void __launch_bounds__(kGemmThreads, kGemmBlocks<Tile, Compute<T>>)
    conv2d_grad_weight_tiled_kernel(ConvWindow w, int most_steps, const T* x, const T* dy,
                                    GemmOutput<T> output) {
  const int part = static_cast<int>(blockIdx.z);
  const int first_k = static_cast<int>(blockIdx.x) * Tile::kRows;
  const int first_column = static_cast<int>(blockIdx.y) * Tile::kColumns;
  const int pixels = static_cast<int>(w.pixels());
  const int first_step = part * most_steps;
  const int steps = steps_of_part(pixels, first_step, most_steps);
  // Multiply.
  TileSum<Tile, Compute<T>> sum;
  const MatrixView<T> grad{dy, w.out_c, w.out_c, pixels};
  MatrixAcrossDepth<T, Tile::kRows, kVector> a(grad, first_k, first_step * kGemmDepth);
  TapAcrossDepth<T, Tile::kColumns, kVector> b(w, x, first_column, first_step * kGemmDepth);
  multiply<Tile>(a, b, steps, sum);
  // Store.
  const int columns = w.depth();
#pragma unroll
  for (int i = 0; i < Tile::kThreadRows; ++i) {
    const int k = first_k + Tile::first_row() + Tile::row_offset(i);
    if (k >= w.out_c) continue;
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns; j += 4) {
      const int column = first_column + Tile::first_column() + Tile::column_offset(j);
      store_columns(output, part, std::int64_t{k} * columns, column, columns - column, &sum[i][j]);
    }
  }
}

}  // namespace

void conv2d_grad_weight_tiled(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) {
  if (shape.weight_numel() == 0) return;
  constexpr const char* kName = "conv2d_grad_weight_tiled";
  const ConvWindow window = forward_window(shape, kName);
  const int columns = window.depth();
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    const T* grad = dy.as<T>();
    GemmOutput<T> output{.out = dw.as<T>(),
                         .parts = nullptr,
                         .bias = nullptr,
                         .numel = shape.weight_numel(),
                         .epilogue = {},
                         .vector = false};
    output.vector = columns % 4 == 0 && is_aligned_to_4(output.out);
    const bool vector = shape.c % 4 == 0 && shape.k % 4 == 0 && is_aligned_to_4(in) && is_aligned_to_4(grad);
    // Whole tiles matter more than wide ones here: the cut along the depth fills the GPU.
    dispatch_tile<T>(shape.k % WideTile::kRows == 0, vector, [&]<typename Tile, bool kVector>() {
      const std::int64_t tiles_down = blocks_for(shape.k, Tile::kRows);
      const std::int64_t tiles_across = blocks_for(columns, Tile::kColumns);
      const DepthParts cut = cut_depth(tiles_down * tiles_across, window.pixels());
      if (cut.parts > 1) output.parts = m.workspace.get<Compute<T>>(cut.parts * output.numel);
      launch(conv2d_grad_weight_tiled_kernel<Tile, T, kVector>,
             {.name = kName,
              .grid = {tiles_down, tiles_across, cut.parts},
              .block = kGemmThreads,
              .shared_bytes = Tile::template shared_bytes<Compute<T>>()},
             m.stream, window, cut.steps, in, grad, output);
      if (cut.parts > 1) add_parts(m.stream, output, cut.parts, columns);
    });
  });
}

}  // namespace dg::DG_TARGET
