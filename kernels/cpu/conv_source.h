// How a convolution reads its input: as it lies, or normalised, and beyond the border zeros or the mirrored image.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

// leaky(x * scale + shift), per image and channel.
template <typename T>
struct ConvSource {
  const T* x = nullptr;
  const T* scale = nullptr;  // (N, C), or null: x itself
  const T* shift = nullptr;
  T slope = T(1);  // of negative values
  PadMode border = PadMode::zero;
};

// The row or column that position i shows, -1 for a zero. Beyond a mirrored border as wide as the image any will do: a
// tile that reaches there is cut.
inline std::int64_t shown(std::int64_t i, std::int64_t extent, PadMode border) {
  if (i >= 0 && i < extent) return i;
  if (border == PadMode::zero) return -1;
  return std::clamp<std::int64_t>(i < 0 ? -i : 2 * (extent - 1) - i, 0, extent - 1);
}

template <typename T>
inline Vec<T> leaky(Vec<T> v, T slope) {
  return v < T(0) ? slope * v : v;
}

}  // namespace dg::cpu::DG_CPU_ISA
