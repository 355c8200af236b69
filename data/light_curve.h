// How stored values stand for light: the exact sRGB curve, or a plain power as data sets of averaged video
// use it.
#pragma once

#include <cstdint>
#include <vector>

namespace dg {

class LightCurve {
 public:
  // The sRGB curve of data/linear_light.h.
  LightCurve() = default;

  // light = value^gamma: 2.2 as GoPro's blur_gamma, 1 takes stored values for light. 0 is the sRGB curve.
  // Throws Error unless gamma is 0 or in 0.2..5.
  explicit LightCurve(double gamma);

  double gamma() const { return gamma_; }

  // The light of each stored level 0..max_value (255 or 65535).
  std::vector<float> light_of_levels(int max_value) const;

  // n amounts of light, in place, to stored values in 0..1. Light below 0 counts as 0; above 1 the curve goes
  // on.
  void encode(float* values, std::int64_t n) const;

 private:
  double gamma_ = 0.0;
};

}  // namespace dg
