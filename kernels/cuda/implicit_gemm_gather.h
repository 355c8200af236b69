// The kernel of forward and grad_input: a matrix product whose A is gathered from an image (implicit_gemm.h).
//   A (pixels x depth): source (images, source_h, source_w, channels)      B (depth x columns): weight (K,R,S,C)
// The depth runs over taps and, within a tap, over channels in slabs; a tap's last slab may be partly empty. So tap and
// channel are the same for the whole block, and a slab costs each thread no division: one mask test and one address a row.
//
// One block = a tile of pixels of one phase (grid.y) by a tile of columns, over its part of the depth (grid.z). Blocks that
// share pixels are neighbours in the grid, so the gathered rows come from L2. One thread = one 16-byte chunk in every few
// rows of A and B, and a warp's share of the product.
#pragma once

#include "kernels/cuda/implicit_gemm.h"
#include "kernels/cuda/implicit_gemm_output.h"
#include "kernels/cuda/mma_pipeline.h"

namespace dg::DG_TARGET {

// What a block knows of its rows of A, in shared memory.
struct GatherRows {
  int* source;  // chunk of the source where tap (0, 0) begins
  unsigned*
      valid;  // bit u: tap row u lies inside the image; bit 16 + v: tap column v. Zero beyond the last pixel
  int* target;  // target pixel; -1 beyond the last
};

// Thread t < rows describes row t.
template <int kVector>
__device__ __forceinline__ void describe_rows(const GatherShape& g, const GatherPhase& phase, int row_begin,
                                              int rows, const GatherRows& out) {
  const int t = static_cast<int>(threadIdx.x);
  if (t >= rows) return;
  const int pixel = row_begin + t;
  const int j = pixel % phase.grid_w;
  const int i = pixel / phase.grid_w % phase.grid_h;
  const int image = pixel / phase.grid_w / phase.grid_h;
  const int h = phase.source_h + i * g.source_step_h;
  const int w = phase.source_w + j * g.source_step_w;
  const bool inside = image < g.images;
  unsigned valid = 0;
  for (int u = 0; u < phase.taps_h; ++u) {
    const int at = h + u * g.source_tap;
    if (inside && at >= 0 && at < g.source_h) valid |= 1U << u;
  }
  for (int v = 0; v < phase.taps_w; ++v) {
    const int at = w + v * g.source_tap;
    if (inside && at >= 0 && at < g.source_w) valid |= 0x10000U << v;
  }
  out.source[t] = inside ? ((image * g.source_h + h) * g.source_w + w) * (g.channels / kVector) : 0;
  out.valid[t] = valid;
  const int target_h = phase.target_h + i * g.target_step_h;
  const int target_w = phase.target_w + j * g.target_step_w;
  out.target[t] = inside ? (image * g.target_h + target_h) * g.target_w + target_w : -1;
}

// Walks over taps and channels, a slab a call.
template <typename T, typename Tiles, typename TileA, typename TileB>
class GatherLoader {
 public:
  __device__ __forceinline__ GatherLoader(const GatherShape& g, const GatherPhase& phase, const T* source,
                                          const T* weight, const GatherRows& rows, int column_begin,
                                          int first_slab)
      : g_(g), phase_(phase), source_(source), column_begin_(column_begin) {
    const int slabs_of_tap = (g.channels + kDepth - 1) / kDepth;
    const int tap = first_slab / slabs_of_tap;
    channel_ = first_slab % slabs_of_tap * kDepth;
    u_ = phase.taps_w > 0 ? tap / phase.taps_w : 0;
    v_ = tap - u_ * phase.taps_w;
    weight_ = weight + phase.weight_offset +
              (kDepthMajor ? static_cast<std::int64_t>(column_begin) * g.weight_pitch : column_begin);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      row_source_[i] = rows.source[own_row(i)];
      row_valid_[i] = rows.valid[own_row(i)];
    }
  }

  __device__ __forceinline__ void load(T* a, T* b) {
    const int chunk = static_cast<int>(threadIdx.x) % TileA::kChunks;
    const std::int64_t tap = static_cast<std::int64_t>(u_ * g_.source_w + v_) * (g_.source_tap * g_.channels);
    const auto* const from = reinterpret_cast<const std::byte*>(source_ + tap + channel_ + chunk * kVector);
    // No row has all bits set: that stands for a chunk beyond the channels.
    const bool in_channels = channel_ + chunk * kVector < g_.channels;
    const unsigned wanted = in_channels ? 1U << u_ | 0x10000U << v_ : ~0U;
    T* const to = a + TileA::offset(own_row(0), chunk);
#pragma unroll
    for (int i = 0; i < kRows; ++i) {
      const bool valid = (row_valid_[i] & wanted) == wanted;
      async_copy_16(to + i * kRowsAtOnce * TileA::kColumns, from + std::int64_t{row_source_[i]} * 16,
                    valid ? 16 : 0);
    }

    const T* const weight = weight_ + u_ * g_.weight_tap_h + v_ * g_.weight_tap_w;
    const int columns_left = g_.columns - column_begin_;
    const int channels_left = g_.channels - channel_;
    if constexpr (kDepthMajor) {
      load_matrix<TileB, Tiles::kThreads>(b, weight + channel_, g_.weight_pitch, columns_left, channels_left);
    } else {
      load_matrix<TileB, Tiles::kThreads>(b, weight + static_cast<std::int64_t>(channel_) * g_.weight_pitch,
                                          g_.weight_pitch, channels_left, columns_left);
    }

    channel_ += kDepth;
    if (channel_ >= g_.channels) {
      channel_ = 0;
      if (++v_ == phase_.taps_w) {
        v_ = 0;
        ++u_;
      }
    }
  }

 private:
  static constexpr bool kDepthMajor = TileB::kMajor == Major::depth;
  static constexpr int kVector = TileA::kVector;
  static constexpr int kDepth = TileA::kColumns;
  static constexpr int kRowsAtOnce = Tiles::kThreads / TileA::kChunks;
  static constexpr int kRows = TileA::kRows / kRowsAtOnce;
  static_assert(kRowsAtOnce % TileA::kPeriod == 0, "a thread's chunks lie a constant apart");

  __device__ static __forceinline__ int own_row(int i) {
    return static_cast<int>(threadIdx.x) / TileA::kChunks + i * kRowsAtOnce;
  }

  const GatherShape& g_;
  const GatherPhase& phase_;
  const T* source_;
  const T* weight_;
  int column_begin_;
  int channel_, u_, v_;
  int row_source_[kRows];
  unsigned row_valid_[kRows];
};

template <typename Tiles>
constexpr std::size_t gather_shared_bytes() {
  return SharedBytes()
      .add<std::byte>(Tiles::kStages * Tiles::kStageBytes)
      .template add<int>(Tiles::kBlockM)
      .template add<unsigned>(Tiles::kBlockM)
      .template add<int>(Tiles::kBlockM)
      .total();
}

template <typename T, typename Tiles, Major kWeightMajor>
__global__ void __launch_bounds__(Tiles::kThreads)
    gather_gemm_kernel(const GatherShape g, const T* source, const T* weight, const ProductOutput<T> out) {
  using Product = WarpProduct<T, Tiles, Major::depth, kWeightMajor>;
  using Loader = GatherLoader<T, Tiles, typename Product::TileA, typename Product::TileB>;
  static_assert(Tiles::kBlockM <= Tiles::kThreads, "a thread describes a row");
  static_assert(gather_shared_bytes<Tiles>() <= kMaxSharedBytes);

  SharedMemory shared;
  std::byte* const tiles = shared.array<std::byte>(Tiles::kStages * Tiles::kStageBytes);
  GatherRows rows;
  rows.source = shared.array<int>(Tiles::kBlockM);
  rows.valid = shared.array<unsigned>(Tiles::kBlockM);
  rows.target = shared.array<int>(Tiles::kBlockM);

  // Which tile.
  const GatherPhase& phase = g.phase[blockIdx.y];
  const int column_tiles = (g.columns + Tiles::kBlockN - 1) / Tiles::kBlockN;
  const int row_begin = static_cast<int>(blockIdx.x) / column_tiles * Tiles::kBlockM;
  const int column_begin = static_cast<int>(blockIdx.x) % column_tiles * Tiles::kBlockN;
  describe_rows<kVectorWidth<T>>(g, phase, row_begin, Tiles::kBlockM, rows);
  __syncthreads();

  // Which part of the depth. The grid fits the largest phase; a tile beyond this one's pixels has nothing to sum.
  constexpr int kDepth = Tiles::template kDepth<T>;
  const bool empty = row_begin >= g.images * phase.grid_h * phase.grid_w;
  const int all = empty ? 0 : phase.taps_h * phase.taps_w * ((g.channels + kDepth - 1) / kDepth);
  const int splits = static_cast<int>(gridDim.z);
  const int split = static_cast<int>(blockIdx.z);
  const int share = (all + splits - 1) / splits;
  const int first_slab = split * share;
  const int slabs = all - first_slab < share ? all - first_slab : share;

  // Product and output.
  Loader loader(g, phase, source, weight, rows, column_begin, first_slab);
  Product product;
  multiply_slabs<Tiles>(product, loader, slabs, reinterpret_cast<T*>(tiles));
  store_tile<Tiles>(product, reinterpret_cast<float*>(tiles), out, column_begin, split,
                    [&](int row) { return rows.target[row]; });
}

// The largest tiles that still give every multiprocessor a block, with half slabs where whole ones would be half empty.
inline GemmPlan plan_gather(const GatherShape& g, int slab_channels, int multiprocessors) {
  const auto tiles = [&](TileSize size) {
    std::int64_t count = 0;
    for (int i = 0; i < g.phases; ++i) {
      const std::int64_t pixels = std::int64_t{g.images} * g.phase[i].grid_h * g.phase[i].grid_w;
      count += blocks_for(pixels, tile_rows(size)) * blocks_for(g.columns, tile_columns(size));
    }
    return count;
  };
  GemmPlan plan;
  const bool wide = blocks_for(g.columns, 64) % 2 == 0;  // 128 columns at a time leave no half tile empty
  if ((g.channels - 1) % slab_channels < slab_channels / 2) {
    plan.tiles = TileSize::narrow;
    slab_channels /= 2;
  } else if (wide && tiles(TileSize::large) >= multiprocessors) {
    plan.tiles = TileSize::large;
  } else if (tiles(TileSize::medium) >= multiprocessors) {
    plan.tiles = TileSize::medium;
  }
  const std::int64_t taps = std::int64_t{g.phase[0].taps_h} * g.phase[0].taps_w;
  plan.splits =
      depth_splits(tiles(plan.tiles), taps * blocks_for(g.channels, slab_channels), multiprocessors);
  return plan;
}

template <typename T, Major kWeightMajor>
void gather_gemm(Machine& m, const char* name, const GatherShape& g, const T* source, const T* weight,
                 ProductOutput<T> out) {
  const GemmPlan plan =
      plan_gather(g, 128 / static_cast<int>(sizeof(T)), m.runtime.properties().multiprocessors);
  if (plan.splits > 1) out.partial = m.workspace.get<float>(plan.splits * out.numel);
  std::int64_t pixels = 0;
  for (int i = 0; i < g.phases; ++i) {
    pixels = std::max(pixels, std::int64_t{g.images} * g.phase[i].grid_h * g.phase[i].grid_w);
  }
  to_int32(pixels + tile_rows(plan.tiles), name, "pixels");
  const auto start = [&]<typename Tiles>(Tiles) {
    launch(gather_gemm_kernel<T, Tiles, kWeightMajor>,
           {.name = name,
            .grid = {blocks_for(pixels, Tiles::kBlockM) * blocks_for(g.columns, Tiles::kBlockN), g.phases,
                     plan.splits},
            .block = Tiles::kThreads,
            .shared_bytes = gather_shared_bytes<Tiles>()},
           m.stream, g, source, weight, out);
  };
  switch (plan.tiles) {
    case TileSize::large: start(LargeTiles{}); break;
    case TileSize::medium: start(MediumTiles{}); break;
    case TileSize::small: start(SmallTiles{}); break;
    case TileSize::narrow: start(NarrowTiles{}); break;
  }
  if (plan.splits > 1) add_partials(m.stream, out, plan.splits);
}

}  // namespace dg::DG_TARGET
