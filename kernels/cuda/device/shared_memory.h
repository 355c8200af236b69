// A block's dynamic shared memory, carved into typed arrays. The host adds up the same arrays to size the launch:
//
//   const std::size_t bytes = SharedBytes().add<float>(kTile).add<int>(n).total();      // host
//   SharedMemory shared;                                                                // kernel, in the same order
//   float* tile = shared.array<float>(kTile);
//   int* index = shared.array<int>(n);
//
// Arrays are aligned to 128 bytes (what swizzled tiles and bulk copies ask for) and start uninitialised. Kernels declare
// no __shared__ variables: the emulator could not watch their borders.
#pragma once

#include <cstddef>

#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

constexpr std::size_t kSharedAlignment = 128;

DG_HOST_DEVICE constexpr std::size_t align_shared(std::size_t offset) {
  return (offset + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
}

class SharedBytes {
 public:
  template <typename T>
  constexpr SharedBytes& add(std::size_t count) {
    total_ = align_shared(total_) + count * sizeof(T);
    return *this;
  }
  constexpr std::size_t total() const { return total_; }

 private:
  std::size_t total_ = 0;
};

class SharedMemory {
 public:
  template <typename T>
  __device__ __forceinline__ T* array(std::size_t count) {
    const std::size_t offset = align_shared(used_);
    used_ = offset + count * sizeof(T);
#if defined(DG_EMULATED)
    return reinterpret_cast<T*>(emulator::current().shared().array(arrays_++, offset, count * sizeof(T)));
#else
    extern __shared__ __align__(128) unsigned char dynamic_shared_memory[];
    return reinterpret_cast<T*>(dynamic_shared_memory + offset);
#endif
  }

 private:
  std::size_t used_ = 0;
#if defined(DG_EMULATED)
  std::size_t arrays_ = 0;
#endif
};

}  // namespace dg::DG_TARGET
