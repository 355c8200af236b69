#include "data/camera_shake.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "data/linear_light.h"

using namespace dg;

namespace {

FloatImage noise_image(std::int64_t width, std::int64_t height, int channels, std::uint64_t seed) {
  FloatImage image(width, height, channels);
  RandomStream stream(seed, 0);
  for (float& value : image.pixels) {
    value = stream.uniform_float(0.0F, 1.0F);
  }
  return image;
}

double linear_mean(const FloatImage& image) {
  double sum = 0.0;
  for (const float value : image.pixels) {
    sum += static_cast<double>(srgb_to_linear(value));
  }
  return sum / static_cast<double>(image.numel());
}

}  // namespace

TEST_CASE("linear light: the exact curve meets the standard's fixed points and inverts") {
  CHECK(srgb_to_linear(0.0F) == 0.0F);
  CHECK(srgb_to_linear(1.0F) == Approx(1.0F));
  CHECK(srgb_to_linear(0.5F) == Approx(0.21404114F).epsilon(1e-5));  // IEC 61966-2-1 evaluated by hand
  CHECK(srgb_to_linear(0.04F) == Approx(0.04F / 12.92F));
  for (float x = -0.2F; x < 1.5F; x += 0.01F) {
    CHECK(linear_to_srgb(srgb_to_linear(x)) == Approx(x).margin(2e-6));
  }
}

TEST_CASE("linear light: the tables stay within their stated error") {
  std::vector<float> x(20001);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = static_cast<float>(i) / 20000.0F;
  }
  std::vector<float> linear(x.size());
  std::vector<float> encoded(x.size());
  const auto n = static_cast<std::int64_t>(x.size());
  srgb_to_linear(x.data(), linear.data(), n);
  linear_to_srgb(x.data(), encoded.data(), n);
  double worst_linear = 0.0;
  double worst_encoded = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    worst_linear = std::max(worst_linear, std::fabs(static_cast<double>(linear[i] - srgb_to_linear(x[i]))));
    worst_encoded =
        std::max(worst_encoded, std::fabs(static_cast<double>(encoded[i] - linear_to_srgb(x[i]))));
  }
  CHECK(worst_linear < 1e-6);
  CHECK(worst_encoded < 1e-5);
}

TEST_CASE("linear light: all 8-bit values survive the way there and back through the tables") {
  std::vector<float> values(256);
  for (std::size_t i = 0; i < 256; ++i) {
    values[i] = static_cast<float>(i) / 255.0F;
  }
  srgb_to_linear(values.data(), values.data(), 256);
  linear_to_srgb(values.data(), values.data(), 256);
  for (std::size_t i = 0; i < 256; ++i) {
    CHECK(std::lround(values[i] * 255.0F) == static_cast<long>(i));
  }
}

TEST_CASE("camera shake: a PSF sums to 1, is not negative, and its centroid is its middle") {
  for (std::uint64_t id = 0; id < 50; ++id) {
    RandomStream stream(11, id);
    const Psf psf = random_psf({.min_length = 1.0, .max_length = 25.0}, stream);
    double sum = 0.0;
    double x_moment = 0.0;
    double y_moment = 0.0;
    for (std::int64_t y = 0; y < psf.size(); ++y) {
      for (std::int64_t x = 0; x < psf.size(); ++x) {
        const double weight = static_cast<double>(psf.at(y, x));
        REQUIRE(weight >= 0.0);
        sum += weight;
        x_moment += weight * static_cast<double>(x - psf.radius);
        y_moment += weight * static_cast<double>(y - psf.radius);
      }
    }
    CHECK(sum == Approx(1.0).epsilon(1e-5));
    CHECK(std::fabs(x_moment) < 1e-4);
    CHECK(std::fabs(y_moment) < 1e-4);
  }
}

TEST_CASE("camera shake: the trajectory's extent lies within the asked range") {
  for (std::uint64_t id = 0; id < 30; ++id) {
    RandomStream stream(12, id);
    const auto points = random_trajectory({.min_length = 6.0, .max_length = 9.0}, stream);
    double extent = 0.0;
    for (const auto& a : points) {
      for (const auto& b : points) {
        extent = std::max(extent, std::hypot(a.x - b.x, a.y - b.y));
      }
    }
    CHECK(extent > 6.0 * 0.999);
    CHECK(extent < 9.0 * 1.005);  // the diameter is measured along 32 directions
  }
}

TEST_CASE("camera shake: a longer shake has a larger PSF") {
  RandomStream short_stream(1, 1);
  RandomStream long_stream(1, 1);
  const Psf small = random_psf({.min_length = 4.0, .max_length = 4.0}, short_stream);
  const Psf large = random_psf({.min_length = 24.0, .max_length = 24.0}, long_stream);
  CHECK(small.radius <= 4);
  CHECK(large.radius >=
        6);  // half of 24 along a diagonal is 8.5 on each axis; the centroid may lie off the middle
  CHECK(large.radius <= 24);
}

TEST_CASE("camera shake: zero length is the identity") {
  RandomStream stream(2, 2);
  const Psf psf = random_psf({.min_length = 0.0, .max_length = 0.0}, stream);
  CHECK(psf.radius == 0);
  CHECK(psf.weights[0] == 1.0F);
}

TEST_CASE("camera shake: shakes differ between streams and repeat for one") {
  RandomStream a(3, 0);
  RandomStream b(3, 0);
  RandomStream c(3, 1);
  const Psf first = random_psf({}, a);
  CHECK(first.weights == random_psf({}, b).weights);
  CHECK(first.weights != random_psf({}, c).weights);
}

TEST_CASE("camera shake: options out of order are refused") {
  RandomStream stream(1, 1);
  CHECK_THROWS_WITH(random_psf({.min_length = 9.0, .max_length = 3.0}, stream),
                    Catch::Contains("lengths go from 9 to 3"));
  CHECK_THROWS_AS(random_psf({.min_length = -1.0, .max_length = 3.0}, stream), Error);
  CHECK_THROWS_AS(random_psf({.min_anxiety = 0.0}, stream), Error);
}

TEST_CASE("camera shake: a straight path of two pixels rasterises to weights known by hand") {
  // From x = -1 to x = 1 at constant speed: the bilinear weight of the middle pixel averages 1/2 along the
  // path, that of either end pixel is not zero on one half only, and averages 1/4.
  const Psf psf = rasterise({{-1.0, 0.0}, {1.0, 0.0}});
  REQUIRE(psf.radius == 1);
  CHECK(psf.at(1, 0) == Approx(0.25));
  CHECK(psf.at(1, 1) == Approx(0.5));
  CHECK(psf.at(1, 2) == Approx(0.25));
  CHECK(psf.at(0, 1) == 0.0F);
}

TEST_CASE("camera shake: rasterise centres the path it is given") {
  const Psf there = rasterise({{40.0, -7.0}, {44.0, -3.0}, {41.0, -3.0}});
  const Psf here = rasterise({{0.0, 0.0}, {4.0, 4.0}, {1.0, 4.0}});
  REQUIRE(there.radius == here.radius);
  for (std::size_t i = 0; i < here.weights.size(); ++i) {
    CHECK(there.weights[i] == Approx(here.weights[i]).margin(1e-6));
  }
}

TEST_CASE("blur: a constant picture stays as it is") {
  RandomStream stream(4, 4);
  const Psf psf = random_psf({.min_length = 12.0, .max_length = 12.0}, stream);
  FloatImage image(37, 5, 3);  // lower than the PSF: the borders mirror more than once
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    image.pixels[static_cast<std::size_t>(i)] = 0.2F + 0.3F * static_cast<float>(i % 3);
  }
  const FloatImage blurred = blur_in_linear_light(image, psf);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    REQUIRE(blurred.pixels[i] == Approx(image.pixels[i]).margin(3e-5));
  }
}

TEST_CASE("blur: the picture's mean light is kept where nothing touches the border") {
  RandomStream stream(5, 5);
  const Psf psf = random_psf({.min_length = 9.0, .max_length = 9.0}, stream);
  FloatImage image(64, 64, 1);
  const FloatImage patch = noise_image(20, 20, 1, 6);
  for (std::int64_t y = 0; y < 20; ++y) {
    for (std::int64_t x = 0; x < 20; ++x) {
      image.at(22 + y, 22 + x, 0) = patch.at(y, x, 0);
    }
  }
  CHECK(linear_mean(blur_in_linear_light(image, psf)) == Approx(linear_mean(image)).epsilon(2e-4));
}

TEST_CASE("blur: equals the sum written out pixel by pixel, borders mirrored") {
  RandomStream stream(6, 6);
  Psf psf;
  psf.radius = 2;
  psf.weights.assign(25, 0.0F);
  for (const std::size_t i : {0U, 3U, 7U, 12U, 19U, 24U}) {
    psf.weights[i] = stream.uniform_float(0.0F, 0.3F);
  }
  const FloatImage image = noise_image(41, 7, 3, 9);  // more than one strip of 32, and a rest
  const FloatImage blurred = blur_in_linear_light(image, psf);
  const auto mirror = [](std::int64_t i, std::int64_t n) {
    return i < 0 ? -i : (i >= n ? 2 * n - 2 - i : i);
  };
  for (std::int64_t y = 0; y < 7; ++y) {
    for (std::int64_t x = 0; x < 41; ++x) {
      for (int c = 0; c < 3; ++c) {
        double sum = 0.0;
        for (std::int64_t ky = 0; ky < 5; ++ky) {
          for (std::int64_t kx = 0; kx < 5; ++kx) {
            sum += static_cast<double>(psf.at(ky, kx)) *
                   static_cast<double>(
                       srgb_to_linear(image.at(mirror(y + ky - 2, 7), mirror(x + kx - 2, 41), c)));
          }
        }
        REQUIRE(blurred.at(y, x, c) == Approx(linear_to_srgb(static_cast<float>(sum))).margin(3e-5));
      }
    }
  }
}

TEST_CASE("blur: a region equals the same part of the whole") {
  RandomStream stream(7, 7);
  const Psf psf = random_psf({.min_length = 14.0, .max_length = 14.0}, stream);
  const FloatImage image = noise_image(50, 40, 3, 10);
  const FloatImage whole = blur_in_linear_light(image, psf);
  for (const Region region : {Region{0, 0, 5, 5}, Region{13, 11, 33, 17}, Region{45, 39, 5, 1}}) {
    const FloatImage part = blur_in_linear_light(image, psf, region);
    CHECK(part.pixels == crop(whole, region.x, region.y, region.width, region.height).pixels);
  }
  CHECK_THROWS_AS(blur_in_linear_light(image, psf, Region{48, 0, 5, 5}), Error);
}

TEST_CASE("sensor noise: its variance in linear light is shot * signal + read^2") {
  FloatImage image(200, 200, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), linear_to_srgb(0.4F));
  RandomStream stream(8, 8);
  add_sensor_noise(image, {.shot = 1e-3, .read = 1e-2}, stream);
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : image.pixels) {
    const double error = static_cast<double>(srgb_to_linear(value)) - 0.4;
    sum += error;
    squares += error * error;
  }
  const double n = static_cast<double>(image.numel());
  CHECK(std::fabs(sum / n) < 5.0 * std::sqrt(5e-4 / n));
  CHECK(squares / n == Approx(5e-4).epsilon(0.04));  // 1e-3 * 0.4 + 1e-4; five standard errors are 3.5 %
}
