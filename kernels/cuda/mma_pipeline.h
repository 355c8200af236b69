// The main loop of a matrix product: slabs travel from global to shared memory while earlier ones are multiplied.
//
// kStages slabs of A and B lie in a ring. At every turn the oldest has landed, one is multiplied and kStages - 1 are under
// way; a slab's place is overwritten one turn after it was read, with a barrier between. This file and mma_tile.h are all
// that knows how operands reach the tensor cores: geometry (implicit_gemm.h) and output (implicit_gemm_output.h) do not.
#pragma once

#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/mma_tile.h"

namespace dg::DG_TARGET {

// What every GPU from sm_80 on lends to a block.
constexpr std::size_t kMaxSharedBytes = std::size_t{99} * 1024;

// Four warps each. The large tiles read a byte of shared memory for every 16 multiply-adds of bfloat16, little
// enough for the tensor cores to stay busy; two such blocks (192 KB) fit into a multiprocessor of sm_90. The smaller
// ones are for problems that would leave multiprocessors without a block.
using LargeTiles = BlockTiling<128, 128, 128, 2, 2, 3>;
using MediumTiles = BlockTiling<128, 64, 128, 2, 2, 3>;
using SmallTiles = BlockTiling<64, 64, 128, 2, 2, 4>;
using NarrowTiles = BlockTiling<64, 64, 64, 2, 2, 4>;

// Copies rows of a matrix into a tile, all threads of the block taking part. `from` is the tile's first element;
// rows_left and columns_left say how much of the matrix there is from there on (they may be zero or negative), and what
// lies beyond becomes zero. Chunks are whole or absent: columns_left is a multiple of a chunk.
template <typename Tile, int kThreads, typename T>
__device__ __forceinline__ void load_matrix(T* tile, const T* from, std::int64_t pitch, int rows_left,
                                            int columns_left) {
  constexpr int kRowsAtOnce = kThreads / Tile::kChunks;
  static_assert(kThreads % Tile::kChunks == 0 && Tile::kRows % kRowsAtOnce == 0,
                "every thread copies as much");
  static_assert(kRowsAtOnce % Tile::kPeriod == 0, "a thread's chunks lie a constant apart");
  const int chunk = static_cast<int>(threadIdx.x) % Tile::kChunks;
  const int first_row = static_cast<int>(threadIdx.x) / Tile::kChunks;
  if (chunk * Tile::kVector >= columns_left) rows_left = 0;
  from += first_row * pitch + chunk * Tile::kVector;
  tile += Tile::offset(first_row, chunk);
#pragma unroll
  for (int i = 0; i < Tile::kRows / kRowsAtOnce; ++i) {
    const int row = first_row + i * kRowsAtOnce;
    async_copy_16(tile + i * kRowsAtOnce * Tile::kColumns, from, row < rows_left ? 16 : 0);
    from += kRowsAtOnce * pitch;
  }
}

// product += the sum over `slabs` slabs. loader.load(a, b) starts the asynchronous copies of the next slab into tiles a and
// b; it is called by all threads, and a barrier precedes every call but the first kStages - 1. `tiles` holds
// Tiles::kStages * Tiles::kStageBytes bytes and is free again on return.
template <typename Tiles, typename T, typename Product, typename Loader>
__device__ __forceinline__ void multiply_slabs(Product& product, Loader& loader, int slabs, T* tiles) {
  constexpr int kStageSize = Product::TileA::kSize + Product::TileB::kSize;
#pragma unroll
  for (int stage = 0; stage < Tiles::kStages - 1; ++stage) {
    T* const to = tiles + stage * kStageSize;
    if (stage < slabs) loader.load(to, to + Product::TileA::kSize);
    async_copy_commit();
  }
  int reading = 0;
  int writing = Tiles::kStages - 1;
  for (int slab = 0; slab < slabs; ++slab) {
    // The slab to read has landed, and everyone is done with the one that is overwritten.
    async_copy_wait<Tiles::kStages - 2>();
    __syncthreads();

    T* const to = tiles + writing * kStageSize;
    if (slab + Tiles::kStages - 1 < slabs) loader.load(to, to + Product::TileA::kSize);
    async_copy_commit();  // an empty group at the end, so that the count of groups stays right

    const T* const from = tiles + reading * kStageSize;
    product.add_slab(from, from + Product::TileA::kSize);
    reading = reading + 1 == Tiles::kStages ? 0 : reading + 1;
    writing = writing + 1 == Tiles::kStages ? 0 : writing + 1;
  }
  async_copy_wait<0>();
  __syncthreads();
}

}  // namespace dg::DG_TARGET
