// Our convolution kernels in the layout of PyTorch and ONNX.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace dg {

// (out, H, W, in) -> (out, in, H, W); of a transposed convolution (in, H, W, out) -> (in, out, H, W).
inline std::vector<std::int64_t> oihw_shape(const Shape& krsc) {
  return {krsc[0], krsc[3], krsc[1], krsc[2]};
}

inline std::vector<float> to_oihw(const Tensor& kernel) {
  const std::vector<float> values = kernel.to_floats();
  const auto out = static_cast<std::size_t>(kernel.dim(0));
  const auto taps = static_cast<std::size_t>(kernel.dim(1) * kernel.dim(2));
  const auto in = static_cast<std::size_t>(kernel.dim(3));
  std::vector<float> result(values.size());
  for (std::size_t k = 0; k < out; ++k) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      for (std::size_t c = 0; c < in; ++c)
        result[(k * in + c) * taps + tap] = values[(k * taps + tap) * in + c];
    }
  }
  return result;
}

}  // namespace dg
