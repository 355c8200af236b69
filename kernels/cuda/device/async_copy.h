// Copies from global to shared memory that run beside the computation (cp.async, from sm_80 on).
//
//   async_copy_16(shared, global, valid) ...   issue; the first `valid` of 16 bytes are copied, the rest becomes zero
//   async_copy_commit();                       all issued since the last commit are one group
//   async_copy_wait<N>();                      this thread's groups have landed, but for the newest N
//   __syncthreads();                           and so have those of the other threads
//
// valid = 0 reads nothing, so `global` may then be any pointer. Both pointers are aligned to 16 bytes.
#pragma once

#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

__device__ __forceinline__ unsigned shared_address(const void* pointer) {
#if defined(DG_EMULATED)
  static_cast<void>(pointer);
  return 0;
#else
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
#endif
}

__device__ __forceinline__ void async_copy_16(void* shared, const void* global, int valid) {
#if defined(DG_EMULATED)
  emulator::current().issue_copy(static_cast<std::byte*>(shared), static_cast<const std::byte*>(global),
                                 static_cast<std::size_t>(valid), 16);
#else
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid)
               : "memory");
#endif
}

// As above for 4 bytes, through the first-level cache.
__device__ __forceinline__ void async_copy_4(void* shared, const void* global, int valid) {
#if defined(DG_EMULATED)
  emulator::current().issue_copy(static_cast<std::byte*>(shared), static_cast<const std::byte*>(global),
                                 static_cast<std::size_t>(valid), 4);
#else
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(valid)
               : "memory");
#endif
}

__device__ __forceinline__ void async_copy_commit() {
#if defined(DG_EMULATED)
  emulator::current().commit_copies();
#else
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int kNewestLeft>
__device__ __forceinline__ void async_copy_wait() {
#if defined(DG_EMULATED)
  emulator::current().wait_copies(kNewestLeft);
#else
  asm volatile("cp.async.wait_group %0;" ::"n"(kNewestLeft) : "memory");
#endif
}

}  // namespace dg::DG_TARGET
