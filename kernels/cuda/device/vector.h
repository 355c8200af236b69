// Several elements in one access. A pointer handed to load_vector or store_vector is aligned to the whole vector.
#pragma once

#include <cstdint>

#include "kernels/cuda/device/target.h"
#include "kernels/types.h"

namespace dg::DG_TARGET {

template <typename T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T value[kCount];
};

// The number of elements of T in 16 bytes, the widest access there is.
template <typename T>
constexpr int kVectorWidth = static_cast<int>(16 / sizeof(T));

#if defined(DG_EMULATED)
inline void check_alignment(const void* pointer, std::size_t bytes) {
  auto& runner = emulator::current();
  check(reinterpret_cast<std::uintptr_t>(pointer) % bytes == 0, runner.shape().kernel,
        ": misaligned access of ", bytes, " bytes in thread ", runner.thread().number);
}
#endif

template <int kCount, typename T>
__device__ __forceinline__ Vector<T, kCount> load_vector(const T* from) {
#if defined(DG_EMULATED)
  check_alignment(from, sizeof(T) * kCount);
#endif
  return *reinterpret_cast<const Vector<T, kCount>*>(from);
}

template <int kCount, typename T>
__device__ __forceinline__ void store_vector(T* to, const Vector<T, kCount>& values) {
#if defined(DG_EMULATED)
  check_alignment(to, sizeof(T) * kCount);
#endif
  *reinterpret_cast<Vector<T, kCount>*>(to) = values;
}

}  // namespace dg::DG_TARGET
