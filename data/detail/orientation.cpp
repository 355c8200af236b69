#include "data/detail/orientation.h"

#include <algorithm>
#include <utility>

namespace dg {

Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  Image turned{image.width, image.height, image.channels, image.bit_depth, {}};
  if (swaps_sides(orientation)) std::swap(turned.width, turned.height);

  // Steps through the stored image while the result is written row by row.
  std::int64_t right = from_right ? -image.channels : image.channels;
  std::int64_t down = (from_bottom ? -image.width : image.width) * image.channels;
  const std::int64_t start = (from_right ? (image.width - 1) * image.channels : 0) +
                             (from_bottom ? (image.height - 1) * image.width * image.channels : 0);
  if (swaps_sides(orientation)) std::swap(right, down);
  turned.pixels.reserve(image.pixels.size());
  for (std::int64_t y = 0; y < turned.height; ++y) {
    for (std::int64_t x = 0; x < turned.width; ++x) {
      const auto pixel = image.pixels.begin() + start + y * down + x * right;
      turned.pixels.insert(turned.pixels.end(), pixel, pixel + image.channels);
    }
  }
  return turned;
}

}  // namespace dg
