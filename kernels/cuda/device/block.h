// Sums over a block.
#pragma once

#include "kernels/cuda/device/warp.h"

namespace dg::DG_TARGET {

// The sum over all threads of a one-dimensional block of up to 1024 threads (a multiple of 32), in a fixed order.
// All threads take part and get the result. scratch: kWarp values of shared memory. There is a barrier before scratch is
// written, so it may hold the previous call's data, and one before it is read.
template <typename T>
__device__ __forceinline__ T block_sum(T value, T* scratch) {
  value = warp_sum(value);
  __syncthreads();
  if (lane_index() == 0) scratch[warp_index()] = value;
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  return warp_sum(lane_index() < warps ? scratch[lane_index()] : T(0));
}

}  // namespace dg::DG_TARGET
