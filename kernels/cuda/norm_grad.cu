// The gradients of normalisation over x (groups, pixels, channels). With h = (x - mean) * rstd, g = dy where
// h * gamma + beta > 0 and slope * dy elsewhere, and n pixels in a group, per group and channel:
//   dbeta = sum g,  dgamma = sum g h,  dx = gamma * rstd * (g - dbeta / n - h * dgamma / n).
//
// Launches: norm_grad_sums writes every strip's sums of g and g (x - mean) (division into blocks:
// norm_tiles.h); norm_grad_apply adds the strips of its channels, each block for itself, and writes its strip
// of dx. A group of one strip needs the second launch only. Bytes: dy and x are read twice, dx is written
// once: five tensors; memory bound, about fifteen operations an element. Every sum's order is fixed:
// bit-equal from run to run.
#include <cmath>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/norm_tiles.h"
#include "kernels/cuda/vector_width.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kChunk = kNormChunk / 2;  // pixels of two tensors in flight

template <typename T>
struct NormGradArguments {
  const T* dy;
  const T* x;
  const Compute<T>* mean;
  const Compute<T>* variance;
  const Compute<T>* gamma;  // may be null, as beta
  const Compute<T>* beta;
  T* dx;
  Compute<T>* dgamma;
  Compute<T>* dbeta;
  Compute<T> eps;
  Compute<T> slope;  // of the activation below zero; 1: none
};

// The channels of the block's slice in shared memory.
template <typename C>
struct SliceFactors {
  static constexpr int kArrays = 5;
  C* mean;
  C* scale;    // rstd * gamma
  C* shift;    // beta
  C* mean_g;   // dbeta / n
  C* mean_gh;  // rstd * dgamma / n, which multiplies x - mean

  __device__ __forceinline__ SliceFactors(SharedMemory& shared, std::size_t channels)
      : mean(shared.array<C>(channels)),
        scale(shared.array<C>(channels)),
        shift(shared.array<C>(channels)),
        mean_g(shared.array<C>(channels)),
        mean_gh(shared.array<C>(channels)) {}
};

template <typename T>
__device__ __forceinline__ Compute<T> rstd_of(const NormGradArguments<T>& a, std::int64_t i) {
  return Compute<T>(1) / std::sqrt(a.variance[i] + a.eps);
}

// Fills mean, scale and shift; ends with a barrier.
template <typename T, int kWidth>
__device__ __forceinline__ void load_factors(const NormTiles& t, const NormPlace<kWidth>& at,
                                             const NormGradArguments<T>& a,
                                             const SliceFactors<Compute<T>>& factors) {
  using C = Compute<T>;
  for (int i = static_cast<int>(threadIdx.x); i < at.slice_channels(t); i += kNormThreads) {
    const int channel = at.slice_channel + i;
    const std::int64_t from = std::int64_t{at.group} * t.channels + channel;
    factors.mean[i] = a.mean[from];
    factors.scale[i] = rstd_of(a, from) * value_or(a.gamma, channel, C(1));
    factors.shift[i] = value_or(a.beta, channel, C(0));
  }
  __syncthreads();
}

struct JoinSums {
  template <typename C, int kWidth>
  __device__ __forceinline__ void operator()(ChannelPairs<C, kWidth>& into,
                                             const ChannelPairs<C, kWidth>& from) const {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      into.first.value[i] += from.first.value[i];
      into.second.value[i] += from.second.value[i];
    }
  }
};

// g = dy * activation'(pre_activation).
template <typename T>
__device__ __forceinline__ Compute<T> behind_activation(const NormGradArguments<T>& a, Compute<T> dy,
                                                        Compute<T> pre_activation) {
  return pre_activation > 0 ? dy : a.slope * dy;
}

// This thread's sums of g and g (x - mean) over its pixels of its strip.
template <typename T, int kWidth>
__device__ __forceinline__ ChannelPairs<Compute<T>, kWidth> strip_sums(
    const NormTiles& t, const NormPlace<kWidth>& at, const NormGradArguments<T>& a,
    const SliceFactors<Compute<T>>& factors) {
  using C = Compute<T>;
  const std::int64_t step = t.row_step();
  ChannelPairs<C, kWidth> mine;
  walk_strip<kChunk, false>(t, at, [&]<int kCount>(int pixel) {
    const std::int64_t offset = at.offset(t, pixel);
    Vector<T, kWidth> dy[kCount];
    Vector<T, kWidth> x[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      dy[j] = load_vector<kWidth>(a.dy + offset + j * step);
      x[j] = load_vector<kWidth>(a.x + offset + j * step);
    }
    const auto mean = load_vector<kWidth>(factors.mean + at.lane * kWidth);
    const auto scale = load_vector<kWidth>(factors.scale + at.lane * kWidth);
    const auto shift = load_vector<kWidth>(factors.shift + at.lane * kWidth);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const C deviation = static_cast<C>(x[j].value[i]) - mean.value[i];
        const C pre_activation = deviation * scale.value[i] + shift.value[i];
        const C g = behind_activation(a, static_cast<C>(dy[j].value[i]), pre_activation);
        mine.first.value[i] += g;
        mine.second.value[i] += g * deviation;
      }
    }
  });
  return mine;
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kNormThreads, 2)
    norm_grad_sums_kernel(NormTiles t, NormGradArguments<T> a, Compute<T>* partial) {
  using C = Compute<T>;
  SharedMemory shared;
  const JoinScratch<C> scratch(shared, kWidth);
  const SliceFactors<C> factors(shared, kNormSlice<T>);
  const NormPlace<kWidth> at(t);
  load_factors(t, at, a, factors);
  auto sums = strip_sums<T, kWidth>(t, at, a, factors);
  join_rows(sums, scratch, t.lanes, t.rows, at, JoinSums());
  store_partial(t, at, scratch, partial);
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kNormThreads, 2)
    norm_grad_apply_kernel(NormTiles t, NormGradArguments<T> a, const Compute<T>* partial) {
  using C = Compute<T>;
  SharedMemory shared;
  const JoinScratch<C> scratch(shared, kWidth);
  const SliceFactors<C> factors(shared, kNormSlice<T>);
  const NormPlace<kWidth> at(t);
  load_factors(t, at, a, factors);

  // The group's sums.
  if (t.whole_groups()) {
    auto sums = strip_sums<T, kWidth>(t, at, a, factors);
    join_rows(sums, scratch, t.lanes, t.rows, at, JoinSums());
  } else {
    auto sums = join_partials<C, kWidth>(t, at, partial, JoinSums());
    join_rows(sums, scratch, t.lanes, min_of(t.strips, t.rows), at, JoinSums());
  }

  // The two means that dx subtracts, and the parameters' gradients.
  for (int i = static_cast<int>(threadIdx.x); i < at.slice_channels(t); i += kNormThreads) {
    const std::int64_t to = std::int64_t{at.group} * t.channels + at.slice_channel + i;
    const C rstd = rstd_of(a, to);
    const C dgamma = rstd * scratch.second[i];
    factors.mean_g[i] = scratch.first[i] / static_cast<C>(t.pixels);
    factors.mean_gh[i] = rstd * dgamma / static_cast<C>(t.pixels);
    if (at.strip == 0) {
      a.dbeta[to] = scratch.first[i];
      a.dgamma[to] = dgamma;
    }
  }
  __syncthreads();

  // The strip of dx.
  const std::int64_t step = t.row_step();
  walk_strip<kChunk, true>(t, at, [&]<int kCount>(int pixel) {
    const std::int64_t offset = at.offset(t, pixel);
    Vector<T, kWidth> dy[kCount];
    Vector<T, kWidth> x[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      dy[j] = load_vector<kWidth>(a.dy + offset + j * step);
      x[j] = load_vector<kWidth>(a.x + offset + j * step);
    }
    const auto mean = load_vector<kWidth>(factors.mean + at.lane * kWidth);
    const auto scale = load_vector<kWidth>(factors.scale + at.lane * kWidth);
    const auto shift = load_vector<kWidth>(factors.shift + at.lane * kWidth);
    const auto mean_g = load_vector<kWidth>(factors.mean_g + at.lane * kWidth);
    const auto mean_gh = load_vector<kWidth>(factors.mean_gh + at.lane * kWidth);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const C deviation = static_cast<C>(x[j].value[i]) - mean.value[i];
        const C pre_activation = deviation * scale.value[i] + shift.value[i];
        const C g = behind_activation(a, static_cast<C>(dy[j].value[i]), pre_activation);
        dy[j].value[i] = T(scale.value[i] * (g - mean_g.value[i] - deviation * mean_gh.value[i]));
      }
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) store_vector<kWidth>(a.dx + offset + j * step, dy[j]);
  });
}

template <typename T, int kWidth>
void norm_grad_typed(Machine& m, const NormGradArguments<T>& a, const NormShape& s) {
  using C = Compute<T>;
  const NormTiles t = norm_tiles<T, kWidth>(s);
  C* partial = nullptr;
  SharedBytes shared = JoinScratch<C>::bytes(kWidth);
  for (int array = 0; array < SliceFactors<C>::kArrays; ++array) {
    shared.add<C>(kNormSlice<T>);
  }
  const auto config = [&](const char* name) {
    return LaunchConfig{
        .name = name, .grid = {t.blocks}, .block = kNormThreads, .shared_bytes = shared.total()};
  };
  if (!t.whole_groups()) {
    partial = m.workspace.get<C>(s.groups * t.strips * 2 * s.channels);
    launch(norm_grad_sums_kernel<T, kWidth>, config("norm_grad_sums"), m.stream, t, a, partial);
  }
  launch(norm_grad_apply_kernel<T, kWidth>, config("norm_grad_apply"), m.stream, t, a, partial);
}

}  // namespace

void norm_grad(Machine& m, ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance,
               ConstArray gamma, ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps,
               const NormShape& shape, const Epilogue& epilogue) {
  check(epilogue.activation != Activation::tanh,
        "norm_grad: the activation tanh is not fused; take its gradient before");
  if (shape.groups * shape.pixels * shape.channels == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const NormGradArguments<T> a{
        dy.as<T>(),
        x.as<T>(),
        mean.as<Compute<T>>(),
        variance.as<Compute<T>>(),
        optional_array<Compute<T>>(gamma),
        optional_array<Compute<T>>(beta),
        dx.as<T>(),
        dgamma.as<Compute<T>>(),
        dbeta.as<Compute<T>>(),
        static_cast<C>(eps),
        epilogue.activation == Activation::none ? C(1) : static_cast<C>(epilogue.slope)};
    dispatch_channel_width<T>(shape.channels, {a.dy, a.x, a.dx},
                              [&]<int kWidth>() { norm_grad_typed<T, kWidth>(m, a, shape); });
  });
}

}  // namespace dg::DG_TARGET
