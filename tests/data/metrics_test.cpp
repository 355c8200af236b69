// Metrics against scikit-image, scipy and TensorFlow (goldens/make_*_goldens.py), and what they must refuse.
#include "data/metrics.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "kernels/check.h"
#include "tests/data/metrics_pictures.h"

using namespace dg;
using dg::test::formula_picture;

namespace {

struct MetricsGolden {
  std::int64_t width, height;
  int channels;
  double psnr, psnr_y, gauss2d_valid, gauss2d_valid_y, matlab3d, uniform7;
};
#include "goldens/metrics_goldens.inc"

struct MsSsimGolden {
  std::int64_t width, height;
  int channels;
  double value;
};
#include "goldens/ms_ssim_goldens.inc"

}  // namespace

TEST_CASE("metrics: all variants equal the independent libraries") {
  for (const MetricsGolden& golden : kMetricsGoldens) {
    CAPTURE(golden.width, golden.height, golden.channels);
    const FloatImage a = formula_picture(golden.width, golden.height, golden.channels, false);
    const FloatImage b = formula_picture(golden.width, golden.height, golden.channels, true);
    CHECK(metric("psnr:rgb", a, b) == Approx(golden.psnr).epsilon(0).margin(1e-6));
    CHECK(metric("psnr:y", a, b) == Approx(golden.psnr_y).epsilon(0).margin(1e-6));
    CHECK(metric("ssim:matlab3d", a, b) == Approx(golden.matlab3d).epsilon(0).margin(1e-9));
    CHECK(metric("ssim:uniform7", a, b) == Approx(golden.uniform7).epsilon(0).margin(1e-9));
    if (golden.gauss2d_valid >= 0) {
      CHECK(metric("ssim:gauss2d-valid", a, b) == Approx(golden.gauss2d_valid).epsilon(0).margin(1e-9));
      // The luma is stored as float.
      CHECK(metric("ssim:gauss2d-valid-y", a, b) == Approx(golden.gauss2d_valid_y).epsilon(0).margin(1e-7));
    } else {
      CHECK_THROWS_WITH(metric("ssim:gauss2d-valid", a, b), Catch::Contains("at least 11x11"));
    }
  }
}

TEST_CASE("metrics: MS-SSIM equals the published definition written out in numpy") {
  for (const MsSsimGolden& golden : kMsSsimGoldens) {
    CAPTURE(golden.width, golden.height, golden.channels);
    const FloatImage a = formula_picture(golden.width, golden.height, golden.channels, false);
    const FloatImage b = formula_picture(golden.width, golden.height, golden.channels, true);
    // The smaller scales are stored as float.
    CHECK(metric("ms-ssim", a, b) == Approx(golden.value).epsilon(0).margin(1e-7));
  }
}

TEST_CASE("metrics: MS-SSIM of a picture and its negative is 0, not a power of a negative number") {
  const FloatImage a = formula_picture(176, 176, 1, false);
  FloatImage negative = a;
  for (float& value : negative.pixels) value = 1.0F - value;
  CHECK(ms_ssim(a, negative) == 0.0);
}

TEST_CASE("metrics: the minimum side is the smallest that is measured") {
  for (const std::string& name : metric_names()) {
    CAPTURE(name);
    const std::int64_t side = metric_minimum_side(name);
    CHECK_NOTHROW(metric(name, formula_picture(side, side, 3, false), formula_picture(side, side, 3, true)));
    if (side > 1)
      CHECK_THROWS_AS(metric(name, FloatImage(side - 1, side, 3), FloatImage(side - 1, side, 3)), Error);
  }
  CHECK_THROWS_WITH(metric_minimum_side("psnr"), Catch::Contains("psnr:rgb, psnr:y"));
}

TEST_CASE("metrics: PSNR of the luma of grey pictures counts grey as three equal channels") {
  FloatImage grey(2, 1, 1);
  FloatImage other(2, 1, 1);
  other.pixels = {0.5F, 0.0F};
  CHECK(psnr_y(grey, other) == Approx(psnr_y(to_rgb(grey), to_rgb(other))).epsilon(1e-12));
  CHECK(psnr_y(grey, other) == Approx(20.0 * std::log10(255.0 / (219.0 * 0.5)) + 10.0 * std::log10(2.0)));
}

TEST_CASE("metrics: PSNR of a constant difference by hand") {
  FloatImage a(3, 2, 3);
  FloatImage b(3, 2, 3);
  for (float& value : b.pixels) value = 0.125F;  // MSE 1/64
  CHECK(psnr(a, b) == Approx(10.0 * std::log10(64.0)).epsilon(1e-14));
}

TEST_CASE("metrics: equal images have infinite PSNR and SSIM 1, swapped images the same score") {
  const FloatImage a = formula_picture(176, 177, 3, false);
  const FloatImage b = formula_picture(176, 177, 3, true);
  CHECK(psnr(a, a) == std::numeric_limits<double>::infinity());
  for (const std::string& name : metric_names()) {
    CAPTURE(name);
    if (!name.starts_with("psnr")) CHECK(metric(name, a, a) == Approx(1.0).epsilon(0).margin(1e-12));
    CHECK(metric(name, a, b) == Approx(metric(name, b, a)).epsilon(1e-12));
  }
}

TEST_CASE("metrics: the MATLAB variant of grey images is two-dimensional") {
  // With one channel all taps across channels see the same plane: pixels of 1x1 images give the formula
  // itself.
  FloatImage a(1, 1, 1);
  FloatImage b(1, 1, 1);
  a.pixels = {0.5F};
  b.pixels = {0.25F};
  CHECK(ssim_matlab3d(a, b) == Approx((2 * 0.125 + 1e-4) / (0.25 + 0.0625 + 1e-4)).epsilon(1e-12));
}

TEST_CASE("metrics: what cannot be compared is refused") {
  const FloatImage a = formula_picture(180, 178, 3, false);
  for (const std::string& name : metric_names()) {
    CAPTURE(name);
    CHECK_THROWS_WITH(metric(name, a, formula_picture(178, 180, 3, false)), Catch::Contains("180x178"));
    CHECK_THROWS_AS(metric(name, a, formula_picture(180, 178, 1, false)), Error);
    CHECK_THROWS_WITH(metric(name, FloatImage(180, 178, 4), FloatImage(180, 178, 4)),
                      Catch::Contains("to_rgb"));
    FloatImage broken = a;
    broken.at(6, 8, 1) = std::numeric_limits<float>::quiet_NaN();
    CHECK_THROWS_WITH(metric(name, a, broken), Catch::Contains("not finite"));
    CHECK_THROWS_AS(metric(name, FloatImage(), FloatImage()), Error);
  }
  CHECK_THROWS_WITH(ssim_uniform7(formula_picture(9, 6, 3, false), formula_picture(9, 6, 3, true)),
                    Catch::Contains("at least 7x7"));
}

TEST_CASE("metrics: an unknown name gets the list of the known ones") {
  CHECK_THROWS_WITH(metric("ssim", FloatImage(1, 1, 1), FloatImage(1, 1, 1)),
                    Catch::Contains("'ssim'") && Catch::Contains("ssim:gauss2d-valid, ssim:gauss2d-valid-y"));
}

TEST_CASE("metrics: quantize8 gives multiples of 1/255 and leaves them alone") {
  FloatImage image(3, 1, 1);
  image.pixels = {-1.0F, 0.5F, 2.0F};
  const FloatImage once = quantize8(image);
  CHECK(once.pixels == std::vector<float>{0.0F, 128.0F / 255.0F, 1.0F});
  CHECK(quantize8(once).pixels == once.pixels);
}

TEST_CASE("metrics: truncate8 cuts fractions off and leaves stored levels alone") {
  FloatImage image(3, 1, 1);
  image.pixels = {-1.0F, 128.9F / 255.0F, 2.0F};
  CHECK(truncate8(image).pixels == std::vector<float>{0.0F, 128.0F / 255.0F, 1.0F});
  FloatImage levels(256, 1, 1);
  for (int v = 0; v < 256; ++v) levels.at(0, v, 0) = static_cast<float>(v) / 255.0F;
  CHECK(truncate8(levels).pixels == levels.pixels);
  image.pixels[1] = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH(truncate8(image), Catch::Contains("finite"));
}
