#include "apps/deblur_scores.h"

#include <algorithm>
#include <fmt/core.h>

#include "data/metrics.h"

namespace dg::apps {

Score score(const FloatImage& image, const FloatImage& sharp) {
  constexpr std::int64_t kWindow = 11;
  Score result{.psnr = psnr(image, sharp), .ssim = std::nullopt};
  if (std::min(image.width, image.height) >= kWindow) result.ssim = ssim_gauss2d_valid(image, sharp);
  return result;
}

std::string text_of(const Comparison& scores) {
  std::string text = fmt::format("PSNR {:.2f} -> {:.2f} dB", scores.blurred.psnr, scores.restored.psnr);
  if (scores.blurred.ssim && scores.restored.ssim) {
    text += fmt::format(", SSIM {:.4f} -> {:.4f}", *scores.blurred.ssim, *scores.restored.ssim);
  }
  return text;
}

Comparison mean_of(const std::vector<Comparison>& all) {
  const auto mean = [&](Score Comparison::*side) {
    Score sum;
    double ssim = 0.0;
    double count = 0.0;
    for (const Comparison& one : all) {
      sum.psnr += (one.*side).psnr / static_cast<double>(all.size());
      if (!(one.*side).ssim) continue;
      ssim += *(one.*side).ssim;
      count += 1.0;
    }
    if (count > 0.0) sum.ssim = ssim / count;
    return sum;
  };
  return {mean(&Comparison::blurred), mean(&Comparison::restored)};
}

}  // namespace dg::apps
