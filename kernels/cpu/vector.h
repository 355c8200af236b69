// One SIMD register of float or double, through the compiler's vector extension: AVX-512, AVX2 and SSE come from the
// same source. The width is that of the build (-march).
#pragma once

#include <cstdint>

namespace dg::cpu {

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
inline constexpr int kTileRows = 12;  // 12 x 2 accumulators + 2 operands of 32 registers
#elif defined(__AVX__)
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

}  // namespace dg::cpu
