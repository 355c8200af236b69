// Exchanges within a warp. All 32 lanes take part in each of them and none may have left the kernel: blocks are multiples
// of 32 threads, and a kernel guards its loads and stores, not its exchanges. No shared memory, no barrier.
#pragma once

#include <cstring>

#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

#if defined(DG_EMULATED)
namespace detail {

// Each lane brings its value and the lane it wants to read from; it leaves with that lane's value.
template <typename T>
struct ShuffleArguments {
  T value;
  int from;
  T result;
};

template <typename T>
T shuffle(const char* name, T value, int from) {
  check(from >= 0 && from < kWarp, emulator::current().shape().kernel, ": ", name, " reads from lane ", from,
        "; there are ", kWarp);
  ShuffleArguments<T> mine{value, from, value};
  emulator::current().collective(name, kFullMask, &mine, [](const std::array<void*, kWarp>& lanes) {
    for (void* lane : lanes) {
      auto* to = static_cast<ShuffleArguments<T>*>(lane);
      to->result = static_cast<const ShuffleArguments<T>*>(lanes[static_cast<std::size_t>(to->from)])->value;
    }
  });
  return mine.result;
}

inline int lane() { return emulator::current().thread().lane(); }

}  // namespace detail
#endif

// This thread's place in its warp, for one-dimensional blocks.
__device__ __forceinline__ int lane_index() { return static_cast<int>(threadIdx.x) % kWarp; }
__device__ __forceinline__ int warp_index() { return static_cast<int>(threadIdx.x) / kWarp; }

// The value that lane `from` (0..31) holds.
template <typename T>
__device__ __forceinline__ T shuffle(T value, int from) {
#if defined(DG_EMULATED)
  return detail::shuffle("shuffle", value, from);
#else
  return __shfl_sync(kFullMask, value, from);
#endif
}

// The value of lane (own lane ^ bits), bits < 32.
template <typename T>
__device__ __forceinline__ T shuffle_xor(T value, int bits) {
#if defined(DG_EMULATED)
  return detail::shuffle("shuffle_xor", value, detail::lane() ^ bits);
#else
  return __shfl_xor_sync(kFullMask, value, bits);
#endif
}

// The value of lane (own lane + distance); the last lanes keep their own.
template <typename T>
__device__ __forceinline__ T shuffle_down(T value, int distance) {
#if defined(DG_EMULATED)
  const int from = detail::lane() + distance;
  return detail::shuffle("shuffle_down", value, from < kWarp ? from : detail::lane());
#else
  return __shfl_down_sync(kFullMask, value, static_cast<unsigned>(distance));
#endif
}

// Bit i: whether lane i's predicate holds.
__device__ __forceinline__ unsigned ballot(bool predicate) {
#if defined(DG_EMULATED)
  struct Vote {
    bool predicate;
    unsigned result;
  } mine{predicate, 0};
  emulator::current().collective("ballot", kFullMask, &mine, [](const std::array<void*, kWarp>& lanes) {
    unsigned bits = 0;
    for (std::size_t i = 0; i < lanes.size(); ++i) {
      if (static_cast<const Vote*>(lanes[i])->predicate) bits |= 1U << i;
    }
    for (void* lane : lanes) static_cast<Vote*>(lane)->result = bits;
  });
  return mine.result;
#else
  return __ballot_sync(kFullMask, predicate);
#endif
}

// Orders shared-memory accesses between the lanes of a warp.
__device__ __forceinline__ void warp_barrier() {
#if defined(DG_EMULATED)
  int nothing = 0;
  emulator::current().collective("warp_barrier", kFullMask, &nothing, [](const std::array<void*, kWarp>&) {});
#else
  __syncwarp(kFullMask);
#endif
}

// The sum over the warp, in a fixed order (a butterfly); every lane gets it.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
#pragma unroll
  for (int bits = kWarp / 2; bits > 0; bits /= 2) value += shuffle_xor(value, bits);
  return value;
}

}  // namespace dg::DG_TARGET
