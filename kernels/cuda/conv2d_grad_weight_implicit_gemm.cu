// The gradient of a convolution's weight on tensor cores:
//   dw[k,r,s,c] = sum_{n,p,q} dy[n,p,q,k] x[n, p stride_h - top + r, q stride_w - left + s, c]
// x (N,H,W,C), dy (N,P,Q,K), dw (K,R,S,C).
//
// M = K, N = C for each tap (r, s), depth = N P Q pixels. Pixels are the rows of both operands in memory, so both are
// Major::extent. One block = a tile of K by C of one tap over a share of the pixels; taps are neighbours in the grid, so
// the rows of dy, and the overlapping ones of x, come from L2. There are few tiles and many pixels: the depth is split, the
// partial sums are added in their order by a second kernel. FLOP: those of the forward pass; bytes besides the operands:
// 8 a weight and split. Deterministic; rounding as in the forward pass.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/implicit_gemm.h"
#include "kernels/cuda/implicit_gemm_output.h"
#include "kernels/cuda/mma_pipeline.h"

namespace dg::DG_TARGET {
namespace {

struct GradWeightShape {
  int h = 0, w = 0, c = 0;
  int p = 0, q = 0, k = 0;
  int stride_h = 1, stride_w = 1, top = 0, left = 0;
  int taps_h = 0, taps_w = 0;
  int pixels = 0;                          // of dy
  int next_n = 0, next_p = 0, next_q = 0;  // one slab's pixels, as images, rows and pixels
};

// Walks over the pixels, a slab a call. Where a pixel's row of x lies is worked out once for the block, by as many threads
// as a slab has pixels, kStages - 1 slabs before it is used: between the two there is a barrier.
template <typename T, typename Tiles, typename TileA, typename TileB>
class PixelLoader {
 public:
  static constexpr int kDepth = TileA::kRows;
  static constexpr int kAhead = Tiles::kStages - 1;
  // Of the table: those that are read before the first barrier, and those written meanwhile.
  static constexpr int kSlabs = 2 * kAhead;
  static_assert(kDepth <= Tiles::kThreads, "a thread describes a pixel");

  __device__ __forceinline__ PixelLoader(const GradWeightShape& g, const T* x, const T* dy, int* table,
                                         int k_begin, int c_begin, int r, int s, int first_pixel)
      : g_(g),
        table_(table),
        x_(x + c_begin),
        dy_(dy + static_cast<std::int64_t>(first_pixel) * g.k + k_begin),
        k_left_(g.k - k_begin),
        c_left_(g.c - c_begin),
        pixels_left_(g.pixels - first_pixel),
        shift_h_(r - g.top),
        shift_w_(s - g.left),
        pixels_ahead_(pixels_left_ - static_cast<int>(threadIdx.x)) {
    const int pixel = first_pixel + static_cast<int>(threadIdx.x);
    q_ = pixel % g.q;
    p_ = pixel / g.q % g.p;
    n_ = pixel / g.q / g.p;
    for (int i = 0; i < kAhead; ++i) describe_slab();
  }

  __device__ __forceinline__ void load(T* a, T* b) {
    constexpr int kRowsAtOnce = Tiles::kThreads / TileB::kChunks;
    load_matrix<TileA, Tiles::kThreads>(a, dy_, g_.k, pixels_left_, k_left_);

    const int chunk = static_cast<int>(threadIdx.x) % TileB::kChunks;
    const int first_row = static_cast<int>(threadIdx.x) / TileB::kChunks;
    const bool in_channels = chunk * TileB::kVector < c_left_;
    const auto* const from = reinterpret_cast<const std::byte*>(x_ + chunk * TileB::kVector);
    T* const to = b + TileB::offset(first_row, chunk);
    const int* const source = table_ + reading_ * kDepth;
#pragma unroll
    for (int i = 0; i < kDepth / kRowsAtOnce; ++i) {
      const int at = source[first_row + i * kRowsAtOnce];
      async_copy_16(to + i * kRowsAtOnce * TileB::kColumns, from + std::int64_t{at} * 16,
                    in_channels && at >= 0 ? 16 : 0);
    }
    dy_ += static_cast<std::int64_t>(kDepth) * g_.k;
    pixels_left_ -= kDepth;
    reading_ = reading_ + 1 == kSlabs ? 0 : reading_ + 1;
    describe_slab();
  }

 private:
  // Writes the chunk where each pixel's row of x begins, -1 for one that lies outside, into the table's next slab.
  __device__ __forceinline__ void describe_slab() {
    if (static_cast<int>(threadIdx.x) < kDepth) {
      const int h = p_ * g_.stride_h + shift_h_;
      const int w = q_ * g_.stride_w + shift_w_;
      const bool inside = pixels_ahead_ > 0 && h >= 0 && h < g_.h && w >= 0 && w < g_.w;
      table_[writing_ * kDepth + static_cast<int>(threadIdx.x)] =
          inside ? ((n_ * g_.h + h) * g_.w + w) * (g_.c / TileB::kVector) : -1;
    }
    writing_ = writing_ + 1 == kSlabs ? 0 : writing_ + 1;
    pixels_ahead_ -= kDepth;
    q_ += g_.next_q;
    p_ += g_.next_p;
    n_ += g_.next_n;
    if (q_ >= g_.q) {
      q_ -= g_.q;
      ++p_;
    }
    if (p_ >= g_.p) {
      p_ -= g_.p;
      ++n_;
    }
  }

  const GradWeightShape& g_;
  int* table_;
  const T* x_;
  const T* dy_;  // of the next slab
  int k_left_, c_left_, pixels_left_;
  int shift_h_, shift_w_;
  int n_, p_, q_;     // this thread's pixel of the slab that is described next
  int pixels_ahead_;  // from it on
  int reading_ = 0, writing_ = 0;
};

template <typename T, typename Tiles>
struct GradWeightTypes {
  using Product = WarpProduct<T, Tiles, Major::extent, Major::extent>;
  using Loader = PixelLoader<T, Tiles, typename Product::TileA, typename Product::TileB>;
  static constexpr int kTable = Loader::kSlabs * Loader::kDepth;
  static constexpr std::size_t shared_bytes() {
    return SharedBytes()
        .add<std::byte>(Tiles::kStages * Tiles::kStageBytes)
        .template add<int>(kTable)
        .total();
  }
};

template <typename T, typename Tiles>
__global__ void __launch_bounds__(Tiles::kThreads)
    grad_weight_kernel(const GradWeightShape g, const T* x, const T* dy, const ProductOutput<T> out) {
  using Types = GradWeightTypes<T, Tiles>;
  static_assert(Types::shared_bytes() <= kMaxSharedBytes);

  SharedMemory shared;
  std::byte* const tiles = shared.array<std::byte>(Tiles::kStages * Tiles::kStageBytes);
  int* const table = shared.array<int>(Types::kTable);

  // Which tile, which tap.
  const int taps = g.taps_h * g.taps_w;
  const int c_tiles = (g.c + Tiles::kBlockN - 1) / Tiles::kBlockN;
  const int tap = static_cast<int>(blockIdx.x) % taps;
  const int tile = static_cast<int>(blockIdx.x) / taps;
  const int k_begin = tile / c_tiles * Tiles::kBlockM;
  const int c_begin = tile % c_tiles * Tiles::kBlockN;

  // Which pixels.
  constexpr int kDepth = Types::Loader::kDepth;
  const int all = (g.pixels + kDepth - 1) / kDepth;
  const int splits = static_cast<int>(gridDim.y);
  const int split = static_cast<int>(blockIdx.y);
  const int share = (all + splits - 1) / splits;
  const int first_slab = split * share;
  const int slabs = all - first_slab < share ? all - first_slab : share;

  // Product and output.
  typename Types::Loader loader(g, x, dy, table, k_begin, c_begin, tap / g.taps_w, tap % g.taps_w,
                                first_slab * kDepth);
  __syncthreads();
  typename Types::Product product;
  multiply_slabs<Tiles>(product, loader, slabs, reinterpret_cast<T*>(tiles));
  store_tile<Tiles>(product, reinterpret_cast<float*>(tiles), out, c_begin, split,
                    [&](int row) { return k_begin + row < g.k ? (k_begin + row) * taps + tap : -1; });
}

// Tiles as large as k and c fill; the number of blocks comes from the split.
GemmPlan plan_grad_weight(const GradWeightShape& g, int slab_pixels, int multiprocessors) {
  GemmPlan plan;
  const bool tall = blocks_for(g.k, 64) % 2 == 0;
  const bool wide = blocks_for(g.c, 64) % 2 == 0;
  if (tall) plan.tiles = wide ? TileSize::large : TileSize::medium;
  const std::int64_t tiles = blocks_for(g.k, tile_rows(plan.tiles)) *
                             blocks_for(g.c, tile_columns(plan.tiles)) * g.taps_h * g.taps_w;
  plan.splits = depth_splits(tiles, blocks_for(g.pixels, slab_pixels), multiprocessors);
  return plan;
}

template <typename T>
void run(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& s) {
  constexpr int kSlabPixels = LargeTiles::kDepth<T>;  // of all three tilings
  const auto i32 = [](std::int64_t value) {
    return to_int32(value, "conv2d_grad_weight_implicit_gemm", "an extent");
  };
  GradWeightShape g{
      .h = i32(s.h), .w = i32(s.w), .c = i32(s.c), .p = i32(s.p()), .q = i32(s.q()), .k = i32(s.k)};
  g.stride_h = i32(s.stride_h), g.stride_w = i32(s.stride_w);
  g.top = i32(s.padding.top), g.left = i32(s.padding.left);
  g.taps_h = i32(s.r), g.taps_w = i32(s.s);
  g.pixels = i32(s.n * s.p() * s.q());
  g.next_n = kSlabPixels / (g.p * g.q);
  g.next_p = kSlabPixels % (g.p * g.q) / g.q;
  g.next_q = kSlabPixels % g.q;

  const GemmPlan plan = plan_grad_weight(g, kSlabPixels, m.runtime.properties().multiprocessors);
  ProductOutput<T> out{.y = dw.as<T>(), .numel = s.weight_numel(), .columns = g.c};
  if (plan.splits > 1) out.partial = m.workspace.get<float>(plan.splits * out.numel);
  const auto start = [&]<typename Tiles>(Tiles) {
    launch(grad_weight_kernel<T, Tiles>,
           {.name = "conv2d_grad_weight_implicit_gemm",
            .grid = {blocks_for(g.k, Tiles::kBlockM) * blocks_for(g.c, Tiles::kBlockN) * g.taps_h * g.taps_w,
                     plan.splits},
            .block = Tiles::kThreads,
            .shared_bytes = GradWeightTypes<T, Tiles>::shared_bytes()},
           m.stream, g, x.as<T>(), dy.as<T>(), out);
  };
  switch (plan.tiles) {
    case TileSize::large: start(LargeTiles{}); break;
    case TileSize::medium: start(MediumTiles{}); break;
    default: start(SmallTiles{}); break;
  }
  if (plan.splits > 1) add_partials(m.stream, out, plan.splits);
}

}  // namespace

void conv2d_grad_weight_implicit_gemm(Machine& m, ConstArray x, ConstArray dy, Array dw,
                                      const Conv2dShape& s) {
  if (s.weight_numel() == 0) return;
  check(implicit_gemm_takes(m, ConvPass::grad_weight, dy.dtype, s),
        "conv2d_grad_weight_implicit_gemm: not a shape, type or "
        "option that it takes (C=",
        s.c, ", K=", s.k, ", ", name_of(dy.dtype), "); ask implicit_gemm_takes first");
  check_arrays("conv2d_grad_weight_implicit_gemm", {x, dy, dw});
  if (dw.dtype == DType::bfloat16) {
    run<bfloat16>(m, x, dy, dw, s);
  } else {
    run<float>(m, x, dy, dw, s);
  }
}

}  // namespace dg::DG_TARGET
