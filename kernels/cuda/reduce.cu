// sum:                  x (outer, reduce, inner) -> y (outer, inner)
// expand, its adjoint:  x (outer, inner) -> y (outer, reduce, inner)
//
// Three kernels add, each for a shape of its own, in Compute<T>: short chains in each thread, then trees over
// the threads. The order follows from the shape alone, so the sums are deterministic.
//   few:      up to kFew summands: one thread = one vector of the result.
//   rows:     inner = 1: one block = one chunk of a row, or one warp = a short row. Whole-tensor losses.
//   columns:  a block = a tile of columns and a chunk of rows; its threads lie along the columns, so that
//             accesses are coalesced, and the left-over threads take further rows at once. Bias gradients.
// Where a chunk is not all that is summed, the chunks' sums go to the workspace as (outer, chunks, inner),
// and a second launch adds those. One read of x, which is what bounds all three; kSteps
// vectors of 16 bytes are in flight for each thread.
#include <algorithm>
#include <bit>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/block.h"
#include "kernels/cuda/device/fast_division.h"
#include "kernels/cuda/device/run.h"
#include "kernels/cuda/device/shared_memory.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kBlock = 256;
constexpr int kSteps = 4;
constexpr std::int64_t kFew = 16;
constexpr std::int64_t kWarpRow = 1024;        // the longest row that one warp adds
constexpr std::int64_t kChunkElements = 8192;  // that a block adds, at least
constexpr std::int64_t kMaxChunks = 1024;      // of one sum, so that the second launch is short
constexpr std::int64_t kTileBytes = 128;       // of a row, that a tile of columns takes: a cache line
constexpr std::int64_t kMaxPiece = std::int64_t{1} << 30;  // elements that expand's 32-bit positions take

// How a sum is cut: `length` summands a chunk.
struct Chunks {
  std::int64_t length;
  int count;
};

Chunks cut(std::int64_t summands, std::int64_t at_least) {
  const std::int64_t length = std::max(at_least, (blocks_for(summands, kMaxChunks) + 63) / 64 * 64);
  return {length, static_cast<int>(blocks_for(summands, length))};
}

// total += values, element by element.
template <typename C, typename T, int kWidth>
__device__ __forceinline__ void add_to(Vector<C, kWidth>& total, const Vector<T, kWidth>& values) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) total.value[i] += static_cast<C>(values.value[i]);
}

// The same for what was loaded in kSteps steps.
template <typename C, typename T, int kWidth>
__device__ __forceinline__ void add_to(Vector<C, kWidth>& total, const Vector<T, kWidth> (&step)[kSteps]) {
  static_assert(kSteps == 4);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    total.value[i] += (static_cast<C>(step[0].value[i]) + static_cast<C>(step[1].value[i])) +
                      (static_cast<C>(step[2].value[i]) + static_cast<C>(step[3].value[i]));
  }
}

// ---- few ----

// Units of kWidth neighbours of y; `inner` in units.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kBlock) sum_few_kernel(const T* x, T* y, int units, std::int64_t reduce,
                                                         std::int64_t inner, FastDivision by_inner) {
  const std::int64_t unit = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  if (unit >= units) return;
  const auto [outer, column] = by_inner(static_cast<int>(unit));
  const T* from = x + (outer * reduce * inner + column) * kWidth;
  Vector<Compute<T>, kWidth> total{};
#pragma unroll 4
  for (std::int64_t i = 0; i < reduce; ++i)
    add_to(total, load_run<kWidth>(from + i * inner * kWidth, kWidth));
  Vector<T, kWidth> out;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) out.value[i] = T(total.value[i]);
  store_run(y + unit * kWidth, out, kWidth);
}

// ---- rows ----

// This thread's share of `count` neighbours, of which each of kThreads threads takes every kThreads-th
// vector.
template <int kThreads, typename T>
__device__ __forceinline__ Compute<T> share_of_run(const T* from, std::int64_t count, int thread) {
  constexpr int kWidth = kVectorWidth<T>;
  Vector<Compute<T>, kWidth> total{};
  for (std::int64_t start = thread * kWidth; start < count; start += kThreads * kWidth * kSteps) {
    Vector<T, kWidth> in[kSteps];
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const std::int64_t at = start + step * kThreads * kWidth;
      in[step] = load_run<kWidth>(from + at, count - at);
    }
    add_to(total, in);
  }
#pragma unroll
  for (int half = kWidth / 2; half > 0; half /= 2) {
#pragma unroll
    for (int i = 0; i < half; ++i) total.value[i] += total.value[i + half];
  }
  return total.value[0];
}

// x (rows, length) -> y (rows). One warp = one row.
template <typename From, typename To>
__global__ void __launch_bounds__(kBlock)
    sum_rows_warp_kernel(const From* x, To* y, std::int64_t rows, std::int64_t length) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * (kBlock / kWarp) + warp_index();
  const Compute<From> total =
      warp_sum(share_of_run<kWarp>(x + row * length, row < rows ? length : 0, lane_index()));
  if (row < rows && lane_index() == 0) y[row] = To(total);
}

// x (rows, length) -> y (rows, chunks). One block = one chunk of a row.
template <typename From, typename To>
__global__ void __launch_bounds__(kBlock)
    sum_rows_block_kernel(const From* x, To* y, std::int64_t length, const Chunks chunks) {
  SharedMemory shared;
  auto* scratch = shared.array<Compute<From>>(kWarp);
  const auto row = static_cast<std::int64_t>(blockIdx.x) / chunks.count;
  const std::int64_t begin = (blockIdx.x - row * chunks.count) * chunks.length;
  const std::int64_t left = length - begin;
  const Compute<From> share = share_of_run<kBlock>(
      x + row * length + begin, left < chunks.length ? left : chunks.length, static_cast<int>(threadIdx.x));
  const Compute<From> total = block_sum(share, scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = To(total);
}

template <typename From, typename To>
void sum_rows(Machine& m, const From* x, To* y, std::int64_t rows, std::int64_t length,
              const Chunks& chunks) {
  if (length <= kWarpRow) {
    launch(sum_rows_warp_kernel<From, To>,
           {.name = "sum_rows_warp", .grid = {blocks_for(rows, kBlock / kWarp)}, .block = kBlock}, m.stream,
           x, y, rows, length);
  } else {
    launch(sum_rows_block_kernel<From, To>,
           {.name = "sum_rows_block",
            .grid = {rows * chunks.count},
            .block = kBlock,
            .shared_bytes = SharedBytes().add<Compute<From>>(kWarp).total()},
           m.stream, x, y, length, chunks);
  }
}

// ---- columns ----

struct ColumnTiles {
  int count;         // tiles along the columns
  int lanes;         // vectors along a tile
  int rows_at_once;  // that the block's threads cover
  int tree;          // the power of two from rows_at_once on
};

template <typename T>
constexpr std::int64_t kTileColumns = kTileBytes / static_cast<std::int64_t>(sizeof(T));

// x (outer, reduce, inner) -> y (outer, chunks, inner). kWidth divides inner.
template <int kWidth, typename From, typename To>
__global__ void __launch_bounds__(kBlock)
    sum_columns_kernel(const From* x, To* y, std::int64_t reduce, std::int64_t inner, const Chunks chunks,
                       const ColumnTiles tiles) {
  using C = Compute<From>;
  SharedMemory shared;
  auto* scratch = shared.array<Vector<C, kWidth>>(kBlock);

  // Which outer index, chunk and tile is this block's, which column and row this thread's.
  const auto block = static_cast<int>(blockIdx.x);
  const int part = block / tiles.count;
  const int tile = block - part * tiles.count;
  const int outer = part / chunks.count;
  const int chunk = part - outer * chunks.count;
  const auto thread = static_cast<int>(threadIdx.x);
  const int row = thread / tiles.lanes;
  const std::int64_t column = (static_cast<std::int64_t>(tile) * tiles.lanes + thread % tiles.lanes) * kWidth;
  const bool is_active = row < tiles.rows_at_once && column < inner;

  // Its own rows.
  const std::int64_t begin = chunk * chunks.length;
  const std::int64_t left = reduce - begin;
  const std::int64_t rows = is_active ? (left < chunks.length ? left : chunks.length) : 0;
  const From* from = x + (outer * reduce + begin) * inner + column;
  Vector<C, kWidth> total{};
  for (std::int64_t first = row; first < rows; first += tiles.rows_at_once * kSteps) {
    Vector<From, kWidth> in[kSteps];
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      const std::int64_t at = first + step * tiles.rows_at_once;
      in[step] = load_run<kWidth>(from + at * inner, at < rows ? kWidth : 0);
    }
    add_to(total, in);
  }

  // Those of the other threads of its column.
  scratch[thread] = total;
  for (int half = tiles.tree / 2; half > 0; half /= 2) {
    __syncthreads();
    if (row < half && row + half < tiles.rows_at_once)
      add_to(scratch[thread], scratch[thread + half * tiles.lanes]);
  }
  if (row == 0 && is_active) {
    To* to = y + static_cast<std::int64_t>(part) * inner + column;
    Vector<To, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out.value[i] = To(scratch[thread].value[i]);
    store_run(to, out, kWidth);
  }
}

template <int kWidth, typename From, typename To>
void sum_columns(Machine& m, const From* x, To* y, const ReduceShape& s, const Chunks& chunks) {
  const std::int64_t vectors = s.inner / kWidth;
  const std::int64_t lanes = std::min(vectors, kTileColumns<From> / kWidth);
  const int rows_at_once = kBlock / static_cast<int>(lanes);
  const ColumnTiles tiles{.count = to_int32(blocks_for(vectors, lanes), "sum_columns", "tiles"),
                          .lanes = static_cast<int>(lanes),
                          .rows_at_once = rows_at_once,
                          .tree = static_cast<int>(std::bit_ceil(static_cast<unsigned>(rows_at_once)))};
  launch(sum_columns_kernel<kWidth, From, To>,
         {.name = "sum_columns",
          .grid = {s.outer * chunks.count * tiles.count},
          .block = kBlock,
          .shared_bytes = SharedBytes().add<Vector<Compute<From>, kWidth>>(kBlock).total()},
         m.stream, x, y, s.reduce, s.inner, chunks, tiles);
}

// ---- the choice ----

template <typename T, int kWidth>
void sum_few(Machine& m, const T* x, T* y, const ReduceShape& s) {
  const int units = to_int32(s.outer * s.inner / kWidth, "sum_few", "sums");
  launch(sum_few_kernel<T, kWidth>, {.name = "sum_few", .grid = {blocks_for(units, kBlock)}, .block = kBlock},
         m.stream, x, y, units, s.reduce, s.inner / kWidth, FastDivision(s.inner / kWidth));
}

// One launch if the chunk is the whole sum, else a second one over the chunks' sums.
template <typename T, typename SumOf>
void in_stages(Machine& m, const T* x, T* y, const ReduceShape& s, std::int64_t chunk_length,
               const SumOf& sum_of) {
  const Chunks chunks = cut(s.reduce, chunk_length);
  if (chunks.count == 1) return sum_of(x, y, s, chunks);
  auto* partial = m.workspace.get<Compute<T>>(s.outer * chunks.count * s.inner);
  sum_of(x, partial, s, chunks);
  const Compute<T>* sums = partial;
  sum_of(sums, y, ReduceShape{s.outer, chunks.count, s.inner}, Chunks{chunks.count, 1});
}

template <typename T>
void sum_typed(Machine& m, const T* x, T* y, const ReduceShape& s) {
  constexpr int kWidth = kVectorWidth<T>;
  const bool in_vectors = s.inner % kWidth == 0;
  if (s.reduce <= kFew) {
    if (in_vectors) return sum_few<T, kWidth>(m, x, y, s);
    return sum_few<T, 1>(m, x, y, s);
  }
  if (s.inner == 1) {
    return in_stages(m, x, y, s, kChunkElements,
                     [&](const auto* from, auto* to, const ReduceShape& stage, const Chunks& c) {
                       sum_rows(m, from, to, stage.outer, stage.reduce, c);
                     });
  }
  const std::int64_t rows = kChunkElements / std::min(s.inner, kTileColumns<T>);
  in_stages(m, x, y, s, rows, [&](const auto* from, auto* to, const ReduceShape& stage, const Chunks& c) {
    in_vectors ? sum_columns<kWidth>(m, from, to, stage, c) : sum_columns<1>(m, from, to, stage, c);
  });
}

// ---- expand ----

// One thread = one vector of y, out of units of kUnit elements of x. block_units = reduce * inner / kUnit.
template <typename T, int kUnit>
__global__ void __launch_bounds__(kBlock)
    expand_kernel(const T* x, T* y, std::int64_t n, FastDivision block_units, FastDivision inner_units,
                  std::int64_t inner) {
  constexpr int kWidth = kVectorWidth<T>;
  const std::int64_t start = (static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kWidth;
  Vector<T, kWidth> out;
#pragma unroll
  for (int i = 0; i < kWidth; i += kUnit) {
    const auto [outer, within] = block_units(static_cast<int>((start + i) / kUnit));
    const int column = inner_units(within).remainder;
    const T* from = x + outer * inner + column * kUnit;
    const Vector<T, kUnit> unit = load_run<kUnit>(from, n - start - i);
#pragma unroll
    for (int j = 0; j < kUnit; ++j) out.value[i + j] = unit.value[j];
  }
  store_run(y + start, out, n - start);
}

template <typename T, int kUnit>
void expand_piece(Machine& m, const T* x, T* y, const ReduceShape& s) {
  const std::int64_t n = s.outer * s.reduce * s.inner;
  launch(expand_kernel<T, kUnit>,
         {.name = "expand", .grid = {blocks_for(n, kBlock * kVectorWidth<T>)}, .block = kBlock}, m.stream, x,
         y, n, FastDivision(s.reduce * s.inner / kUnit), FastDivision(s.inner / kUnit), s.inner);
}

template <typename T>
void expand_typed(Machine& m, const T* x, T* y, const ReduceShape& s) {
  const std::int64_t n = s.outer * s.reduce * s.inner;
  if (n > kMaxPiece && s.outer * s.reduce > 1) {  // halve the outermost loop
    ReduceShape first = s;
    ReduceShape second = s;
    if (s.outer > 1) {
      first.outer = s.outer / 2;
      second.outer -= first.outer;
    } else {
      first.reduce = s.reduce / 2;
      second.reduce -= first.reduce;
    }
    expand_typed(m, x, y, first);
    expand_typed(m, s.outer > 1 ? x + first.outer * s.inner : x, y + first.outer * first.reduce * s.inner,
                 second);
    return;
  }
  constexpr int kWidth = kVectorWidth<T>;
  if (s.inner % kWidth == 0) return expand_piece<T, kWidth>(m, x, y, s);
  expand_piece<T, 1>(m, x, y, s);
}

}  // namespace

void sum(Machine& m, ConstArray x, Array y, const ReduceShape& shape) {
  if (shape.outer * shape.inner == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() { sum_typed(m, x.as<T>(), y.as<T>(), shape); });
}

void expand(Machine& m, ConstArray x, Array y, const ReduceShape& shape) {
  if (shape.outer * shape.reduce * shape.inner == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() { expand_typed(m, x.as<T>(), y.as<T>(), shape); });
}

}  // namespace dg::DG_TARGET
