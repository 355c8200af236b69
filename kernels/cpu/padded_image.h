// An image with its border, as the convolutions read it: pixel (h, w) of the original is at (h + top, w + left).
#pragma once

#include "kernels/cpu/conv_source.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/normalise.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

// Rows of one image with its border, from row `first` on.
template <typename T>
struct ImageRows {
  const T* data = nullptr;
  std::int64_t first = 0, width = 0, channels = 0;
  const T* at(std::int64_t h, std::int64_t w) const { return data + ((h - first) * width + w) * channels; }
};

// Images (n, h, w, c) that a convolution reads with a border around.
template <typename T>
struct BorderedImages {
  ConvSource<T> source;
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  Padding2d border = {};

  std::int64_t height() const { return h + border.top + border.bottom; }
  std::int64_t width() const { return w + border.left + border.right; }
  std::int64_t row_numel() const { return width() * c; }
  // Whether rows can be read where they are.
  bool as_it_lies() const { return border == Padding2d{} && source.scale == nullptr; }

  // Writes row `row` of the bordered image: normalised, and continued to both sides.
  void copy_row(std::int64_t image, std::int64_t row, T* target) const {
    const std::int64_t from = shown(row - border.top, h, source.border);
    if (from < 0) {
      std::fill_n(target, row_numel(), T(0));
      return;
    }
    const T* const x = source.x + (image * h + from) * w * c;
    T* const middle = target + border.left * c;
    if (source.scale == nullptr) {
      std::memcpy(middle, x, static_cast<std::size_t>(w * c) * sizeof(T));
    } else {
      normalise_block<T, T>(x, source.scale + image * c, source.shift + image * c, source.slope, nullptr,
                            middle, w, c);
    }
    for (std::int64_t j = 1; j <= border.left; ++j) continue_row(middle, -j);
    for (std::int64_t j = 0; j < border.right; ++j) continue_row(middle, w + j);
  }

  // Rows [begin, end), in `buffer` unless they can be read where they are.
  ImageRows<T> rows(std::int64_t image, std::int64_t begin, std::int64_t end, T* buffer) const {
    if (as_it_lies()) return {source.x + (image * h + begin) * w * c, begin, w, c};
    for (std::int64_t row = begin; row < end; ++row)
      copy_row(image, row, buffer + (row - begin) * row_numel());
    return {buffer, begin, width(), c};
  }

 private:
  // Pixel i of a row that starts at `middle`, from another of its pixels or zeros.
  void continue_row(T* middle, std::int64_t i) const {
    const std::int64_t from = shown(i, w, source.border);
    if (from < 0) {
      std::fill_n(middle + i * c, c, T(0));
    } else {
      std::copy_n(middle + from * c, c, middle + i * c);
    }
  }
};

// All of it in one piece.
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

// A borrowed copy, which `out` then describes.
template <typename T>
Workspace::Borrowed<T> padded_copy(Machine& m, const BorderedImages<T>& images, PaddedImage<T>& out) {
  const std::int64_t row = images.row_numel();
  const std::int64_t rows = images.n * images.height();
  auto buffer = m.workspace.borrow<T>(rows * row + kSlack<T>);
  parallel_runs(m.threads, rows, kGrain / std::max<std::int64_t>(row, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i) {
                    images.copy_row(i / images.height(), i % images.height(), buffer.data() + i * row);
                  }
                });
  std::fill_n(buffer.data() + rows * row, kSlack<T>, T(0));
  out = {buffer.data(), images.height(), images.width(), images.c};
  return buffer;
}

}  // namespace dg::cpu::DG_CPU_ISA
