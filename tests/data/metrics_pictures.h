// The pictures of goldens/make_metrics_goldens.py, value for value.
#pragma once

#include <algorithm>
#include <cstdint>

#include "data/image.h"

namespace dg::test {

inline FloatImage formula_picture(std::int64_t width, std::int64_t height, int channels, bool damaged) {
  FloatImage image(width, height, channels);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        std::int64_t value = (x * 5 + y * 3 + c * 40 + (x / 8 * 3 + y / 8 * 5) % 7 * 30 + x * y % 13) % 256;
        if (damaged) {
          value =
              std::clamp<std::int64_t>(value + (x * 31 + y * 17 + c * 13 + x * y * 7) % 41 - 20 + 3, 0, 255);
        }
        image.at(y, x, c) = static_cast<float>(value) / 255.0F;
      }
    }
  }
  return image;
}

}  // namespace dg::test
