// What a restored picture gained, measured against the sharp one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/image.h"

namespace dg::apps {

struct Score {
  double psnr = 0.0;
  std::optional<double> ssim;  // none for pictures smaller than its window
};

struct Comparison {
  Score blurred;
  Score restored;
};

// psnr:rgb and ssim:gauss2d-valid.
Score score(const FloatImage& image, const FloatImage& sharp);

// "PSNR 24.05 -> 26.31 dB, SSIM 0.7710 -> 0.8330"
std::string text_of(const Comparison& scores);

// The mean of the pictures' values; SSIM over those that have one.
Comparison mean_of(const std::vector<Comparison>& all);

}  // namespace dg::apps
