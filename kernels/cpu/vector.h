// One SIMD register of float or double, through the compiler's vector extension: AVX-512, AVX2 and SSE come from the
// same source.
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

#if defined(DG_CPU_ISA_AVX512) || defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kTileRows = 12;  // 12 x 2 accumulators + 2 operands of 32 registers
#elif defined(DG_CPU_ISA_AVX2) || defined(__AVX__)
inline constexpr int kVectorBytes = 32;
inline constexpr int kTileRows = 6;  // 6 x 2 + 2 of 16
#else
inline constexpr int kVectorBytes = 16;
inline constexpr int kTileRows = 6;
#endif

template <typename T>
struct VectorOf {
  typedef T type __attribute__((vector_size(kVectorBytes)));
  typedef T unaligned __attribute__((vector_size(kVectorBytes), aligned(alignof(T)), may_alias));
};
template <typename T>
using Vec = typename VectorOf<T>::type;

template <typename T>
inline constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T>
inline Vec<T> load(const T* source) {
  return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(source);
}

template <typename T>
inline void store(T* target, Vec<T> value) {
  *reinterpret_cast<typename VectorOf<T>::unaligned*>(target) = value;
}

// rows[i] lane j <-> rows[j] lane i. Each round interleaves the first half of the rows with the second.
template <typename T>
inline void transpose(Vec<T> (&rows)[kLanes<T>]) {
  constexpr int kHalf = kLanes<T> / 2;
  for (int round = 1; round < kLanes<T>; round *= 2) {
    Vec<T> out[kLanes<T>];
    for (int i = 0; i < kHalf; ++i) {
      [&]<int... I>(std::integer_sequence<int, I...>) {
        constexpr int n = kLanes<T>;
        out[2 * i] = __builtin_shufflevector(rows[i], rows[i + kHalf], (I / 2 + I % 2 * n)...);
        out[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + kHalf], (kHalf + I / 2 + I % 2 * n)...);
      }
      (std::make_integer_sequence<int, kLanes<T>>{});
    }
    for (int i = 0; i < kLanes<T>; ++i) rows[i] = out[i];
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
