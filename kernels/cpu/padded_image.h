// An image with its border, as the convolutions read it: pixel (h, w) of the original is at (h + top, w + left).
#pragma once

#include "kernels/cpu/conv_source.h"
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

// Copies the source (n, h, w, c), normalised, into the middle of a borrowed image that its border continues. `out` then
// describes it.
template <typename T>
Workspace::Borrowed<T> padded_copy(Machine& m, const ConvSource<T>& source, std::int64_t n, std::int64_t h,
                                   std::int64_t w, std::int64_t c, const Padding2d& pad,
                                   PaddedImage<T>& out) {
  out = {nullptr, h + pad.top + pad.bottom, w + pad.left + pad.right, c};
  const std::int64_t row = out.width * c;
  const std::int64_t total = n * out.height * row;
  auto buffer = m.workspace.borrow<T>(total + kSlack<T>);
  const auto copy_row = [&](std::int64_t image, const T* from, T* target) {
    if (source.scale == nullptr) {
      std::memcpy(target, from, static_cast<std::size_t>(w * c) * sizeof(T));
    } else {
      normalise_pixels(from, source.scale + image * c, source.shift + image * c, source.slope, w, c, target);
    }
  };
  // Pixel i of the row from its middle, or zeros.
  const auto continue_row = [&](T* middle, std::int64_t i) {
    const std::int64_t from = shown(i, w, source.border);
    if (from < 0) {
      std::fill_n(middle + i * c, c, T(0));
    } else {
      std::copy_n(middle + from * c, c, middle + i * c);
    }
  };
  parallel_runs(m.threads, n * out.height, kGrain / std::max<std::int64_t>(row, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i) {
                    T* const target = buffer.data() + i * row;
                    const std::int64_t image = i / out.height;
                    const std::int64_t from = shown(i % out.height - pad.top, h, source.border);
                    if (from < 0) {
                      std::fill(target, target + row, T(0));
                      continue;
                    }
                    T* const middle = target + pad.left * c;
                    copy_row(image, source.x + (image * h + from) * w * c, middle);
                    for (std::int64_t j = 1; j <= pad.left; ++j) continue_row(middle, -j);
                    for (std::int64_t j = 0; j < pad.right; ++j) continue_row(middle, w + j);
                  }
                });
  std::fill(buffer.data() + total, buffer.data() + total + kSlack<T>, T(0));
  out.data = buffer.data();
  return buffer;
}

}  // namespace dg::cpu::DG_CPU_ISA
