#include "data/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "data/detail/ssim.h"
#include "kernels/check.h"

namespace dg {
namespace {

// Windows of 11x11 inside the image.
SsimWindow gauss2d_valid(const char* name) { return {.name = name, .taps = gaussian_taps(5, 1.5)}; }

double mean_ssim(const FloatImage& a, const FloatImage& b, const SsimWindow& window) {
  const std::vector<SsimMeans> means = ssim_means(a, b, window);
  double sum = 0.0;
  for (const SsimMeans& mean : means) sum += mean.ssim;
  return sum / static_cast<double>(means.size());
}

// ITU-R BT.601, the luma of studio range: 16..235 for values of 0..1. Grey counts as three equal channels.
double studio_luma(const float* pixel, int channels) {
  const auto value = [&](int c) { return static_cast<double>(pixel[channels == 1 ? 0 : c]); };
  return 16.0 + 65.481 * value(0) + 128.553 * value(1) + 24.966 * value(2);
}

// The same as a picture of range 0..1: SSIM with L = 1 is then that of the luma with L = 255.
FloatImage luma_image(const FloatImage& image) {
  FloatImage luma(image.width, image.height, 1);
  for (std::size_t i = 0; i < luma.pixels.size(); ++i) {
    const float* pixel = &image.pixels[i * static_cast<std::size_t>(image.channels)];
    luma.pixels[i] = static_cast<float>(studio_luma(pixel, image.channels) / 255.0);
  }
  return luma;
}

// 10 log10(peak^2 / MSE)
double psnr_of(const char* name, double sum_of_squares, std::int64_t count, double peak) {
  check_metric_finite(name, sum_of_squares);
  if (sum_of_squares == 0.0) return std::numeric_limits<double>::infinity();
  return 10.0 * std::log10(peak * peak * static_cast<double>(count) / sum_of_squares);
}

// Means of 2x2 pixels. An odd last row or column counts twice, as it does with mirrored borders.
FloatImage halved(const FloatImage& image) {
  FloatImage half((image.width + 1) / 2, (image.height + 1) / 2, image.channels);
  for (std::int64_t y = 0; y < half.height; ++y) {
    const std::int64_t below = std::min(2 * y + 1, image.height - 1);
    for (std::int64_t x = 0; x < half.width; ++x) {
      const std::int64_t right = std::min(2 * x + 1, image.width - 1);
      for (int c = 0; c < image.channels; ++c) {
        half.at(y, x, c) = 0.25F * (image.at(2 * y, 2 * x, c) + image.at(2 * y, right, c) +
                                    image.at(below, 2 * x, c) + image.at(below, right, c));
      }
    }
  }
  return half;
}

constexpr std::array<double, 5> kMsSsimWeights = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
constexpr std::int64_t kMsSsimMinimum = 11 << 4;  // the window still fits after four halvings

struct MetricEntry {
  std::string_view name;
  double (*function)(const FloatImage&, const FloatImage&);
  std::int64_t minimum_side;
};
constexpr std::array<MetricEntry, 7> kMetrics = {{{"psnr:rgb", psnr, 1},
                                                  {"psnr:y", psnr_y, 1},
                                                  {"ssim:gauss2d-valid", ssim_gauss2d_valid, 11},
                                                  {"ssim:gauss2d-valid-y", ssim_gauss2d_valid_y, 11},
                                                  {"ssim:matlab3d", ssim_matlab3d, 1},
                                                  {"ssim:uniform7", ssim_uniform7, 7},
                                                  {"ms-ssim", ms_ssim, kMsSsimMinimum}}};

const MetricEntry& find_metric(std::string_view name) {
  const auto* found = std::find_if(kMetrics.begin(), kMetrics.end(),
                                   [&](const MetricEntry& entry) { return entry.name == name; });
  if (found != kMetrics.end()) return *found;
  std::string names;
  for (const std::string& known : metric_names()) names += (names.empty() ? "" : ", ") + known;
  fail("metric: got the name '", name, "', expected one of ", names);
}

}  // namespace

double psnr(const FloatImage& a, const FloatImage& b) {
  check_metric_pair("psnr:rgb", a, b);
  double sum = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    const double difference = static_cast<double>(a.pixels[i]) - static_cast<double>(b.pixels[i]);
    sum += difference * difference;
  }
  return psnr_of("psnr:rgb", sum, a.numel(), 1.0);
}

double psnr_y(const FloatImage& a, const FloatImage& b) {
  check_metric_pair("psnr:y", a, b);
  const auto channels = static_cast<std::size_t>(a.channels);
  double sum = 0.0;
  for (std::size_t i = 0; i < a.pixels.size(); i += channels) {
    const double difference = studio_luma(&a.pixels[i], a.channels) - studio_luma(&b.pixels[i], b.channels);
    sum += difference * difference;
  }
  return psnr_of("psnr:y", sum, a.width * a.height, 255.0);
}

double ssim_gauss2d_valid(const FloatImage& a, const FloatImage& b) {
  return mean_ssim(a, b, gauss2d_valid("ssim:gauss2d-valid"));
}

double ssim_gauss2d_valid_y(const FloatImage& a, const FloatImage& b) {
  check_metric_pair("ssim:gauss2d-valid-y", a, b);
  return mean_ssim(luma_image(a), luma_image(b), gauss2d_valid("ssim:gauss2d-valid-y"));
}

double ssim_matlab3d(const FloatImage& a, const FloatImage& b) {
  return mean_ssim(
      a, b,
      {.name = "ssim:matlab3d", .taps = gaussian_taps(5, 1.5), .replicate = true, .across_channels = true});
}

double ssim_uniform7(const FloatImage& a, const FloatImage& b) {
  return mean_ssim(
      a, b,
      {.name = "ssim:uniform7", .taps = std::vector<double>(7, 1.0 / 7.0), .covariance_scale = 49.0 / 48.0});
}

double ms_ssim(const FloatImage& a, const FloatImage& b) {
  check_metric_pair("ms-ssim", a, b);
  check(std::min(a.width, a.height) >= kMsSsimMinimum, "ms-ssim: got images of ", a.width, "x", a.height,
        ", expected at least ", kMsSsimMinimum, "x", kMsSsimMinimum, "; use an ssim of one scale");
  std::vector<double> products(static_cast<std::size_t>(a.channels), 1.0);
  FloatImage x = a;
  FloatImage y = b;
  for (std::size_t scale = 0; scale < kMsSsimWeights.size(); ++scale) {
    const bool last = scale + 1 == kMsSsimWeights.size();
    const std::vector<SsimMeans> means = ssim_means(x, y, gauss2d_valid("ms-ssim"));
    for (std::size_t c = 0; c < means.size(); ++c) {
      const double factor = last ? means[c].ssim : means[c].contrast_structure;
      products[c] *= std::pow(std::max(factor, 0.0), kMsSsimWeights[scale]);
    }
    if (last) break;
    x = halved(x);
    y = halved(y);
  }
  double sum = 0.0;
  for (const double product : products) sum += product;
  return sum / static_cast<double>(products.size());
}

double metric(std::string_view name, const FloatImage& a, const FloatImage& b) {
  return find_metric(name).function(a, b);
}

std::int64_t metric_minimum_side(std::string_view name) { return find_metric(name).minimum_side; }

std::vector<std::string> metric_names() {
  std::vector<std::string> names;
  names.reserve(kMetrics.size());
  for (const MetricEntry& entry : kMetrics) names.emplace_back(entry.name);
  return names;
}

FloatImage quantize8(const FloatImage& image) { return to_float(to_integer(image, 8)); }

FloatImage truncate8(const FloatImage& image) {
  FloatImage result = image;
  for (float& value : result.pixels) {
    check(std::isfinite(value), "truncate8: a value is ", value,
          ", expected finite numbers; look for the step that produced it");
    // 1e-3 of a level: multiples of 1/255 that float rounds downwards keep their level.
    value = std::floor(std::clamp(value, 0.0F, 1.0F) * 255.0F + 1e-3F) / 255.0F;
  }
  return result;
}

}  // namespace dg
