// A norm as a factor and a summand per channel, with its activation and a residual.
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

// y = leaky(x * scale + shift) + residual for some pixels; residual may be null.
// y may be x, so neither is restricted; ivdep says that no iteration depends on another.
template <typename T, typename C>
inline void normalise_block(const T* x, const C* __restrict scale, const C* __restrict shift, C slope,
                            const T* __restrict residual, T* y, std::int64_t pixels, std::int64_t channels) {
  const auto normalised = [=](std::int64_t i, std::int64_t c) {
    const C v = static_cast<C>(x[i]) * scale[c] + shift[c];
    return v < C(0) ? slope * v : v;
  };
  for (std::int64_t first = 0; first < pixels * channels; first += channels) {
    if (residual == nullptr) {
#pragma GCC ivdep
      for (std::int64_t c = 0; c < channels; ++c) y[first + c] = T(normalised(first + c, c));
    } else {
#pragma GCC ivdep
      for (std::int64_t c = 0; c < channels; ++c) {
        y[first + c] = T(normalised(first + c, c) + static_cast<C>(residual[first + c]));
      }
    }
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
