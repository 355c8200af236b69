// Matrix products out of shared memory on tensor cores: tiles of 16-byte chunks, fragments, the product of a warp.
//
// A block's product sum (M x N) += A (M x depth) B (depth x N) goes through the depth in slabs. A slab of an operand is a
// SharedTile, kept the way it lies in memory:
//   Major::depth    rows of the extent (M or N), the depth contiguous
//   Major::extent   rows of the depth, the extent contiguous
// One step of the tensor cores is 32 bytes of depth, two chunks: 16 bfloat16, or 8 floats rounded to tf32.
//
// Why there are no bank conflicts. The 32 banks are eight chunks wide, and an access of 16 bytes a lane is served eight
// lanes at a time. ldmatrix reads one chunk of eight successive rows; where a row is a multiple of 128 bytes these would
// share their four banks, so chunk c of row r lies at place c ^ (r % 8): eight different places. Rows of 64 bytes, two to
// a line of banks, take c ^ (r / 2 % 4). Asynchronous copies write whole rows, a permutation of a line. ldmatrix cannot
// transpose 32-bit elements: fragments of a float tile with Major::extent are read by single words, four rows (r % 4) of
// eight neighbours (two chunks); with c ^ 2 (r % 4) these are the four pairs of chunks of a line.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/cuda/device/mma.h"
#include "kernels/cuda/device/vector.h"
#include "kernels/cuda/device/warp.h"

namespace dg::DG_TARGET {

enum class Major { depth, extent };

// How a block divides its product: block tile, bytes of depth in a slab, warps along M and N, slabs in flight.
template <int kBlockM_, int kBlockN_, int kSlabBytes_, int kWarpsM_, int kWarpsN_, int kStages_>
struct BlockTiling {
  static constexpr int kBlockM = kBlockM_, kBlockN = kBlockN_;
  static constexpr int kSlabBytes = kSlabBytes_;
  static constexpr int kWarpsM = kWarpsM_, kWarpsN = kWarpsN_;
  static constexpr int kWarpM = kBlockM / kWarpsM, kWarpN = kBlockN / kWarpsN;
  static constexpr int kThreads = kWarpsM * kWarpsN * kWarp;
  static constexpr int kStages = kStages_;
  static constexpr int kStageBytes = (kBlockM + kBlockN) * kSlabBytes;

  template <typename T>
  static constexpr int kDepth = kSlabBytes / static_cast<int>(sizeof(T));
};

// A slab of one operand in shared memory.
template <typename T, Major kMajor_, int kExtent, int kDepth>
struct SharedTile {
  static constexpr Major kMajor = kMajor_;
  static constexpr int kVector = kVectorWidth<T>;
  static constexpr int kRows = kMajor == Major::depth ? kExtent : kDepth;
  static constexpr int kColumns = kMajor == Major::depth ? kDepth : kExtent;
  static constexpr int kChunks = kColumns / kVector;
  static constexpr int kSize = kRows * kColumns;
  static constexpr bool kByWords = kMajor == Major::extent && sizeof(T) == 4;
  static constexpr int kPeriod = kByWords ? 4 : 8;  // rows after which the swizzle repeats
  static_assert((kChunks & (kChunks - 1)) == 0 && kChunks >= 4, "the swizzle needs a power of two");
  static_assert(kChunks >= 8 || !kByWords, "float rows of the extent are whole lines of banks");

  // The element where a chunk of a row begins.
  __device__ static __forceinline__ int offset(int row, int chunk) {
    const int place = kByWords ? 2 * (row % 4) : kChunks == 4 ? row / 2 % 4 : row % 8;
    return row * kColumns + (chunk ^ place) * kVector;
  }
};

template <typename T>
struct TensorCore;

template <>
struct TensorCore<bfloat16> {
  static constexpr int kStepDepth = 16;
  __device__ static __forceinline__ void prepare(std::uint32_t (&)[4]) {}
  __device__ static __forceinline__ void multiply(float (&sum)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
    mma_bf16_16x8x16(sum, a, b);
  }
};

template <>
struct TensorCore<float> {
  static constexpr int kStepDepth = 8;
  // Rounds to nearest; the instruction itself would drop the low bits.
  __device__ static __forceinline__ void prepare(std::uint32_t (&fragment)[4]) {
#pragma unroll
    for (std::uint32_t& word : fragment) word = to_tf32(std::bit_cast<float>(word));
  }
  __device__ static __forceinline__ void multiply(float (&sum)[4], const std::uint32_t (&a)[4],
                                                  const std::uint32_t (&b)[2]) {
    mma_tf32_16x8x8(sum, a, b);
  }
};

// Reads fragments of 16 of the extent by one step: of A an operand of the instruction, of B those of two instructions
// (registers 0, 1 and 2, 3). The extent of a warp begins at a multiple of its width, so that within a row the chunk of
// fragment i, or of step s, is this lane's first one with other bits set: an exclusive or instead of a swizzle.
template <typename T, typename Tile, bool kIsA>
class FragmentReader {
 public:
  __device__ __forceinline__ explicit FragmentReader(int extent_begin) {
    const int lane = lane_index();
    if constexpr (Tile::kByWords) {
      offset_ = Tile::offset(lane % 4, (extent_begin + lane / 4) / 4) + lane / 4 % 4;
    } else {
      // Which row of which 8x8 matrix this lane points at: in memory, matrices 1 and 2 change places between A and B,
      // and between one major and the other.
      constexpr bool kRowsFirst = kIsA == (Tile::kMajor == Major::depth);
      const int row = kRowsFirst ? lane % 16 : lane / 16 * 8 + lane % 8;
      const int half = kRowsFirst ? lane / 16 : lane / 8 % 2;
      offset_ = Tile::kMajor == Major::depth ? Tile::offset(extent_begin + row, half)
                                             : Tile::offset(row, extent_begin / Tile::kVector + half);
    }
  }

  __device__ __forceinline__ void read(const T* tile, int i, int step, std::uint32_t (&fragment)[4]) const {
    if constexpr (Tile::kByWords) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const int extent_half = kIsA ? j % 2 : j / 2;
        const int depth_half = kIsA ? j / 2 : j % 2;
        const int row = 8 * step + 4 * depth_half;
        fragment[j] =
            std::bit_cast<std::uint32_t>(tile[(offset_ ^ (16 * i + 8 * extent_half)) + row * Tile::kColumns]);
      }
    } else if constexpr (Tile::kMajor == Major::depth) {
      ldmatrix_x4(fragment, tile + (offset_ ^ (2 * step * Tile::kVector)) + 16 * i * Tile::kColumns);
    } else {
      ldmatrix_x4<true>(fragment, tile + (offset_ ^ (2 * i * Tile::kVector)) + 16 * step * Tile::kColumns);
    }
    TensorCore<T>::prepare(fragment);
  }

 private:
  int offset_;
};

// A warp's part of the block's product, in registers.
template <typename T, typename Tiles, Major kMajorA, Major kMajorB>
class WarpProduct {
 public:
  using TileA = SharedTile<T, kMajorA, Tiles::kBlockM, Tiles::template kDepth<T>>;
  using TileB = SharedTile<T, kMajorB, Tiles::kBlockN, Tiles::template kDepth<T>>;
  static constexpr int kRowTiles = Tiles::kWarpM / 16;
  static constexpr int kColumnTiles = Tiles::kWarpN / 8;

  // Of the block's tile.
  __device__ static __forceinline__ int row_begin() { return warp_index() / Tiles::kWarpsN * Tiles::kWarpM; }
  __device__ static __forceinline__ int column_begin() {
    return warp_index() % Tiles::kWarpsN * Tiles::kWarpN;
  }

  __device__ __forceinline__ WarpProduct() : a_(row_begin()), b_(column_begin()) {}

  __device__ __forceinline__ void add_slab(const T* tile_a, const T* tile_b) {
#pragma unroll
    for (int step = 0; step < Tiles::template kDepth<T> / TensorCore<T>::kStepDepth; ++step) {
      std::uint32_t a[kRowTiles][4];
      std::uint32_t b[kColumnTiles / 2][4];
#pragma unroll
      for (int j = 0; j < kColumnTiles / 2; ++j) b_.read(tile_b, j, step, b[j]);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) a_.read(tile_a, i, step, a[i]);
#pragma unroll
      for (int i = 0; i < kRowTiles; ++i) {
#pragma unroll
        for (int j = 0; j < kColumnTiles; ++j) {
          const std::uint32_t half[2] = {b[j / 2][j % 2 * 2], b[j / 2][j % 2 * 2 + 1]};
          TensorCore<T>::multiply(sum[i][j], a[i], half);
        }
      }
    }
  }

  // Element e of sum[i][j] is at row 16 i + lane / 4 + 8 (e / 2), column 8 j + lane % 4 * 2 + e % 2 of the warp's tile.
  float sum[kRowTiles][kColumnTiles][4] = {};

 private:
  FragmentReader<T, TileA, true> a_;
  FragmentReader<T, TileB, false> b_;
};

}  // namespace dg::DG_TARGET
