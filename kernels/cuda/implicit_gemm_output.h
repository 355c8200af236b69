// From the registers of a matrix product to global memory: y = activation(sum + bias), whole or as a partial sum.
//
// A warp lays its part of the tile out in shared memory as floats and reads it back by rows, so that 16 bytes a lane are
// stored and neighbouring lanes write neighbouring bytes. Rows are 8 floats longer than the tile: the pairs that the four
// rows of half a warp write then fall on different banks. (Reading 32 bytes a lane for bfloat16 takes two turns each; it
// happens once for a whole depth.)
#pragma once

#include "kernels/cuda/device/epilogue.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/mma_tile.h"

namespace dg::DG_TARGET {

// The result has `columns` contiguous elements at each target row. With `partial` the depth is split: split z stores its
// sums as floats at partial + z * numel, laid out like y, and add_partials does the rest.
template <typename T>
struct ProductOutput {
  T* y = nullptr;
  const T* bias = nullptr;   // (columns), may be null
  float* partial = nullptr;  // (splits, numel), null where one block sums the whole depth
  std::int64_t numel = 0;
  int columns = 0;
  Epilogue epilogue = {};
};

// Stores values at `to`, as one vector or, where rows are no multiple of it, the first `left` of them one by one.
template <int kCount, typename T>
__device__ __forceinline__ void store_run(T* to, const Vector<T, kCount>& values, int left, bool whole) {
  if (whole) {
    store_vector(to, values);
    return;
  }
#pragma unroll
  for (int e = 0; e < kCount; ++e) {
    if (e < left) to[e] = values.value[e];
  }
}

// Stores the block's tile. row_of(r) is the target row of the tile's row r, negative for none; column_begin is the tile's
// first column. `staging`: kThreads / 32 * kWarpM * (kWarpN + 8) floats that nobody else uses.
template <typename Tiles, typename T, typename Product, typename RowOf>
__device__ __forceinline__ void store_tile(const Product& product, float* staging,
                                           const ProductOutput<T>& out, int column_begin, int split,
                                           RowOf row_of) {
  constexpr int kPitch = Tiles::kWarpN + 8;
  constexpr int kVector = kVectorWidth<T>;
  constexpr int kLanes = Tiles::kWarpN / kVector;  // that share a row
  static_assert(Tiles::kThreads / kWarp * Tiles::kWarpM * kPitch * 4 <= Tiles::kStages * Tiles::kStageBytes,
                "the staging area fits where the slabs were");
  const int lane = lane_index();
  float* const mine = staging + warp_index() * Tiles::kWarpM * kPitch;

  // To rows.
#pragma unroll
  for (int i = 0; i < Product::kRowTiles; ++i) {
#pragma unroll
    for (int j = 0; j < Product::kColumnTiles; ++j) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        store_vector<2>(mine + (16 * i + 8 * half + lane / 4) * kPitch + 8 * j + lane % 4 * 2,
                        Vector<float, 2>{{product.sum[i][j][2 * half], product.sum[i][j][2 * half + 1]}});
      }
    }
  }
  warp_barrier();

  // To memory: each lane keeps its columns and goes through the rows.
  const int own = lane % kLanes * kVector;
  const int column = column_begin + Product::column_begin() + own;
  const int left = out.columns - column;
  const bool whole = out.columns % kVector == 0;  // then chunks are aligned, and whole or absent
  const bool add_bias = out.bias != nullptr && out.partial == nullptr;
  float bias[kVector];
#pragma unroll
  for (int e = 0; e < kVector; ++e)
    bias[e] = add_bias && e < left ? static_cast<float>(out.bias[column + e]) : 0.0F;
  if (left <= 0) return;
#pragma unroll 1
  for (int row = lane / kLanes; row < Tiles::kWarpM; row += kWarp / kLanes) {
    const int target = row_of(Product::row_begin() + row);
    if (target < 0) continue;
    const std::int64_t at = static_cast<std::int64_t>(target) * out.columns + column;
    const float* const from = mine + row * kPitch + own;
    const Vector<float, kVector> sum = load_vector<kVector>(from);
    if (out.partial != nullptr) {
      store_run(out.partial + split * out.numel + at, sum, left, whole);
      continue;
    }
    Vector<T, kVector> result;
#pragma unroll
    for (int e = 0; e < kVector; ++e) {
      result.value[e] = static_cast<T>(activate(out.epilogue, sum.value[e] + bias[e]));
    }
    store_run(out.y + at, result, left, whole);
  }
}

// The second stage of a split depth: y = activation(sum of the partial sums in their order + bias). One thread = kWidth
// neighbours; bytes: splits * numel floats read, numel of T written.
template <typename T, int kWidth>
__global__ void add_partials_kernel(const ProductOutput<T> out, int splits) {
  const std::int64_t at = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWidth;
  if (at >= out.numel) return;
  Vector<float, kWidth> sum = load_vector<kWidth>(out.partial + at);
  for (int split = 1; split < splits; ++split) {
    const Vector<float, kWidth> next = load_vector<kWidth>(out.partial + split * out.numel + at);
#pragma unroll
    for (int e = 0; e < kWidth; ++e) sum.value[e] += next.value[e];
  }
  const int column = static_cast<int>(at % out.columns);
  Vector<T, kWidth> result;
#pragma unroll
  for (int e = 0; e < kWidth; ++e) {
    const float bias = out.bias != nullptr ? static_cast<float>(out.bias[column + e]) : 0.0F;
    result.value[e] = static_cast<T>(activate(out.epilogue, sum.value[e] + bias));
  }
  store_vector<kWidth>(out.y + at, result);
}

template <typename T>
void add_partials(Stream stream, const ProductOutput<T>& out, int splits) {
  constexpr int kThreads = 256;
  const auto start = [&](auto* kernel, int width) {
    launch(kernel,
           {.name = "implicit_gemm_add_partials",
            .grid = {blocks_for(out.numel, kThreads * width)},
            .block = kThreads},
           stream, out, splits);
  };
  if (out.columns % 4 == 0) {
    start(&add_partials_kernel<T, 4>, 4);
  } else {
    start(&add_partials_kernel<T, 1>, 1);
  }
}

}  // namespace dg::DG_TARGET
