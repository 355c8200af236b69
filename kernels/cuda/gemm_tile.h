// The matrix product of a block on CUDA cores, float32 arithmetic (float64 for double): the inside of the tiled
// convolutions and of matmul.
//
//   sum (rows x columns) = A (rows x depth) B (depth x columns)
//
// A block of kGemmThreads threads owns one Tile::kRows x Tile::kColumns piece of the result, each thread kThreadRows x
// kThreadColumns of it in registers. The depth is walked in steps of kGemmDepth; a step's pieces of A and B lie in shared
// memory, twice: while the block multiplies one pair, the next is on its way from global memory through registers. What
// A and B are is the operands' business: a matrix, or the pixels under a convolution's window (gemm_operands.h,
// conv_operands.h). An operand has
//   fetch()      loads its next step into registers, zeros outside, and moves on;
//   put(tile)    writes what was fetched to shared memory.
//
// A tile in shared memory is kGemmDepth lines of kWidth values, line d being row d of B, or column d of A. Value i of it
// lies at i ^ swizzle(d): threads that write a column (four values of depth each) then meet different banks, and reads of
// four neighbours stay aligned.
//
// For each value of depth a thread of the wide tile reads 16 values and does 64 multiply-adds, of the square one 12 and
// 32: bound by arithmetic as long as global memory keeps up. Sums run over the depth in order: deterministic.
#pragma once

#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"

namespace dg::DG_TARGET {

constexpr int kGemmThreads = 128;
constexpr int kGemmDepth = 16;

template <int kTileRows, int kTileColumns, int kRowsOfThread, int kColumnsOfThread>
struct GemmTile {
  static constexpr int kRows = kTileRows;
  static constexpr int kColumns = kTileColumns;
  static constexpr int kThreadRows = kRowsOfThread;
  static constexpr int kThreadColumns = kColumnsOfThread;
  static constexpr int kThreadsAcross = kColumns / kThreadColumns;
  static constexpr int kThreadsDown = kRows / kThreadRows;
  static_assert(kThreadsAcross * kThreadsDown == kGemmThreads);

  // A thread's rows and columns are fours of neighbours; the fours lie this far apart.
  static constexpr int kRowStep = 4 * kThreadsDown;
  static constexpr int kColumnStep = 4 * kThreadsAcross;
  static_assert(kRowStep % 32 == 0 && kColumnStep % 32 == 0, "the swizzle stays within 32 values");

  __device__ static int first_row() { return 4 * (static_cast<int>(threadIdx.x) / kThreadsAcross); }
  __device__ static int first_column() { return 4 * (static_cast<int>(threadIdx.x) % kThreadsAcross); }
  // Of the thread's i-th row and j-th column, counted from its first.
  __device__ static constexpr int row_offset(int i) { return i / 4 * kRowStep + i % 4; }
  __device__ static constexpr int column_offset(int j) { return j / 4 * kColumnStep + j % 4; }

  template <typename C>
  static constexpr std::size_t shared_bytes() {
    SharedBytes bytes;
    bytes.add<C>(2 * kGemmDepth * kRows);
    bytes.add<C>(2 * kGemmDepth * kColumns);
    return bytes.total();
  }
};

using WideTile = GemmTile<128, 64, 8, 8>;
using SquareTile = GemmTile<64, 64, 8, 4>;

// Blocks that fit a multiprocessor by their registers: kernels tell the compiler, which then spills nothing.
template <typename Tile, typename C>
constexpr int kGemmBlocks = sizeof(C) == 4 && Tile::kRows == SquareTile::kRows ? 3 : 2;

template <typename Tile, typename C>
using TileSum = C[Tile::kThreadRows][Tile::kThreadColumns];

__device__ __forceinline__ constexpr int gemm_swizzle(int depth) { return depth / 4 % 4 * 8; }

// sum += A B for one step that lies in shared memory.
template <typename Tile, typename C>
__device__ __forceinline__ void multiply_step(const C* a, const C* b, int row, int column,
                                              TileSum<Tile, C>& sum) {
#pragma unroll
  for (int d = 0; d < kGemmDepth; ++d) {
    Vector<C, 4> left[Tile::kThreadRows / 4];
    Vector<C, 4> right[Tile::kThreadColumns / 4];
    const C* left_at = a + d * Tile::kRows + (row ^ gemm_swizzle(d));
    const C* right_at = b + d * Tile::kColumns + (column ^ gemm_swizzle(d));
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows / 4; ++i) left[i] = load_vector<4>(left_at + i * Tile::kRowStep);
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns / 4; ++j)
      right[j] = load_vector<4>(right_at + j * Tile::kColumnStep);
#pragma unroll
    for (int i = 0; i < Tile::kThreadRows; ++i) {
#pragma unroll
      for (int j = 0; j < Tile::kThreadColumns; ++j)
        sum[i][j] += left[i / 4].value[i % 4] * right[j / 4].value[j % 4];
    }
  }
}

// The steps of a part of the depth that begins at first_step and has `most` at most; 0 or less where nothing is left.
__device__ __forceinline__ int steps_of_part(int depth, int first_step, int most) {
  const int left = (depth + kGemmDepth - 1) / kGemmDepth - first_step;
  return left < most ? left : most;
}

// sum = the product over `steps` steps. All threads of the block take part; there is a barrier after each step. Takes
// shared_bytes<C>() of shared memory, which must not be in use.
template <typename Tile, typename C, typename OperandA, typename OperandB>
__device__ __forceinline__ void multiply(OperandA& a, OperandB& b, int steps, TileSum<Tile, C>& sum) {
  SharedMemory shared;
  C* tile_a = shared.array<C>(2 * kGemmDepth * Tile::kRows);
  C* tile_b = shared.array<C>(2 * kGemmDepth * Tile::kColumns);
  const int row = Tile::first_row();
  const int column = Tile::first_column();
#pragma unroll
  for (int i = 0; i < Tile::kThreadRows; ++i) {
#pragma unroll
    for (int j = 0; j < Tile::kThreadColumns; ++j) sum[i][j] = C(0);
  }
  if (steps > 0) {
    a.fetch();
    b.fetch();
    a.put(tile_a);
    b.put(tile_b);
  }
  __syncthreads();
  for (int step = 0; step < steps; ++step) {
    const int now = step % 2;
    const bool more = step + 1 < steps;
    if (more) {
      a.fetch();
      b.fetch();
    }
    multiply_step<Tile>(tile_a + now * kGemmDepth * Tile::kRows, tile_b + now * kGemmDepth * Tile::kColumns,
                        row, column, sum);
    if (more) {  // the other pair was last read before the previous barrier
      a.put(tile_a + (1 - now) * kGemmDepth * Tile::kRows);
      b.put(tile_b + (1 - now) * kGemmDepth * Tile::kColumns);
    }
    __syncthreads();
  }
}

}  // namespace dg::DG_TARGET
