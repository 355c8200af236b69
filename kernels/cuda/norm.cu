// y = activation((x - mean) * rstd * gamma + beta) + residual over x (groups, pixels, channels), with mean
// and biased variance per group and channel. Instance norm has a group for each image, batch norm one for
// all.
//
// The moments of a set of pixels are its mean and its sum of squared deviations M2. Two sets are joined by
//   d = mean_b - mean_a,  mean = mean_a + d n_b / n,  M2 = M2_a + M2_b + d^2 n_a n_b / n,  n = n_a + n_b
// (Chan, Golub and LeVeque 1979), which never subtracts large sums. Chunks of pixels in registers become a
// thread's moments, these a strip's, these the group's.
//
// Launches: norm_moments writes every strip's moments (division into blocks: norm_tiles.h); norm_apply joins
// the strips of its channels, each block for itself, and writes its strip of y. A group of one strip needs
// the second launch only. Bytes: x is read twice and y written once, with a residual one tensor more; memory
// bound, about ten operations an element. Every order of joining is fixed: bit-equal from run to run.
#include <cmath>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/norm_tiles.h"
#include "kernels/cuda/vector_width.h"

namespace dg::DG_TARGET {
namespace {

// How two sets' counts weigh in their union.
template <typename C>
struct JoinWeights {
  C count, share_of_from, weight_of_delta;

  __device__ __forceinline__ JoinWeights(C into, C from)
      : count(into + from),
        share_of_from(count > 0 ? from / count : C(0)),
        weight_of_delta(into * share_of_from) {}

  // One channel: mean and sum of squared deviations.
  __device__ __forceinline__ void join(C& mean, C& m2, C from_mean, C from_m2) const {
    const C delta = from_mean - mean;
    mean += delta * share_of_from;
    m2 += from_m2 + delta * delta * weight_of_delta;
  }
};

struct JoinMoments {
  template <typename C, int kWidth>
  __device__ __forceinline__ void operator()(ChannelPairs<C, kWidth>& into,
                                             const ChannelPairs<C, kWidth>& from) const {
    const JoinWeights<C> weights(into.count, from.count);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      weights.join(into.first.value[i], into.second.value[i], from.first.value[i], from.second.value[i]);
    }
    into.count = weights.count;
  }
};

// The moments of this thread's pixels of its strip.
template <typename T, int kWidth>
__device__ __forceinline__ ChannelPairs<Compute<T>, kWidth> strip_moments(const NormTiles& t,
                                                                          const NormPlace<kWidth>& at,
                                                                          const T* x) {
  using C = Compute<T>;
  const std::int64_t step = t.row_step();
  ChannelPairs<C, kWidth> mine;
  walk_strip<kNormChunk, false>(t, at, [&]<int kCount>(int pixel) {
    const T* from = x + at.offset(t, pixel);
    Vector<T, kWidth> in[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) in[j] = load_vector<kWidth>(from + j * step);
    const JoinWeights<C> weights(mine.count, kCount);
    mine.count = weights.count;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      const C mean =
          sum_pairs<kCount, C>([&](int j) { return static_cast<C>(in[j].value[i]); }) * (C(1) / kCount);
      const C m2 = sum_pairs<kCount, C>([&](int j) {
        const C deviation = static_cast<C>(in[j].value[i]) - mean;
        return deviation * deviation;
      });
      weights.join(mine.first.value[i], mine.second.value[i], mean, m2);
    }
  });
  return mine;
}

template <typename T, int kWidth>
__global__ void __launch_bounds__(kNormThreads, 2)
    norm_moments_kernel(NormTiles t, const T* x, Compute<T>* partial) {
  SharedMemory shared;
  const JoinScratch<Compute<T>> scratch(shared, kWidth);
  const NormPlace<kWidth> at(t);
  auto moments = strip_moments<T, kWidth>(t, at, x);
  join_rows(moments, scratch, t.lanes, t.rows, at, JoinMoments());
  store_partial(t, at, scratch, partial);
}

template <typename T>
struct NormArguments {
  const T* x;
  const Compute<T>* gamma;  // may be null, as beta and residual
  const Compute<T>* beta;
  const T* residual;
  T* y;
  Compute<T>* mean;
  Compute<T>* variance;
  Compute<T> eps;
  Compute<T> slope;  // of the activation below zero; 1: none
};

template <typename T, int kWidth, bool kResidual>
__global__ void __launch_bounds__(kNormThreads, 2)
    norm_apply_kernel(NormTiles t, NormArguments<T> a, const Compute<T>* partial) {
  using C = Compute<T>;
  SharedMemory shared;
  const JoinScratch<C> scratch(shared, kWidth);
  C* means = shared.array<C>(kNormSlice<T>);
  C* scales = shared.array<C>(kNormSlice<T>);
  C* shifts = shared.array<C>(kNormSlice<T>);
  const NormPlace<kWidth> at(t);

  // The group's moments.
  if (t.whole_groups()) {
    auto moments = strip_moments<T, kWidth>(t, at, a.x);
    join_rows(moments, scratch, t.lanes, t.rows, at, JoinMoments());
  } else {
    auto moments = join_partials<C, kWidth>(t, at, partial, JoinMoments());
    join_rows(moments, scratch, t.lanes, min_of(t.strips, t.rows), at, JoinMoments());
  }

  // What each channel is moved and scaled by.
  for (int i = static_cast<int>(threadIdx.x); i < at.slice_channels(t); i += kNormThreads) {
    const int channel = at.slice_channel + i;
    const C variance = scratch.second[i] / static_cast<C>(t.pixels);
    means[i] = scratch.first[i];
    scales[i] = C(1) / std::sqrt(variance + a.eps) * value_or(a.gamma, channel, C(1));
    shifts[i] = value_or(a.beta, channel, C(0));
    if (at.strip == 0) {
      const std::int64_t to = std::int64_t{at.group} * t.channels + channel;
      a.mean[to] = scratch.first[i];
      a.variance[to] = variance;
    }
  }
  __syncthreads();

  // The strip of y.
  const int first = at.lane * kWidth;
  const std::int64_t step = t.row_step();
  constexpr int kChunk = kResidual ? kNormChunk / 2 : kNormChunk;  // as many loads in flight either way
  walk_strip<kChunk, true>(t, at, [&]<int kCount>(int pixel) {
    const std::int64_t offset = at.offset(t, pixel);
    Vector<T, kWidth> values[kCount];
    Vector<T, kWidth> residual[kCount];
#pragma unroll
    for (int j = 0; j < kCount; ++j) values[j] = load_vector<kWidth>(a.x + offset + j * step);
    if constexpr (kResidual) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) residual[j] = load_vector<kWidth>(a.residual + offset + j * step);
    }
    const auto mean = load_vector<kWidth>(means + first);
    const auto scale = load_vector<kWidth>(scales + first);
    const auto shift = load_vector<kWidth>(shifts + first);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const C v = (static_cast<C>(values[j].value[i]) - mean.value[i]) * scale.value[i] + shift.value[i];
        values[j].value[i] =
            T((v > 0 ? v : a.slope * v) + (kResidual ? static_cast<C>(residual[j].value[i]) : C(0)));
      }
    }
#pragma unroll
    for (int j = 0; j < kCount; ++j) store_vector<kWidth>(a.y + offset + j * step, values[j]);
  });
}

template <typename T, int kWidth>
void norm_typed(Machine& m, const NormArguments<T>& a, const NormShape& s) {
  using C = Compute<T>;
  const NormTiles t = norm_tiles<T, kWidth>(s);
  C* partial = nullptr;
  SharedBytes shared = JoinScratch<C>::bytes(kWidth);
  if (!t.whole_groups()) {
    partial = m.workspace.get<C>(s.groups * t.strips * 2 * s.channels);
    launch(
        norm_moments_kernel<T, kWidth>,
        {.name = "norm_moments", .grid = {t.blocks}, .block = kNormThreads, .shared_bytes = shared.total()},
        m.stream, t, a.x, partial);
  }
  for (int array = 0; array < 3; ++array) shared.add<C>(kNormSlice<T>);
  launch(a.residual == nullptr ? norm_apply_kernel<T, kWidth, false> : norm_apply_kernel<T, kWidth, true>,
         {.name = "norm_apply", .grid = {t.blocks}, .block = kNormThreads, .shared_bytes = shared.total()},
         m.stream, t, a, partial);
}

}  // namespace

void norm(Machine& m, ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y,
          Array mean, Array variance, double eps, const NormShape& shape, const Epilogue& epilogue) {
  check(epilogue.activation != Activation::tanh,
        "norm: the activation tanh is not fused; apply it to the result");
  if (shape.groups * shape.pixels * shape.channels == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const NormArguments<T> a{x.as<T>(),
                             optional_array<Compute<T>>(gamma),
                             optional_array<Compute<T>>(beta),
                             optional_array<T>(residual),
                             y.as<T>(),
                             mean.as<Compute<T>>(),
                             variance.as<Compute<T>>(),
                             static_cast<C>(eps),
                             epilogue.activation == Activation::none ? C(1) : static_cast<C>(epilogue.slope)};
    dispatch_channel_width<T>(shape.channels, {a.x, a.residual, a.y},
                              [&]<int kWidth>() { norm_typed<T, kWidth>(m, a, shape); });
  });
}

}  // namespace dg::DG_TARGET
