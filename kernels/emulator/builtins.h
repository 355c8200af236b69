// CUDA's own names for host compilers: qualifiers, the four index variables and the block's barrier, so that kernels/cuda
// compiles as plain C++. Everything else that a kernel may use has a host branch in kernels/cuda/device.
#pragma once

#include "kernels/emulator/block.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

#define threadIdx (::dg::emulator::current().thread().index)
#define blockIdx (::dg::emulator::current().block())
#define blockDim (::dg::emulator::current().shape().block)
#define gridDim (::dg::emulator::current().shape().grid)

inline void __syncthreads(const std::source_location& where = std::source_location::current()) {
  ::dg::emulator::current().barrier(where);
}
