// What a kernel does to a result before it stores it.
#pragma once

#include <cmath>

#include "kernels/backend.h"
#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

// C: the type that the arithmetic is done in, float or double. The branch is the same for all threads of a launch.
template <typename C>
__device__ __forceinline__ C activate(const Epilogue& epilogue, C value) {
  switch (epilogue.activation) {
    case Activation::none: break;
    case Activation::leaky_relu: return value > C(0) ? value : static_cast<C>(epilogue.slope) * value;
    case Activation::tanh: return std::tanh(value);
  }
  return value;
}

}  // namespace dg::DG_TARGET
