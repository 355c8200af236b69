// Vectors at the end of a run of elements, or at an address that is not a multiple of 16: the tail that a
// loop over vectors would otherwise have lives here.
//
// `valid` elements exist from the pointer on (any number; 0 and below: none). Where the whole vector does and
// the address allows it, this is one access, else one per element. Threads need not agree.
#pragma once

#include "kernels/cuda/device/vector.h"

namespace dg::DG_TARGET {

template <int kCount, typename T>
__device__ __forceinline__ bool is_whole_vector(const T* pointer, std::int64_t valid) {
  return valid >= kCount && reinterpret_cast<std::uintptr_t>(pointer) % sizeof(Vector<T, kCount>) == 0;
}

// Elements that do not exist are T().
template <int kCount, typename T>
__device__ __forceinline__ Vector<T, kCount> load_run(const T* from, std::int64_t valid) {
  Vector<T, kCount> out;
  if (is_whole_vector<kCount>(from, valid)) {
    out = load_vector<kCount>(from);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) out.value[i] = i < valid ? from[i] : T();
  }
  return out;
}

template <int kCount, typename T>
__device__ __forceinline__ void store_run(T* to, const Vector<T, kCount>& values, std::int64_t valid) {
  if (is_whole_vector<kCount>(to, valid)) {
    store_vector(to, values);
  } else {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (i < valid) to[i] = values.value[i];
    }
  }
}

}  // namespace dg::DG_TARGET
