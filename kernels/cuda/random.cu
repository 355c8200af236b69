// Random numbers by Philox (kernels/philox.h): element i comes from counter offset + i / 4, word i % 4, so
// that every backend draws the same. Uniform numbers and dropout masks are equal bit for bit. Normal numbers
// are Box-Muller pairs (Box and Muller, 1958) of the words (0, 1) and (2, 3), computed in double, so that
// what remains of the difference between two libraries' logarithms and sines rarely survives the rounding to
// float.
//
// One thread = as many numbers as fill 16 bytes, and at least the four of a counter. One block = 256 threads.
// Bytes: the result once, and the input of dropout once. Philox itself is about 25 integer operations a
// number, of the order of what the memory allows for; the double arithmetic of normal numbers bounds those.
// Deterministic: number i is a function of the state and of i. In a captured graph the state is shifted at
// each replay.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/math.h"
#include "kernels/cuda/device/run.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kBlock = 256;

// Numbers that one thread draws.
template <typename T>
constexpr int kDraw = kVectorWidth<T> < 4 ? 4 : kVectorWidth<T>;

struct Uniform {
  __device__ void operator()(const PhiloxWords& words, float (&out)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = philox_uniform(words.word[i]);
  }
};

struct Normal {
  __device__ void operator()(const PhiloxWords& words, float (&out)[4]) const {
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(philox_uniform(words.word[i]))));
      const SineCosine angle = sincos_pi(2.0 * static_cast<double>(philox_uniform(words.word[i + 1])));
      out[i] = static_cast<float>(radius * angle.cosine);
      out[i + 1] = static_cast<float>(radius * angle.sine);
    }
  }
};

// y[i] = finish(i's place in the thread's numbers, the number).
template <typename T, typename Distribution, typename Finish>
__device__ __forceinline__ void draw(PhiloxState state, T* y, std::int64_t n,
                                     const Distribution& distribution, const Finish& finish) {
  constexpr int kCount = kDraw<T>;
  const std::int64_t thread = static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x;
  const std::uint64_t counter = state.offset + static_cast<std::uint64_t>(thread) * (kCount / 4);
  Vector<T, kCount> out;
#pragma unroll
  for (int first = 0; first < kCount; first += 4) {
    float number[4];
    distribution(philox(state.seed, counter + static_cast<std::uint64_t>(first / 4)), number);
#pragma unroll
    for (int i = 0; i < 4; ++i) out.value[first + i] = finish(first + i, number[i]);
  }
  store_run(y + thread * kCount, out, n - thread * kCount);
}

template <typename T, typename Distribution>
__global__ void __launch_bounds__(kBlock) random_kernel(PhiloxState state, const std::uint64_t* shift, T* y,
                                                        std::int64_t n, Distribution distribution) {
  draw(replayed(state, shift), y, n, distribution,
       [](int, float number) { return T(static_cast<Compute<T>>(number)); });
}

template <typename T>
__global__ void __launch_bounds__(kBlock)
    dropout_kernel(PhiloxState state, const std::uint64_t* shift, const T* x, T* y, std::int64_t n,
                   float rate, Compute<T> scale) {
  using C = Compute<T>;
  constexpr int kCount = kDraw<T>;
  const std::int64_t start = (static_cast<std::int64_t>(blockIdx.x) * kBlock + threadIdx.x) * kCount;
  const Vector<T, kCount> in = load_run<kCount>(x + start, n - start);
  draw(replayed(state, shift), y, n, Uniform{},
       [&](int i, float number) { return T(number < rate ? C(0) : static_cast<C>(in.value[i]) * scale); });
}

template <typename Distribution>
void fill_with(Machine& m, const char* name, PhiloxState state, Array y, std::int64_t n) {
  if (n == 0) return;
  dispatch_float(y.dtype, [&]<typename T>() {
    launch(random_kernel<T, Distribution>,
           {.name = name, .grid = {blocks_for(n, kBlock * kDraw<T>)}, .block = kBlock}, m.stream, state,
           m.replay.random_shift(), y.as<T>(), n, Distribution{});
  });
}

}  // namespace

void random_uniform(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  fill_with<Uniform>(m, "random_uniform", state, y, n);
}

void random_normal(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  fill_with<Normal>(m, "random_normal", state, y, n);
}

void dropout(Machine& m, PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate) {
  if (n == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() {
    launch(dropout_kernel<T>,
           {.name = "dropout", .grid = {blocks_for(n, kBlock * kDraw<T>)}, .block = kBlock}, m.stream, state,
           m.replay.random_shift(), x.as<T>(), y.as<T>(), n, static_cast<float>(rate),
           static_cast<Compute<T>>(1.0 / (1.0 - rate)));
  });
}

}  // namespace dg::DG_TARGET
