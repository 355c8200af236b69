// What differs from one replay of a captured graph to the next, in device memory where its kernels look it up.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/backend.h"
#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

// An Adam step's numbers; those that depend on t are computed once, in double, on the host.
struct AdamScalars {
  double learning_rate = 0;
  double beta1 = 0;
  double beta2 = 0;
  double epsilon = 0;
  double correction1 = 1;  // 1 - beta1^t
  double correction2 = 1;  // 1 - beta2^t
};

inline AdamScalars adam_scalars(const AdamOptions& o) {
  const auto t = static_cast<double>(o.step);
  return {o.learning_rate,           o.beta1, o.beta2, o.epsilon, 1.0 - std::pow(o.beta1, t),
          1.0 - std::pow(o.beta2, t)};
}

constexpr int kMaxAdamCalls = 64;  // of one graph

struct ReplayValues {
  std::uint64_t random_shift = 0;  // added to the offset of every captured random kernel
  AdamScalars adam[kMaxAdamCalls];
};

// The Philox state of a launch that may be replayed: `shift` is null outside graphs.
__device__ __forceinline__ PhiloxState replayed(PhiloxState state, const std::uint64_t* shift) {
  if (shift != nullptr) state.offset += *shift;
  return state;
}

}  // namespace dg::DG_TARGET
