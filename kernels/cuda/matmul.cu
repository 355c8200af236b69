// y (m, n) = A (m, k) B (k, n), row-major; A may be stored (k, m), B stored (n, k).
//
// In general the tiles of gemm_tile.h: one block = 64 x 64 or 128 x 64 results over one part of the depth, bound by
// arithmetic. Where the tiles do not fill the GPU, or the depth is above 16384, it is cut and a second kernel adds the parts.
// A product of a row and a matrix (m = 1, or n = 1 with the roles exchanged: y' = B' A', the same memory) is bound by the
// matrix's bytes, read once:
//   row_times_matrix: the matrix is (k, n); one block = 4 columns a thread over one part of the depth, parts added as above
//   row_times_transposed: the matrix is (n, k); one block = one column, its sum in a fixed order over the block
// Deterministic: what is summed in which order follows from the shape.
#include <type_traits>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/block.h"
#include "kernels/cuda/gemm_operands.h"
#include "kernels/cuda/gemm_split.h"

namespace dg::DG_TARGET {
namespace {

struct MatmulSize {
  int rows, columns, depth;
};

template <typename T, int kWidth, bool kVector, bool kAlongDepth>
using MatrixOperand = std::conditional_t<kAlongDepth, MatrixAlongDepth<T, kWidth, kVector>,
                                         MatrixAcrossDepth<T, kWidth, kVector>>;

template <typename Tile, typename T, bool kVector, bool kTransposeA, bool kTransposeB>
__global__ void __launch_bounds__(kGemmThreads, kGemmBlocks<Tile, Compute<T>>)
    matmul_kernel(MatmulSize size, int most_steps, const T* a, const T* b, GemmOutput<T> output) {
  const int part = static_cast<int>(blockIdx.y);
  const int tiles_across = (size.columns + Tile::kColumns - 1) / Tile::kColumns;
  const int first_row = static_cast<int>(blockIdx.x) / tiles_across * Tile::kRows;
  const int first_column = static_cast<int>(blockIdx.x) % tiles_across * Tile::kColumns;
  const int first_step = part * most_steps;
  const int steps = steps_of_part(size.depth, first_step, most_steps);
  // Multiply.
  TileSum<Tile, Compute<T>> sum;
  const MatrixView<T> left{a, kTransposeA ? size.rows : size.depth, size.rows, size.depth};
  const MatrixView<T> right{b, kTransposeB ? size.depth : size.columns, size.columns, size.depth};
  MatrixOperand<T, Tile::kRows, kVector, !kTransposeA> operand_a(left, first_row, first_step * kGemmDepth);
  MatrixOperand<T, Tile::kColumns, kVector, kTransposeB> operand_b(right, first_column,
                                                                   first_step * kGemmDepth);
  multiply<Tile>(operand_a, operand_b, steps, sum);
  // Store.
#pragma unroll
  for (int i = 0; i < Tile::kThreadRows; ++i) {
    const int row = first_row + Tile::first_row() + Tile::row_offset(i);
    if (row >= size.rows) continue;
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns; j += 4) {
      const int column = first_column + Tile::first_column() + Tile::column_offset(j);
      store_columns(output, part, std::int64_t{row} * size.columns, column, size.columns - column,
                    &sum[i][j]);
    }
  }
}

constexpr int kRowThreads = 128;

// kWidth neighbouring columns a thread; the tail of a row narrower than that is done by itself.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kRowThreads)
    row_times_matrix_kernel(MatmulSize size, int depth_of_part, const T* row, const T* matrix,
                            GemmOutput<T> output) {
  const int part = static_cast<int>(blockIdx.y);
  const int column = (static_cast<int>(blockIdx.x) * kRowThreads + static_cast<int>(threadIdx.x)) * kWidth;
  if (column >= size.columns) return;
  const int first = part * depth_of_part;
  const int left = size.depth - first;
  const int count = left < depth_of_part ? left : depth_of_part;
  const T* factor = row + first;
  const T* from = matrix + std::int64_t{first} * size.columns + column;
  Compute<T> sum[kWidth] = {};
#pragma unroll 8
  for (int d = 0; d < count; ++d) {
    const auto values = load_vector<kWidth>(from);
    const auto scale = static_cast<Compute<T>>(factor[d]);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) sum[j] += scale * static_cast<Compute<T>>(values.value[j]);
    from += size.columns;
  }
#pragma unroll
  for (int j = 0; j < kWidth; ++j) {
    if (output.parts != nullptr) {
      output.parts[part * output.numel + column + j] = sum[j];
    } else {
      output.out[column + j] = T(sum[j]);
    }
  }
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kRowThreads)
    row_times_transposed_kernel(MatmulSize size, const T* row, const T* matrix, T* y) {
  SharedMemory shared;
  auto* scratch = shared.array<Compute<T>>(kWarp);
  const T* line = matrix + std::int64_t{blockIdx.x} * size.depth;
  Compute<T> sum = 0;
#pragma unroll 4
  for (int d = static_cast<int>(threadIdx.x) * kWidth; d < size.depth; d += kRowThreads * kWidth) {
    const auto left = load_vector<kWidth>(row + d);
    const auto right = load_vector<kWidth>(line + d);
#pragma unroll
    for (int j = 0; j < kWidth; ++j) {
      sum += static_cast<Compute<T>>(left.value[j]) * static_cast<Compute<T>>(right.value[j]);
    }
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = T(sum);
}

template <typename T>
void multiply_row(Machine& m, MatmulSize size, const T* row, const T* matrix, bool transposed,
                  GemmOutput<T> output) {
  const auto vector_or_one = [](bool vector, const auto& body) {
    return vector ? body.template operator()<4>() : body.template operator()<1>();
  };
  if (transposed) {
    const bool vector = size.depth % 4 == 0 && is_aligned_to_4(row) && is_aligned_to_4(matrix);
    return vector_or_one(vector, [&]<int kWidth>() {
      launch(row_times_transposed_kernel<T, kWidth>,
             {.name = "row_times_transposed",
              .grid = {size.columns},
              .block = kRowThreads,
              .shared_bytes = SharedBytes().add<Compute<T>>(kWarp).total()},
             m.stream, size, row, matrix, output.out);
    });
  }
  const bool vector = size.columns % 4 == 0 && is_aligned_to_4(matrix);
  vector_or_one(vector, [&]<int kWidth>() {
    const std::int64_t blocks = blocks_for(size.columns, kRowThreads * kWidth);
    const DepthParts cut = cut_depth(blocks, size.depth);
    if (cut.parts > 1) output.parts = m.workspace.get<Compute<T>>(cut.parts * output.numel);
    launch(row_times_matrix_kernel<T, kWidth>,
           {.name = "row_times_matrix", .grid = {blocks, cut.parts}, .block = kRowThreads}, m.stream, size,
           cut.steps * kGemmDepth, row, matrix, output);
    if (cut.parts > 1) add_parts(m.stream, output, cut.parts, size.columns);
  });
}

template <typename T, bool kTransposeA, bool kTransposeB>
void multiply_matrices(Machine& m, MatmulSize size, const T* a, const T* b, GemmOutput<T> output) {
  output.vector = size.columns % 4 == 0 && is_aligned_to_4(output.out);
  const bool vector = (kTransposeA ? size.rows : size.depth) % 4 == 0 &&
                      (kTransposeB ? size.depth : size.columns) % 4 == 0 && is_aligned_to_4(a) &&
                      is_aligned_to_4(b);
  dispatch_tile<T>(takes_wide_tile(size.rows, size.columns), vector, [&]<typename Tile, bool kVector>() {
    const std::int64_t tiles_down = blocks_for(size.rows, Tile::kRows);
    const std::int64_t tiles_across = blocks_for(size.columns, Tile::kColumns);
    const DepthParts cut = cut_depth(tiles_down * tiles_across, size.depth);
    if (cut.parts > 1) output.parts = m.workspace.get<Compute<T>>(cut.parts * output.numel);
    launch(matmul_kernel<Tile, T, kVector, kTransposeA, kTransposeB>,
           {.name = "matmul",
            .grid = {tiles_down * tiles_across, cut.parts},
            .block = kGemmThreads,
            .shared_bytes = Tile::template shared_bytes<Compute<T>>()},
           m.stream, size, cut.steps, a, b, output);
    if (cut.parts > 1) add_parts(m.stream, output, cut.parts, size.columns);
  });
}

}  // namespace

void matmul(Machine& m, ConstArray a, ConstArray b, Array y, const MatmulShape& shape) {
  if (shape.m == 0 || shape.n == 0) return;
  // The last tile reaches beyond the end, but by less than 256.
  const auto narrow = [](std::int64_t extent) { return to_int32(extent + 256, "matmul", "an extent") - 256; };
  const MatmulSize size{narrow(shape.m), narrow(shape.n), narrow(shape.k)};
  dispatch_float(a.dtype, [&]<typename T>() {
    const T* left = a.as<T>();
    const T* right = b.as<T>();
    const GemmOutput<T> output{.out = y.as<T>(),
                               .parts = nullptr,
                               .bias = nullptr,
                               .numel = shape.m * shape.n,
                               .epilogue = {},
                               .vector = false};
    if (shape.m == 1) return multiply_row(m, size, left, right, shape.transpose_b, output);
    if (shape.n == 1) {
      return multiply_row(m, {1, size.rows, size.depth}, right, left, !shape.transpose_a, output);
    }
    if (shape.transpose_a) {
      return shape.transpose_b ? multiply_matrices<T, true, true>(m, size, left, right, output)
                               : multiply_matrices<T, true, false>(m, size, left, right, output);
    }
    return shape.transpose_b ? multiply_matrices<T, false, true>(m, size, left, right, output)
                             : multiply_matrices<T, false, false>(m, size, left, right, output);
  });
}

}  // namespace dg::DG_TARGET
