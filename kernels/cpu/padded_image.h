// An image with zeros around it, as the convolutions read it: pixel (h, w) of the original is at (h + top, w + left).
#pragma once

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

template <typename T>
struct PaddedImage {
  const T* data = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;  // padded
  const T* at(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return data + ((n * height + h) * width + w) * channels;
  }
};

// Full vectors may be loaded up to this many values past the end of a padded copy.
template <typename T>
constexpr std::int64_t kSlack = 2 * kLanes<T>;

// Copies x (n, h, w, c) into the middle of a borrowed image of zeros, which `out` then describes.
template <typename T>
Workspace::Borrowed<T> pad_zeros(Machine& m, const T* x, std::int64_t n, std::int64_t h, std::int64_t w,
                                 std::int64_t c, const Padding2d& pad, PaddedImage<T>& out) {
  out = {nullptr, h + pad.top + pad.bottom, w + pad.left + pad.right, c};
  const std::int64_t row = out.width * c;
  const std::int64_t total = n * out.height * row;
  auto buffer = m.workspace.borrow<T>(total + kSlack<T>);
  parallel_runs(m.threads, n * out.height, kGrain / std::max<std::int64_t>(row, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i) {
                    T* target = buffer.data() + i * row;
                    const std::int64_t source_row = i % out.height - pad.top;
                    if (source_row < 0 || source_row >= h) {
                      std::fill(target, target + row, T(0));
                      continue;
                    }
                    const T* source = x + (i / out.height * h + source_row) * w * c;
                    std::fill(target, target + pad.left * c, T(0));
                    std::memcpy(target + pad.left * c, source, static_cast<std::size_t>(w * c) * sizeof(T));
                    std::fill(target + (pad.left + w) * c, target + row, T(0));
                  }
                });
  std::fill(buffer.data() + total, buffer.data() + total + kSlack<T>, T(0));
  out.data = buffer.data();
  return buffer;
}

}  // namespace dg::cpu::DG_CPU_ISA
