// Bicubic: cubic convolution (Keys 1981, a = -0.5), the kernel widened by the scale when shrinking, first along rows,
// then along columns. Pillow works in integers: weights of 22 fractional bits, and each pass rounds to 8 bits, which
// shows as one level here and there. An axis that keeps its length is left alone.
// Nearest: the pixel under the centre of the new one.
#include "data/pillow_resize.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/check.h"

namespace dg {
namespace {

constexpr int kWeightBits = 22;
constexpr std::int64_t kMaxSide = std::int64_t{1} << 20;

// Of one output position: the first input position and integer weights.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int64_t> weights;
};

double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
  return 0.0;
}

std::vector<Taps> cubic_taps(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  std::vector<Taps> all(static_cast<std::size_t>(out));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    Taps& taps = all[i];
    taps.first = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const std::int64_t end = std::min<std::int64_t>(static_cast<std::int64_t>(centre + support + 0.5), in);
    std::vector<double> weights;
    double sum = 0.0;
    for (std::int64_t j = taps.first; j < end; ++j) {
      weights.push_back(cubic((static_cast<double>(j) - centre + 0.5) / stretch));
      sum += weights.back();
    }
    for (const double weight : weights)
      taps.weights.push_back(std::llround(weight / sum * static_cast<double>(1 << kWeightBits)));
  }
  return all;
}

std::uint16_t rounded(std::int64_t sum) {
  return static_cast<std::uint16_t>(
      std::clamp<std::int64_t>((sum + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
}

Image blank(const Image& like, std::int64_t width, std::int64_t height) {
  Image image{width, height, like.channels, like.bit_depth, {}};
  image.pixels.resize(static_cast<std::size_t>(image.numel()));
  return image;
}

Image bicubic_columns(const Image& image, std::int64_t width) {
  const std::vector<Taps> all = cubic_taps(image.width, width);
  Image result = blank(image, width, image.height);
  const auto channels = static_cast<std::size_t>(image.channels);
  std::uint16_t* out = result.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    const std::uint16_t* row = &image.pixels[static_cast<std::size_t>(y * image.width) * channels];
    for (const Taps& taps : all) {
      for (std::size_t c = 0; c < channels; ++c) {
        const std::uint16_t* source = row + static_cast<std::size_t>(taps.first) * channels + c;
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < taps.weights.size(); ++k) sum += taps.weights[k] * source[k * channels];
        *out++ = rounded(sum);
      }
    }
  }
  return result;
}

Image bicubic_rows(const Image& image, std::int64_t height) {
  const std::vector<Taps> all = cubic_taps(image.height, height);
  Image result = blank(image, image.width, height);
  const auto row = static_cast<std::size_t>(image.width * image.channels);
  std::vector<std::int64_t> sums(row);
  std::uint16_t* out = result.pixels.data();
  for (const Taps& taps : all) {
    std::fill(sums.begin(), sums.end(), 0);
    for (std::size_t k = 0; k < taps.weights.size(); ++k) {
      const std::uint16_t* source = &image.pixels[(static_cast<std::size_t>(taps.first) + k) * row];
      for (std::size_t i = 0; i < row; ++i) sums[i] += taps.weights[k] * source[i];
    }
    out = std::transform(sums.begin(), sums.end(), out, rounded);
  }
  return result;
}

// Positions are summed up step by step, as Pillow does: at ties the rounding of the sum decides.
std::vector<std::int64_t> nearest_positions(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  std::vector<std::int64_t> positions;
  double position = 0.5 * scale;
  for (std::int64_t i = 0; i < out; ++i, position += scale)
    positions.push_back(std::min(static_cast<std::int64_t>(position), in - 1));
  return positions;
}

Image nearest(const Image& image, std::int64_t width, std::int64_t height) {
  const std::vector<std::int64_t> columns = nearest_positions(image.width, width);
  Image result = blank(image, width, height);
  std::uint16_t* out = result.pixels.data();
  for (const std::int64_t y : nearest_positions(image.height, height)) {
    for (const std::int64_t x : columns) {
      out = std::copy_n(&image.pixels[static_cast<std::size_t>((y * image.width + x) * image.channels)],
                        image.channels, out);
    }
  }
  return result;
}

}  // namespace

PillowFilter parse_pillow_filter(std::string_view name) {
  if (name == "nearest") return PillowFilter::nearest;
  check(name == "bicubic", "resize filter: got '", name, "', expected nearest or bicubic");
  return PillowFilter::bicubic;
}

const char* name_of(PillowFilter filter) { return filter == PillowFilter::nearest ? "nearest" : "bicubic"; }

Image resize_as_pillow(const Image& image, std::int64_t width, std::int64_t height, PillowFilter filter) {
  check(image.bit_depth == 8, "resize_as_pillow: got ", image.bit_depth,
        " bits, expected 8; convert with to_integer(to_float(image))");
  check(image.width > 0 && image.height > 0 && image.pixels.size() == static_cast<std::size_t>(image.numel()),
        "resize_as_pillow: got an image of ", image.width, "x", image.height, " with ", image.pixels.size(),
        " values; fill it first");
  check(width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide,
        "resize_as_pillow: got a target size of ", width, "x", height, ", expected sides of 1 to ", kMaxSide);
  if (filter == PillowFilter::nearest) return nearest(image, width, height);
  const Image narrow = width == image.width ? image : bicubic_columns(image, width);
  return height == image.height ? narrow : bicubic_rows(narrow, height);
}

}  // namespace dg
