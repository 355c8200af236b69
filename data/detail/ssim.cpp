// SSIM of a window with means mx, my, variances vx, vy and covariance vxy (C1 = 0.01^2, C2 = 0.03^2):
//   (2 mx my + C1)(2 vxy + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2)).
// All windows here are separable, so the five moments x, y, xx, yy, xy of a row of windows are filtered over
// rows, then (matlab3d) over channels, then over columns; only one row of moments is in memory at a time.
#include "data/detail/ssim.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "kernels/check.h"

namespace dg {
namespace {

enum Moment { kX, kY, kXX, kYY, kXY, kMoments };
using MomentRows = std::array<std::vector<double>, kMoments>;

// Filters over rows: window row `y`. With replicated borders each moment row has
// `margin` free pixels at both ends.
void moments_over_rows(const FloatImage& a, const FloatImage& b, const std::vector<double>& taps,
                       std::int64_t y, std::int64_t margin, MomentRows& out) {
  const auto row = static_cast<std::size_t>(a.width * a.channels);
  const auto start = static_cast<std::size_t>(margin * a.channels);
  for (auto& moment : out) std::fill(moment.begin(), moment.end(), 0.0);
  for (std::size_t k = 0; k < taps.size(); ++k) {
    const std::int64_t source =
        std::clamp<std::int64_t>(y + static_cast<std::int64_t>(k) - margin, 0, a.height - 1);
    const float* pa = &a.pixels[static_cast<std::size_t>(source) * row];
    const float* pb = &b.pixels[static_cast<std::size_t>(source) * row];
    for (std::size_t i = 0; i < row; ++i) {
      const auto va = static_cast<double>(pa[i]);
      const auto vb = static_cast<double>(pb[i]);
      out[kX][start + i] += taps[k] * va;
      out[kY][start + i] += taps[k] * vb;
      out[kXX][start + i] += taps[k] * va * va;
      out[kYY][start + i] += taps[k] * vb * vb;
      out[kXY][start + i] += taps[k] * va * vb;
    }
  }
}

// In place, over the channels of each pixel, with replicated borders: every channel is a mixture of all.
void filter_over_channels(const std::vector<double>& taps, std::size_t channels, std::vector<double>& row) {
  const auto radius = static_cast<std::int64_t>(taps.size() / 2);
  std::vector<double> mixture(channels * channels, 0.0);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t k = 0; k < taps.size(); ++k) {
      const std::int64_t source = std::clamp<std::int64_t>(static_cast<std::int64_t>(c + k) - radius, 0,
                                                           static_cast<std::int64_t>(channels) - 1);
      mixture[c * channels + static_cast<std::size_t>(source)] += taps[k];
    }
  }
  std::vector<double> pixel(channels);
  for (std::size_t at = 0; at < row.size(); at += channels) {
    std::copy_n(&row[at], channels, pixel.begin());
    for (std::size_t c = 0; c < channels; ++c) {
      row[at + c] = 0.0;
      for (std::size_t s = 0; s < channels; ++s) row[at + c] += mixture[c * channels + s] * pixel[s];
    }
  }
}

void replicate_ends(std::size_t margin_values, std::size_t channels, std::vector<double>& row) {
  const std::size_t last = row.size() - margin_values - channels;
  for (std::size_t i = 0; i < margin_values; ++i) {
    row[i] = row[margin_values + i % channels];
    row[last + channels + i] = row[last + i % channels];
  }
}

void filter_over_columns(const std::vector<double>& taps, std::size_t channels, const std::vector<double>& in,
                         std::vector<double>& out) {
  std::fill(out.begin(), out.end(), 0.0);
  for (std::size_t k = 0; k < taps.size(); ++k) {
    const double* source = &in[k * channels];
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += taps[k] * source[i];
  }
}

void add_row_of_ssim(const MomentRows& m, double covariance_scale, std::vector<SsimMeans>& sums) {
  constexpr double c1 = 0.01 * 0.01;
  constexpr double c2 = 0.03 * 0.03;
  const std::size_t channels = sums.size();
  for (std::size_t i = 0; i < m[kX].size(); ++i) {
    const double mx = m[kX][i];
    const double my = m[kY][i];
    const double vx = covariance_scale * (m[kXX][i] - mx * mx);
    const double vy = covariance_scale * (m[kYY][i] - my * my);
    const double vxy = covariance_scale * (m[kXY][i] - mx * my);
    const double contrast_structure = (2.0 * vxy + c2) / (vx + vy + c2);
    SsimMeans& sum = sums[i % channels];
    sum.ssim += (2.0 * mx * my + c1) / (mx * mx + my * my + c1) * contrast_structure;
    sum.contrast_structure += contrast_structure;
  }
}

}  // namespace

std::vector<double> gaussian_taps(int radius, double sigma) {
  std::vector<double> taps;
  double sum = 0.0;
  for (int i = -radius; i <= radius; ++i) {
    taps.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += taps.back();
  }
  for (double& tap : taps) tap /= sum;
  return taps;
}

void check_metric_pair(const char* name, const FloatImage& a, const FloatImage& b) {
  check(a.width == b.width && a.height == b.height && a.channels == b.channels, name, ": got images of ",
        a.width, "x", a.height, " with ", a.channels, " channels and ", b.width, "x", b.height, " with ",
        b.channels, ", expected equal sizes; crop or convert one of them");
  check(a.channels == 1 || a.channels == 3, name, ": got ", a.channels,
        " channels, expected 1 or 3; drop alpha with to_rgb");
  check(a.width > 0 && a.height > 0 && static_cast<std::int64_t>(a.pixels.size()) == a.numel() &&
            b.pixels.size() == a.pixels.size(),
        name, ": got an image without pixels or with missing values; fill it first");
}

void check_metric_finite(const char* name, double sum) {
  check(std::isfinite(sum), name,
        ": an image holds values that are not finite; look for the step that produced them");
}

std::vector<SsimMeans> ssim_means(const FloatImage& a, const FloatImage& b, const SsimWindow& window) {
  check_metric_pair(window.name, a, b);
  const auto size = static_cast<std::int64_t>(window.taps.size());
  check(window.replicate || (a.width >= size && a.height >= size), window.name, ": got images of ", a.width,
        "x", a.height, ", expected at least ", size, "x", size,
        "; use ssim:matlab3d or psnr:rgb for small images");
  const std::int64_t margin = window.replicate ? size / 2 : 0;
  const std::int64_t out_width = a.width + 2 * margin - size + 1;
  const std::int64_t out_height = a.height + 2 * margin - size + 1;
  const auto channels = static_cast<std::size_t>(a.channels);

  MomentRows filtered;
  MomentRows windows;
  for (auto& row : filtered) row.resize(static_cast<std::size_t>(a.width + 2 * margin) * channels);
  for (auto& row : windows) row.resize(static_cast<std::size_t>(out_width) * channels);
  std::vector<SsimMeans> means(channels);
  for (std::int64_t y = 0; y < out_height; ++y) {
    moments_over_rows(a, b, window.taps, y, margin, filtered);
    for (std::size_t m = 0; m < kMoments; ++m) {
      if (window.across_channels) filter_over_channels(window.taps, channels, filtered[m]);
      replicate_ends(static_cast<std::size_t>(margin) * channels, channels, filtered[m]);
      filter_over_columns(window.taps, channels, filtered[m], windows[m]);
    }
    add_row_of_ssim(windows, window.covariance_scale, means);
  }
  for (SsimMeans& mean : means) {
    check_metric_finite(window.name, mean.ssim);
    mean.ssim /= static_cast<double>(out_width * out_height);
    mean.contrast_structure /= static_cast<double>(out_width * out_height);
  }
  return means;
}

}  // namespace dg
