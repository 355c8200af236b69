// Conversions and geometry of host pictures.
#include "data/image.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/check.h"
#include "tests/data/metrics_pictures.h"

using namespace dg;

namespace {

#include "goldens/resize_goldens.inc"

// Value (y, x, c) = 100 y + 10 x + c.
FloatImage counting_image(std::int64_t width, std::int64_t height, int channels) {
  FloatImage image(width, height, channels);
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) image.at(y, x, c) = static_cast<float>(100 * y + 10 * x + c);
    }
  }
  return image;
}

}  // namespace

TEST_CASE("image: every 8- and 16-bit value survives the way through float") {
  for (const int bits : {8, 16}) {
    Image image{256, bits == 8 ? 1 : 256, 1, bits, {}};
    image.pixels.resize(static_cast<std::size_t>(image.numel()));
    std::iota(image.pixels.begin(), image.pixels.end(), std::uint16_t{0});
    const FloatImage floats = to_float(image);
    CHECK(floats.pixels.front() == 0.0F);
    CHECK(floats.pixels.back() == 1.0F);
    const Image back = to_integer(floats, bits);
    CHECK(back.bit_depth == bits);
    CHECK(back.pixels == image.pixels);
  }
}

TEST_CASE("image: to_integer rounds to nearest and clamps") {
  FloatImage image(4, 1, 1);
  image.pixels = {-0.2F, 1.7F, 99.4F / 255.0F, 99.6F / 255.0F};
  CHECK(to_integer(image).pixels == std::vector<std::uint16_t>{0, 255, 99, 100});
}

TEST_CASE("image: to_integer names the place of a value that is not finite") {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    FloatImage image(3, 2, 3);
    image.at(1, 2, 0) = bad;
    CHECK_THROWS_WITH(to_integer(image), Catch::Contains("x=2, y=1"));
  }
  CHECK_THROWS_AS(to_integer(FloatImage(1, 1, 1), 12), Error);
}

TEST_CASE("image: to_float refuses a picture whose values are missing") {
  CHECK_THROWS_AS(to_float(Image{2, 2, 3, 8, {1, 2, 3}}), Error);
}

TEST_CASE("image: to_rgb repeats grey and drops alpha") {
  FloatImage grey_alpha(1, 1, 2);
  grey_alpha.pixels = {0.25F, 0.5F};
  CHECK(to_rgb(grey_alpha).pixels == std::vector<float>{0.25F, 0.25F, 0.25F});
  FloatImage rgba(1, 1, 4);
  rgba.pixels = {0.1F, 0.2F, 0.3F, 0.4F};
  CHECK(to_rgb(rgba).pixels == std::vector<float>{0.1F, 0.2F, 0.3F});
}

TEST_CASE("image: crop takes the rectangle and refuses to leave the image") {
  const FloatImage image = counting_image(4, 3, 2);
  const FloatImage part = crop(image, 1, 2, 2, 1);
  CHECK(part.pixels == std::vector<float>{210, 211, 220, 221});
  CHECK_THROWS_AS(crop(image, 3, 0, 2, 1), Error);
  CHECK_THROWS_AS(crop(image, 0, -1, 1, 1), Error);
  CHECK_THROWS_AS(crop(image, 0, 0, 0, 1), Error);
  CHECK_THROWS_AS(crop(image, 1, 0, INT64_MAX, 1), Error);
}

TEST_CASE("image: flips keep the channels of a pixel in order") {
  const FloatImage image = counting_image(2, 2, 2);
  CHECK(flip_horizontal(image).pixels == std::vector<float>{10, 11, 0, 1, 110, 111, 100, 101});
  CHECK(flip_vertical(image).pixels == std::vector<float>{100, 101, 110, 111, 0, 1, 10, 11});
}

TEST_CASE("image: side_by_side joins rows and refuses unequal heights") {
  const FloatImage joined = side_by_side({counting_image(1, 2, 1), counting_image(2, 2, 1)});
  CHECK(joined.width == 3);
  CHECK(joined.pixels == std::vector<float>{0, 0, 10, 100, 100, 110});
  CHECK_THROWS_AS(side_by_side({counting_image(1, 2, 1), counting_image(1, 3, 1)}), Error);
  CHECK_THROWS_AS(side_by_side({counting_image(1, 2, 1), counting_image(1, 2, 3)}), Error);
  CHECK_THROWS_AS(side_by_side({}), Error);
}

TEST_CASE("image: resize_bicubic equals Pillow, shrinking, stretching and both") {
  const FloatImage image = dg::test::formula_picture(13, 9, 1, false);
  const auto check_against = [&](std::int64_t width, std::int64_t height, const auto& golden) {
    const FloatImage resized = resize_bicubic(image, width, height);
    REQUIRE(resized.pixels.size() == std::size(golden));
    double worst = 0.0;
    for (std::size_t i = 0; i < std::size(golden); ++i) {
      worst =
          std::max(worst, std::abs(static_cast<double>(resized.pixels[i]) - static_cast<double>(golden[i])));
    }
    CHECK(worst < 1e-6);
  };
  check_against(5, 4, kResized5x4);
  check_against(20, 9, kResized20x9);
  check_against(29, 17, kResized29x17);
  check_against(1, 1, kResized1x1);
  CHECK_THROWS_AS(resize_bicubic(image, 0, 4), Error);
}

TEST_CASE("image: resize_bicubic treats the channels alike and keeps a constant") {
  FloatImage image(5, 7, 3);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = 0.25F * static_cast<float>(i % 3);
  const FloatImage resized = resize_bicubic(image, 3, 11);
  for (std::size_t i = 0; i < resized.pixels.size(); ++i) {
    CHECK(resized.pixels[i] == Approx(0.25 * static_cast<double>(i % 3)).margin(1e-6));
  }
}
