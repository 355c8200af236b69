// Metrics against scikit-image and scipy (goldens/make_metrics_goldens.py), and what they must refuse.
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
  double psnr, gauss2d_valid, matlab3d, uniform7;
};
#include "goldens/metrics_goldens.inc"

}  // namespace

TEST_CASE("metrics: all variants equal the independent libraries") {
  for (const MetricsGolden& golden : kMetricsGoldens) {
    CAPTURE(golden.width, golden.height, golden.channels);
    const FloatImage a = formula_picture(golden.width, golden.height, golden.channels, false);
    const FloatImage b = formula_picture(golden.width, golden.height, golden.channels, true);
    CHECK(metric("psnr:rgb", a, b) == Approx(golden.psnr).epsilon(0).margin(1e-6));
    CHECK(metric("ssim:matlab3d", a, b) == Approx(golden.matlab3d).epsilon(0).margin(1e-9));
    CHECK(metric("ssim:uniform7", a, b) == Approx(golden.uniform7).epsilon(0).margin(1e-9));
    if (golden.gauss2d_valid >= 0) {
      CHECK(metric("ssim:gauss2d-valid", a, b) == Approx(golden.gauss2d_valid).epsilon(0).margin(1e-9));
    } else {
      CHECK_THROWS_WITH(metric("ssim:gauss2d-valid", a, b), Catch::Contains("at least 11x11"));
    }
  }
}

TEST_CASE("metrics: PSNR of a constant difference by hand") {
  FloatImage a(3, 2, 3);
  FloatImage b(3, 2, 3);
  for (float& value : b.pixels) value = 0.125F;  // MSE 1/64
  CHECK(psnr(a, b) == Approx(10.0 * std::log10(64.0)).epsilon(1e-14));
}

TEST_CASE("metrics: equal images have infinite PSNR and SSIM 1, swapped images the same score") {
  const FloatImage a = formula_picture(15, 12, 3, false);
  const FloatImage b = formula_picture(15, 12, 3, true);
  CHECK(psnr(a, a) == std::numeric_limits<double>::infinity());
  for (const std::string& name : metric_names()) {
    CAPTURE(name);
    if (name.starts_with("ssim")) CHECK(metric(name, a, a) == Approx(1.0).epsilon(0).margin(1e-12));
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
  const FloatImage a = formula_picture(16, 12, 3, false);
  for (const std::string& name : metric_names()) {
    CAPTURE(name);
    CHECK_THROWS_WITH(metric(name, a, formula_picture(12, 16, 3, false)), Catch::Contains("16x12"));
    CHECK_THROWS_AS(metric(name, a, formula_picture(16, 12, 1, false)), Error);
    CHECK_THROWS_WITH(metric(name, FloatImage(16, 12, 4), FloatImage(16, 12, 4)), Catch::Contains("to_rgb"));
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
                    Catch::Contains("'ssim'") && Catch::Contains("ssim:gauss2d-valid, ssim:matlab3d"));
}

TEST_CASE("metrics: quantize8 gives multiples of 1/255 and leaves them alone") {
  FloatImage image(3, 1, 1);
  image.pixels = {-1.0F, 0.5F, 2.0F};
  const FloatImage once = quantize8(image);
  CHECK(once.pixels == std::vector<float>{0.0F, 128.0F / 255.0F, 1.0F});
  CHECK(quantize8(once).pixels == once.pixels);
}
