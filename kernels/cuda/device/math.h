// Functions that CUDA has and the C++ library lacks.
#pragma once

#include <cmath>
#include <numbers>

#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

struct SineCosine {
  double sine;
  double cosine;
};

// Of pi * x.
__device__ __forceinline__ SineCosine sincos_pi(double x) {
#if defined(DG_EMULATED)
  return {std::sin(std::numbers::pi * x), std::cos(std::numbers::pi * x)};
#else
  SineCosine out;
  sincospi(x, &out.sine, &out.cosine);
  return out;
#endif
}

}  // namespace dg::DG_TARGET
