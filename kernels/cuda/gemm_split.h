// How tiled products fill the GPU: which tile, and into how many parts the depth is cut. Each part leaves its sums in the
// workspace, and add_parts adds them in order; what is cut follows from the shape alone, so results are bit-equal from
// run to run and do not depend on the GPU.
#pragma once

#include <algorithm>

#include "kernels/cuda/device/epilogue.h"
#include "kernels/cuda/gemm_tile.h"
#include "kernels/cuda/launch.h"
#include "kernels/types.h"

namespace dg::DG_TARGET {

// Blocks below which the depth is cut: two for each multiprocessor of a large GPU. It also bounds the workspace.
constexpr std::int64_t kBlocksToFill = 264;
constexpr std::int64_t kLeastStepsOfPart = 4;
// Longer sums in float32 lose digits (the error of a sum of n products grows as sqrt(n) at least).
constexpr std::int64_t kMostStepsOfPart = 1024;
// Bounds the workspace again, for sums over tens of millions of pixels.
constexpr std::int64_t kMostParts = 1024;

struct DepthParts {
  int parts = 1;
  int steps = 0;  // of each part, the last may have fewer
};

inline DepthParts cut_depth(std::int64_t blocks, std::int64_t depth) {
  const std::int64_t steps = blocks_for(depth, kGemmDepth);
  const std::int64_t to_fill =
      std::min(blocks_for(kBlocksToFill, std::max<std::int64_t>(blocks, 1)), steps / kLeastStepsOfPart);
  const std::int64_t to_keep_digits = std::min(blocks_for(steps, kMostStepsOfPart), kMostParts);
  const std::int64_t parts = std::max({to_fill, to_keep_digits, std::int64_t{1}});
  const std::int64_t steps_of_part = blocks_for(steps, parts);
  return {static_cast<int>(steps_of_part > 0 ? blocks_for(steps, steps_of_part) : 1),
          static_cast<int>(steps_of_part)};
}

// The wide tile where its blocks fill the GPU.
inline bool takes_wide_tile(std::int64_t rows, std::int64_t columns) {
  return blocks_for(rows, WideTile::kRows) * blocks_for(columns, WideTile::kColumns) >= kBlocksToFill;
}

// Calls body.template operator()<Tile, kVector>() with what is compiled for T: vector loads where `vector` allows them,
// the wide tile only with them and only in float.
template <typename T, typename Body>
void dispatch_tile(bool wide, bool vector, const Body& body) {
  if (!vector) return body.template operator()<SquareTile, false>();
  if constexpr (sizeof(Compute<T>) == 4) {
    if (wide) return body.template operator()<WideTile, true>();
  }
  body.template operator()<SquareTile, true>();
}

template <typename T>
bool is_aligned_to_4(const T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % (4 * sizeof(T)) == 0;
}

// Where a tiled product leaves its result: in `out`, or, where the depth is cut, its sums in part * numel + the same place
// of `parts`.
template <typename T>
struct GemmOutput {
  T* out;
  Compute<T>* parts;  // null: not cut
  const T* bias;      // of the column; may be null
  std::int64_t numel;
  Epilogue epilogue;
  bool vector;  // rows begin at multiples of four elements
};

// `count` of the four values of neighbouring columns, from `column` on; `at`: where the row begins.
template <typename T>
__device__ __forceinline__ void store_columns(const GemmOutput<T>& output, int part, std::int64_t at,
                                              int column, int count, const Compute<T>* sums) {
  using C = Compute<T>;
  if (count <= 0) return;
  Vector<C, 4> values;
#pragma unroll
  for (int j = 0; j < 4; ++j) values.value[j] = sums[j];
  if (output.parts != nullptr) {
    C* to = output.parts + part * output.numel + at + column;
    if (output.vector) return store_vector<4>(to, values);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j < count) to[j] = values.value[j];
    }
    return;
  }
  Vector<T, 4> results;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    const C shift = output.bias != nullptr && j < count ? static_cast<C>(output.bias[column + j]) : C(0);
    results.value[j] = T(activate(output.epilogue, values.value[j] + shift));
  }
  T* to = output.out + at + column;
  if (output.vector) return store_vector<4>(to, results);
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (j < count) to[j] = results.value[j];
  }
}

constexpr int kAddPartsThreads = 256;

// out[i] = activation(sum over the parts, in order, + bias of column i % columns). One thread = one element: reads
// parts x numel coalesced, bound by memory.
template <typename T>
__global__ void add_parts_kernel(GemmOutput<T> output, int parts, int columns) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kAddPartsThreads + threadIdx.x;
  if (i >= output.numel) return;
  Compute<T> sum = 0;
#pragma unroll 4
  for (int part = 0; part < parts; ++part) sum += output.parts[part * output.numel + i];
  if (output.bias != nullptr) sum += static_cast<Compute<T>>(output.bias[i % columns]);
  output.out[i] = T(activate(output.epilogue, sum));
}

template <typename T>
void add_parts(Stream stream, const GemmOutput<T>& output, int parts, int columns) {
  launch(
      add_parts_kernel<T>,
      {.name = "add_parts", .grid = {blocks_for(output.numel, kAddPartsThreads)}, .block = kAddPartsThreads},
      stream, output, parts, columns);
}

}  // namespace dg::DG_TARGET
