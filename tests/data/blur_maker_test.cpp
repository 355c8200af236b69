// Blurred pictures against sums written out by hand, and what must hold for any of them.
#include "data/blur_maker.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstddef>

#include "data/light_curve.h"
#include "temp_folder.h"

using namespace dg;
using dg::test::error_of;
using dg::test::TempFolder;

namespace {

Image noise_picture(std::int64_t width, std::int64_t height, int channels, int bit_depth = 8) {
  Image image{width, height, channels, bit_depth, {}};
  RandomStream stream(77, static_cast<std::uint64_t>(channels));
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    image.pixels.push_back(static_cast<std::uint16_t>(stream.integer(image.max_value() + 1)));
  }
  return image;
}

Image constant_picture(std::int64_t width, std::int64_t height, std::uint16_t level) {
  Image image{width, height, 3, 8, {}};
  image.pixels.assign(static_cast<std::size_t>(image.numel()), level);
  return image;
}

BlurOptions shakes_of(double length, std::int64_t grid = 1) {
  BlurOptions options;
  options.shake.min_length = options.shake.max_length = length;
  options.grid = grid;
  return options;
}

FloatImage random_light(std::int64_t width, std::int64_t height) {
  FloatImage light(width, height, 2);
  RandomStream stream(5, 5);
  for (float& value : light.pixels) value = stream.uniform_float(0.0F, 1.0F);
  return light;
}

}  // namespace

TEST_CASE("light curve: powers and sRGB at known points, and all 8-bit levels come back") {
  CHECK(LightCurve(2.2).light_of_levels(255)[128] == Approx(0.21952).epsilon(1e-4));  // (128 / 255)^2.2
  CHECK(LightCurve(1.0).light_of_levels(65535)[6553] == Approx(6553.0 / 65535.0));
  CHECK(LightCurve().light_of_levels(255)[10] == Approx(10.0 / 255.0 / 12.92));
  for (const double gamma : {0.0, 1.0, 2.2}) {
    const LightCurve curve(gamma);
    std::vector<float> values = curve.light_of_levels(255);
    curve.encode(values.data(), 256);
    for (std::size_t level = 0; level < 256; ++level) {
      REQUIRE(std::lround(values[level] * 255.0F) == static_cast<long>(level));
    }
  }
  CHECK_THAT(error_of([] { LightCurve{-1.0}; }), Catch::Contains("gamma is -1"));
}

TEST_CASE("shake field: with one tile it is the PSF of the same stream") {
  RandomStream a(3, 4);
  RandomStream b(3, 4);
  const ShakeField field = random_shake_field({}, 1, 100, 50, a);
  CHECK(field.psfs.at(0).weights == random_psf({}, b).weights);
}

TEST_CASE("shake field: PSFs sum to 1 around their middle, differ smoothly, and none is longer than asked") {
  for (std::uint64_t id = 0; id < 8; ++id) {
    RandomStream stream(21, id);
    const ShakeField field =
        random_shake_field({.min_length = 12.0, .max_length = 12.0}, 6, 600, 400, stream);
    REQUIRE(field.psfs.size() == 36);
    CHECK(field.length == Approx(12.0).epsilon(0.006));
    CHECK(field.max_radius() <= 13);
    CHECK(field.at(0, 0).weights != field.at(5, 5).weights);
    for (const Psf& psf : field.psfs) {
      double sum = 0.0;
      double moment_x = 0.0;
      double moment_y = 0.0;
      for (std::int64_t y = 0; y < psf.size(); ++y) {
        for (std::int64_t x = 0; x < psf.size(); ++x) {
          const double weight = static_cast<double>(psf.at(y, x));
          sum += weight;
          moment_x += weight * static_cast<double>(x - psf.radius);
          moment_y += weight * static_cast<double>(y - psf.radius);
        }
      }
      CHECK(sum == Approx(1.0).epsilon(1e-5));
      CHECK(std::fabs(moment_x) < 1e-4);  // no tile shifts its part of the picture
      CHECK(std::fabs(moment_y) < 1e-4);
    }
  }
  RandomStream stream(1, 1);
  CHECK_THROWS_WITH(random_shake_field({}, 33, 8, 8, stream), Catch::Contains("33x33 tiles"));
}

TEST_CASE("varying blur: every pixel mixes the blurs of the nearest tiles by its distances") {
  RandomStream stream(9, 9);
  const ShakeField field = random_shake_field({.min_length = 6.0, .max_length = 6.0}, 3, 36, 24, stream);
  const FloatImage light = random_light(36, 24);
  const Region whole{0, 0, 36, 24};
  const FloatImage blurred = blur_light(light, field, whole, whole);
  std::vector<FloatImage> of_tile;
  for (const Psf& psf : field.psfs) of_tile.push_back(blur_light(light, psf, whole));
  // Tiles are 12 x 8 pixels, so their middles lie at x = 6, 18, 30 and y = 4, 12, 20 (pixel edges).
  const auto share = [](double place, double middle, double size, bool first, bool last) {
    const double u = (place - middle) / size;
    if ((first && u < 0.0) || (last && u > 0.0)) return 1.0;
    return std::max(0.0, 1.0 - std::fabs(u));
  };
  for (std::int64_t y = 0; y < 24; ++y) {
    for (std::int64_t x = 0; x < 36; ++x) {
      for (int c = 0; c < 2; ++c) {
        double sum = 0.0;
        for (int j = 0; j < 3; ++j) {
          for (int i = 0; i < 3; ++i) {
            const double weight = share(static_cast<double>(x) + 0.5, 6.0 + 12.0 * i, 12.0, i == 0, i == 2) *
                                  share(static_cast<double>(y) + 0.5, 4.0 + 8.0 * j, 8.0, j == 0, j == 2);
            sum += weight * static_cast<double>(of_tile[static_cast<std::size_t>(3 * j + i)].at(y, x, c));
          }
        }
        REQUIRE(blurred.at(y, x, c) == Approx(sum).margin(1e-6));
      }
    }
  }
  const Region part{5, 3, 20, 11};
  CHECK(blur_light(light, field, part, whole).pixels == crop(blurred, 5, 3, 20, 11).pixels);
}

TEST_CASE("PSF picture: it is what a point of light looks like") {
  RandomStream stream(31, 2);
  const ShakeField field = random_shake_field({.min_length = 9.0, .max_length = 9.0}, 1, 64, 64, stream);
  const Image picture = psf_picture(field);
  const std::int64_t size = picture.width;
  REQUIRE(size == field.psfs[0].size());
  FloatImage point(3 * size, 3 * size, 1);
  point.at(size + size / 2, size + size / 2, 0) = 1.0F;
  const FloatImage seen = blur_light(point, field.psfs[0], {size, size, size, size});
  const float largest = *std::max_element(seen.pixels.begin(), seen.pixels.end());
  for (std::size_t i = 0; i < seen.pixels.size(); ++i) {
    REQUIRE(picture.pixels[i] == Approx(65535.0F * seen.pixels[i] / largest).margin(1.0));
  }
  CHECK(*std::max_element(picture.pixels.begin(), picture.pixels.end()) == 65535);

  const ShakeField tiles = random_shake_field({.min_length = 9.0, .max_length = 9.0}, 4, 64, 64, stream);
  CHECK(psf_picture(tiles).width == 4 * (2 * tiles.max_radius() + 2) - 1);
}

TEST_CASE("blur picture: constant pictures stay constant up to their borders") {
  for (const std::int64_t grid : {1, 4}) {
    for (const double gamma : {0.0, 1.0, 2.2}) {
      BlurOptions options = shakes_of(15.0, grid);
      options.capture.gamma = gamma;
      const Image sharp = constant_picture(70, 300, 143);  // more than one band of rows
      CHECK(blur_picture(sharp, options, 1, 2).image.pixels == sharp.pixels);
    }
  }
}

TEST_CASE("blur picture: as the trainer's own blur, whole or as a window, in bands or not") {
  const Image sharp = noise_picture(60, 570, 3);
  const BlurOptions options = shakes_of(11.0);
  const BlurredPicture blurred = blur_picture(sharp, options, 4, 5);
  const Image expected = to_integer(blur_in_linear_light(to_float(sharp), blurred.shake.psfs[0]));
  std::int64_t different = 0;
  for (std::size_t i = 0; i < expected.pixels.size(); ++i) {
    REQUIRE(std::abs(static_cast<int>(expected.pixels[i]) - blurred.image.pixels[i]) <= 1);
    different += expected.pixels[i] != blurred.image.pixels[i] ? 1 : 0;
  }
  CHECK(different <= 60);  // of 102,600: table lookups differ in the sixth digit, which moves values at x.5

  const Region window{20, 40, 31, 500};
  const Image part = blur_picture(sharp, window, options, 4, 5).image;
  const FloatImage same = crop(to_float(blurred.image), 20, 40, 31, 500);
  CHECK(part.pixels == to_integer(same).pixels);
}

TEST_CASE("blur picture: grey stays grey, 16 bits stay 16, alpha is dropped") {
  CHECK(blur_picture(noise_picture(40, 40, 1), shakes_of(5.0), 1, 1).image.channels == 1);
  CHECK(blur_picture(noise_picture(40, 40, 2), shakes_of(5.0), 1, 1).image.channels == 1);
  const Image deep = blur_picture(noise_picture(40, 40, 4, 16), shakes_of(5.0), 1, 1).image;
  CHECK(deep.channels == 3);
  CHECK(deep.bit_depth == 16);
  CHECK(*std::max_element(deep.pixels.begin(), deep.pixels.end()) > 255);
}

TEST_CASE("blur picture: seed and id decide, noise leaves the shake as it is") {
  const Image sharp = noise_picture(48, 48, 3);
  BlurOptions options;
  options.shake.max_length = 12.0;
  const BlurredPicture first = blur_picture(sharp, options, 7, 1);
  CHECK(first.image.pixels == blur_picture(sharp, options, 7, 1).image.pixels);
  CHECK(first.image.pixels != blur_picture(sharp, options, 7, 2).image.pixels);
  CHECK(first.image.pixels != blur_picture(sharp, options, 8, 1).image.pixels);
  options.capture.noise = {5.0, 5.0};
  const BlurredPicture noisy = blur_picture(sharp, options, 7, 1);
  CHECK(noisy.shake.psfs[0].weights == first.shake.psfs[0].weights);
  CHECK(noisy.image.pixels != first.image.pixels);
}

TEST_CASE("capture: Gaussian noise has the asked deviation in levels, Poisson noise that of its photons") {
  const Image sharp = constant_picture(100, 100, 128);
  const auto moments = [&](const CaptureOptions& capture) {
    BlurOptions options = shakes_of(0.0);
    options.capture = capture;
    const Image image = blur_picture(sharp, options, 11, 3).image;
    double sum = 0.0;
    double squares = 0.0;
    for (const std::uint16_t level : image.pixels) {
      sum += level - 128.0;
      squares += (level - 128.0) * (level - 128.0);
    }
    const auto n = static_cast<double>(image.pixels.size());
    return std::pair(sum / n, std::sqrt(squares / n));
  };
  const auto [noise_mean, noise_deviation] = moments({.noise = {6.0, 6.0}});
  CHECK(std::fabs(noise_mean) < 0.17);                     // five standard errors of 30,000 values
  CHECK(noise_deviation == Approx(6.007).epsilon(0.021));  // sqrt(36 + 1/12) with rounding
  // With gamma 1 a level is light: 128 of 255 of 2000 photons are 1003.9 +- 31.7, so 4.04 levels; of 40,
  // 20.08 +- 4.48 photons or 28.57 levels, by Knuth's product.
  const auto [many_mean, many_deviation] = moments({.gamma = 1.0, .photons = {2000.0, 2000.0}});
  CHECK(std::fabs(many_mean) < 0.12);
  CHECK(many_deviation == Approx(4.05).epsilon(0.021));
  const auto [few_mean, few_deviation] = moments({.gamma = 1.0, .photons = {40.0, 40.0}});
  CHECK(std::fabs(few_mean) < 0.85);
  CHECK(few_deviation == Approx(28.57).epsilon(0.021));
}

TEST_CASE("capture: what is drawn lies in the asked range and is told") {
  BlurOptions options = shakes_of(3.0);
  options.capture = {.photons = {500.0, 900.0}, .noise = {1.0, 2.0}, .jpeg = {40.0, 60.0}};
  const Image sharp = constant_picture(16, 16, 90);
  double lowest = 100.0;
  double highest = 0.0;
  for (std::uint64_t id = 0; id < 40; ++id) {
    const BlurredPicture picture = blur_picture(sharp, options, 1, id);
    CHECK((picture.photons > 500.0 && picture.photons < 900.0));
    CHECK((picture.noise > 1.0 && picture.noise < 2.0));
    CHECK((picture.jpeg_quality >= 40 && picture.jpeg_quality <= 60));
    lowest = std::min(lowest, static_cast<double>(picture.jpeg_quality));
    highest = std::max(highest, static_cast<double>(picture.jpeg_quality));
  }
  CHECK(highest - lowest > 10.0);
}

TEST_CASE("encode blurred: a PNG of JPEG quality 20 holds what the JPEG file decodes to") {
  BlurOptions options = shakes_of(4.0);
  options.capture.jpeg = {20.0, 20.0};
  for (const int channels : {1, 3}) {
    const BlurredPicture picture = blur_picture(noise_picture(30, 20, channels, 16), options, 2, 2);
    const Image png = decode_image(encode_blurred(picture, ImageFormat::png), "png");
    const Image jpeg = decode_image(encode_blurred(picture, ImageFormat::jpeg), "jpeg");
    REQUIRE(png.channels == channels);
    CHECK(png.bit_depth == 8);
    for (std::size_t i = 0; i < png.pixels.size(); ++i) {
      REQUIRE(png.pixels[i] == jpeg.pixels[i]);
    }
    BlurredPicture plain = picture;
    plain.jpeg_quality = 0;
    CHECK(decode_image(encode_blurred(plain, ImageFormat::png), "png").pixels == picture.image.pixels);
  }
}

TEST_CASE("average of frames: the mean of light, redone by hand") {
  const TempFolder folder;
  const auto frame = [&](const std::string& name, std::vector<std::uint16_t> levels) {
    write_image(folder / name, Image{2, 1, 1, 8, std::move(levels)});
    return folder / name;
  };
  const std::vector<std::filesystem::path> frames{frame("1.png", {0, 10}), frame("2.png", {100, 20}),
                                                  frame("3.png", {255, 60})};
  CHECK(average_frames(frames, {.gamma = 1.0}, 0, 0).image.pixels ==
        std::vector<std::uint16_t>{118, 30});  // 355 / 3, 90 / 3
  // Gamma 2: sqrt((100^2 + 255^2) / 3) = 158.1; sqrt((100 + 400 + 3600) / 3) = 36.97.
  CHECK(average_frames(frames, {.gamma = 2.0}, 0, 0).image.pixels == std::vector<std::uint16_t>{158, 37});

  const auto wide = folder / "wide.png";
  write_image(wide, Image{3, 1, 1, 8, {1, 2, 3}});
  CHECK_THAT(error_of([&] {
               average_frames(std::vector{frames[0], wide}, {}, 0, 0);
             }),
             Catch::Contains("wide.png: is 3x1") && Catch::Contains("1.png is 2x1"));
}

TEST_CASE("blur picture: what cannot be is refused with its numbers") {
  const Image sharp = constant_picture(20, 12, 50);
  CHECK_THAT(error_of([&] { blur_picture(sharp, shakes_of(60.0), 1, 1); }),
             Catch::Contains("is larger than the picture of 20x12"));
  CHECK_THROWS_WITH(blur_picture(sharp, {15, 0, 6, 6}, shakes_of(2.0), 1, 1),
                    Catch::Contains("leaves the picture"));
  CHECK_THROWS_WITH(check_options(CaptureOptions{.noise = {5.0, 2.0}}),
                    Catch::Contains("noise goes from 5 to 2"));
  CHECK_THROWS_WITH(check_options(CaptureOptions{.jpeg = {0.0, 90.0}}), Catch::Contains("JPEG quality"));
  CHECK_THROWS_WITH(check_options(shakes_of(5.0, 0)), Catch::Contains("grid of 0x0"));
  CHECK_THROWS_WITH(check_options(shakes_of(501.0)), Catch::Contains("expected 0 to 500"));
}
