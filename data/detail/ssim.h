// The structural similarity index over one kind of window: what the variants of data/metrics.h are made of.
#pragma once

#include <vector>

#include "data/image.h"

namespace dg {

struct SsimWindow {
  const char* name;               // of the variant, for errors
  std::vector<double> taps;       // along rows and columns; odd count, sum 1
  bool replicate = false;         // borders repeat outwards; otherwise only windows inside the image count
  bool across_channels = false;   // the same taps along the channels, borders replicated
  double covariance_scale = 1.0;  // n / (n - 1) for the sample covariance
};

// 2 radius + 1 samples of a Gaussian, sum 1.
std::vector<double> gaussian_taps(int radius, double sigma);

// Means over all windows of one channel.
struct SsimMeans {
  double ssim = 0.0;
  double contrast_structure = 0.0;  // its factor without the means: (2 vxy + C2) / (vx + vy + C2)
};

// One per channel. Throws Error for a pair that cannot be compared, and for images smaller than the window unless
// borders are replicated.
std::vector<SsimMeans> ssim_means(const FloatImage& a, const FloatImage& b, const SsimWindow& window);

// Throws Error unless both images have equal sizes, 1 or 3 channels, and pixels.
void check_metric_pair(const char* name, const FloatImage& a, const FloatImage& b);
// Throws Error unless the sum over the images' values is finite.
void check_metric_finite(const char* name, double sum);

}  // namespace dg
