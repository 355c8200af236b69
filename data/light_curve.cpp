#include "data/light_curve.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "data/linear_light.h"
#include "kernels/check.h"

namespace dg {

LightCurve::LightCurve(double gamma) : gamma_(gamma) {
  check(gamma == 0.0 || (gamma >= 0.2 && gamma <= 5.0), "light curve: gamma is ", gamma,
        ", expected 0.2 to 5, or 0 for the sRGB curve");
}

std::vector<float> LightCurve::light_of_levels(int max_value) const {
  std::vector<float> light(static_cast<std::size_t>(max_value) + 1);
  for (std::size_t level = 0; level < light.size(); ++level) {
    const double value = static_cast<double>(level) / max_value;
    light[level] = gamma_ == 0.0 ? srgb_to_linear(static_cast<float>(value))
                                 : static_cast<float>(std::pow(value, gamma_));
  }
  return light;
}

void LightCurve::encode(float* values, std::int64_t n) const {
  for (std::int64_t i = 0; i < n; ++i) values[i] = std::max(values[i], 0.0F);
  if (gamma_ == 0.0) {
    linear_to_srgb(values, values, n);
  } else if (gamma_ != 1.0) {
    const auto power = static_cast<float>(1.0 / gamma_);
    for (std::int64_t i = 0; i < n; ++i) values[i] = std::pow(values[i], power);
  }
}

}  // namespace dg
