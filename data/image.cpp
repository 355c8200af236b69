// Conversions and geometry on host pictures; layout as in image.h (rows top to bottom, channels interleaved).
#include "data/image.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "kernels/check.h"

namespace dg {
namespace {

void check_image(const char* function, const FloatImage& image) {
  check(image.width > 0 && image.height > 0 && image.channels >= 1 && image.channels <= 4 &&
            static_cast<std::int64_t>(image.pixels.size()) == image.numel(),
        function, ": got an image of ", image.width, "x", image.height, " with ", image.channels,
        " channels and ", image.pixels.size(),
        " values, expected 1 to 4 channels and width * height * channels values; fill it first");
}

// For each output position of one axis: the first input position and its weights.
struct Resampling {
  std::vector<std::int64_t> first;
  std::vector<std::vector<double>> weights;
};

// Keys 1981, "Cubic convolution interpolation for digital image processing", eq. 15 with a = -0.5.
double keys_cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
  if (x < 2.0) return ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a;
  return 0.0;
}

// Pixel i covers [i, i+1). The kernel spans 2 pixels of the coarser grid
// to each side: antialiased when shrinking.
Resampling cubic_resampling(std::int64_t in, std::int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = 2.0 * stretch;
  Resampling result;
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto begin = std::max<std::int64_t>(static_cast<std::int64_t>(centre - support + 0.5), 0);
    const auto end = std::min<std::int64_t>(static_cast<std::int64_t>(centre + support + 0.5), in);
    std::vector<double> weights;
    double sum = 0.0;
    for (std::int64_t j = begin; j < end; ++j) {
      weights.push_back(keys_cubic((static_cast<double>(j) + 0.5 - centre) / stretch));
      sum += weights.back();
    }
    for (double& weight : weights) weight /= sum;
    result.first.push_back(begin);
    result.weights.push_back(std::move(weights));
  }
  return result;
}

FloatImage resize_columns(const FloatImage& image, std::int64_t width) {
  const Resampling taps = cubic_resampling(image.width, width);
  FloatImage result(width, image.height, image.channels);
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto& weights = taps.weights[static_cast<std::size_t>(x)];
      const std::int64_t first = taps.first[static_cast<std::size_t>(x)];
      for (int c = 0; c < image.channels; ++c) {
        double sum = 0.0;
        for (std::size_t k = 0; k < weights.size(); ++k) {
          sum += weights[k] * static_cast<double>(image.at(y, first + static_cast<std::int64_t>(k), c));
        }
        result.at(y, x, c) = static_cast<float>(sum);
      }
    }
  }
  return result;
}

FloatImage resize_rows(const FloatImage& image, std::int64_t height) {
  const Resampling taps = cubic_resampling(image.height, height);
  FloatImage result(image.width, height, image.channels);
  const auto row = static_cast<std::size_t>(image.width * image.channels);
  std::vector<double> sums(row);
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t k = 0; k < taps.weights[y].size(); ++k) {
      const float* source = &image.pixels[(static_cast<std::size_t>(taps.first[y]) + k) * row];
      for (std::size_t i = 0; i < row; ++i) sums[i] += taps.weights[y][k] * static_cast<double>(source[i]);
    }
    std::transform(sums.begin(), sums.end(), &result.pixels[y * row],
                   [](double v) { return static_cast<float>(v); });
  }
  return result;
}

}  // namespace

FloatImage to_float(const Image& image) {
  check(image.bit_depth == 8 || image.bit_depth == 16, "to_float: got bit depth ", image.bit_depth,
        ", expected 8 or 16; set Image::bit_depth");
  FloatImage result(image.width, image.height, image.channels);
  check(image.pixels.size() == result.pixels.size(), "to_float: got ", image.pixels.size(), " values for ",
        image.width, "x", image.height, "x", image.channels, ", expected ", result.pixels.size(),
        "; fill Image::pixels first");
  const auto max_value = static_cast<float>(image.max_value());
  std::transform(image.pixels.begin(), image.pixels.end(), result.pixels.begin(),
                 [max_value](std::uint16_t value) { return static_cast<float>(value) / max_value; });
  return result;
}

Image to_integer(const FloatImage& image, int bit_depth) {
  check_image("to_integer", image);
  check(bit_depth == 8 || bit_depth == 16, "to_integer: got bit depth ", bit_depth, ", expected 8 or 16");
  Image result{image.width, image.height, image.channels, bit_depth,
               std::vector<std::uint16_t>(image.pixels.size())};
  const double max_value = result.max_value();
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const auto value = static_cast<double>(image.pixels[i]);
    if (!std::isfinite(value)) [[unlikely]] {
      const auto pixel = static_cast<std::int64_t>(i) / image.channels;
      fail("to_integer: the value at x=", pixel % image.width, ", y=", pixel / image.width, " is ", value,
           ", expected finite numbers; look for the step that produced it");
    }
    result.pixels[i] = static_cast<std::uint16_t>(std::lround(std::clamp(value, 0.0, 1.0) * max_value));
  }
  return result;
}

FloatImage to_rgb(const FloatImage& image) {
  check_image("to_rgb", image);
  if (image.channels == 3) return image;
  FloatImage result(image.width, image.height, 3);
  const bool grey = image.channels <= 2;
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (int c = 0; c < 3; ++c) result.at(y, x, c) = image.at(y, x, grey ? 0 : c);
    }
  }
  return result;
}

FloatImage crop(const FloatImage& image, std::int64_t x, std::int64_t y, std::int64_t width,
                std::int64_t height) {
  check_image("crop", image);
  // Written without sums, which could overflow.
  check(x >= 0 && y >= 0 && width > 0 && height > 0 && width <= image.width && height <= image.height &&
            x <= image.width - width && y <= image.height - height,
        "crop: the rectangle of ", width, "x", height, " at x=", x, ", y=", y, " leaves the image of ",
        image.width, "x", image.height, "; choose a rectangle inside it");
  FloatImage result(width, height, image.channels);
  for (std::int64_t row = 0; row < height; ++row) {
    std::copy_n(image.pixels.begin() + ((y + row) * image.width + x) * image.channels, width * image.channels,
                result.pixels.begin() + row * width * image.channels);
  }
  return result;
}

FloatImage flip_horizontal(const FloatImage& image) {
  check_image("flip_horizontal", image);
  FloatImage result(image.width, image.height, image.channels);
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (int c = 0; c < image.channels; ++c) result.at(y, x, c) = image.at(y, image.width - 1 - x, c);
    }
  }
  return result;
}

FloatImage flip_vertical(const FloatImage& image) {
  check_image("flip_vertical", image);
  FloatImage result(image.width, image.height, image.channels);
  const std::int64_t row = image.width * image.channels;
  for (std::int64_t y = 0; y < image.height; ++y) {
    std::copy_n(image.pixels.begin() + (image.height - 1 - y) * row, row, result.pixels.begin() + y * row);
  }
  return result;
}

FloatImage resize_bicubic(const FloatImage& image, std::int64_t width, std::int64_t height) {
  check_image("resize_bicubic", image);
  check(width > 0 && height > 0, "resize_bicubic: got a target size of ", width, "x", height,
        ", expected at least 1x1");
  const FloatImage narrow = width == image.width ? image : resize_columns(image, width);
  return height == image.height ? narrow : resize_rows(narrow, height);
}

FloatImage side_by_side(const std::vector<FloatImage>& images) {
  check(!images.empty(), "side_by_side: got no images, expected at least one");
  std::int64_t width = 0;
  for (const FloatImage& image : images) {
    check_image("side_by_side", image);
    check(image.height == images[0].height && image.channels == images[0].channels,
          "side_by_side: got an image of ", image.height, " rows and ", image.channels,
          " channels beside one of ", images[0].height, " rows and ", images[0].channels,
          " channels; make their heights and channels equal first");
    width += image.width;
  }
  FloatImage result(width, images[0].height, images[0].channels);
  std::int64_t left = 0;
  for (const FloatImage& image : images) {
    const std::int64_t row = image.width * image.channels;
    for (std::int64_t y = 0; y < image.height; ++y) {
      std::copy_n(image.pixels.begin() + y * row, row, &result.at(y, left, 0));
    }
    left += image.width;
  }
  return result;
}

}  // namespace dg
