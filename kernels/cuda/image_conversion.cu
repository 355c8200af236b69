// uint8 0..255 <-> -1..1:  y = x / 127.5 - 1, and back by x = round((y + 1) * 127.5), clamped; NaN becomes 0.
// Exact for all 256 values, and equal to the CPU's.
//
// One thread = 16 levels, in steps of as many as fill 16 bytes of the float side: so both sides are
// contiguous over the threads of a warp at every access. One block = 256 threads. Bytes: 1 + sizeof(T) a
// level, which is what bounds it. Deterministic: no element depends on another.
#include <cmath>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/run.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kBlock = 256;
constexpr int kLevels = 16;  // of one thread

// The first level of this thread's step.
template <typename T>
__device__ __forceinline__ std::int64_t level_start(int step) {
  constexpr int kWidth = kVectorWidth<T>;
  return static_cast<std::int64_t>(blockIdx.x) * kBlock * kLevels +
         (step * kBlock + static_cast<int>(threadIdx.x)) * kWidth;
}

// to[i] = convert(from[i]); all steps are loaded before the first is converted.
template <typename T, typename From, typename To, typename Convert>
__device__ __forceinline__ void convert_levels(const From* from, To* to, std::int64_t n,
                                               const Convert& convert) {
  constexpr int kWidth = kVectorWidth<T>;
  constexpr int kSteps = kLevels / kWidth;
  Vector<From, kWidth> in[kSteps];
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t at = level_start<T>(step);
    in[step] = load_run<kWidth>(from + at, n - at);
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t at = level_start<T>(step);
    Vector<To, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) out.value[i] = convert(in[step].value[i]);
    store_run(to + at, out, n - at);
  }
}

template <typename T>
__global__ void __launch_bounds__(kBlock) image_to_float_kernel(const std::uint8_t* x, T* y, std::int64_t n) {
  using C = Compute<T>;
  convert_levels<T>(x, y, n, [](std::uint8_t level) { return T(static_cast<C>(level) / C(127.5) - C(1)); });
}

template <typename T>
__global__ void __launch_bounds__(kBlock) float_to_image_kernel(const T* x, std::uint8_t* y, std::int64_t n) {
  using C = Compute<T>;
  convert_levels<T>(x, y, n, [](T value) {
    const C level = (static_cast<C>(value) + C(1)) * C(127.5);
    // The comparison order sends NaN to 0.
    const C inside = level > C(0) ? (level < C(255) ? level : C(255)) : C(0);
    return static_cast<std::uint8_t>(std::rint(inside));
  });
}

LaunchConfig config_for(const char* name, std::int64_t n) {
  return {.name = name, .grid = {blocks_for(n, kBlock * kLevels)}, .block = kBlock};
}

}  // namespace

void image_to_float(Machine& m, const std::uint8_t* x, Array y, std::int64_t n) {
  if (n == 0) return;
  dispatch_float(y.dtype, [&]<typename T>() {
    launch(image_to_float_kernel<T>, config_for("image_to_float", n), m.stream, x, y.as<T>(), n);
  });
}

void float_to_image(Machine& m, ConstArray x, std::uint8_t* y, std::int64_t n) {
  if (n == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() {
    launch(float_to_image_kernel<T>, config_for("float_to_image", n), m.stream, x.as<T>(), y, n);
  });
}

}  // namespace dg::DG_TARGET
