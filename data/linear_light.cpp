// to linear: c / 12.92 for c <= 0.04045, else ((c + 0.055) / 1.055)^2.4;  inverse split at 0.0031308.
#include "data/linear_light.h"

#include <array>
#include <cmath>
#include <cstddef>

namespace dg {
namespace {

// 8192 cells: linear interpolation errs by h^2/8 * max|f''|, which is 5e-6 for
// the steep start of the inverse.
constexpr int kCells = 8192;

struct CurveTable {
  std::array<float, kCells + 2> value;  // one spare entry, so that an input of exactly 1 interpolates too

  explicit CurveTable(float (*curve)(float)) : value{} {
    for (int i = 0; i <= kCells + 1; ++i) {
      value[static_cast<std::size_t>(i)] = curve(static_cast<float>(i) / static_cast<float>(kCells));
    }
  }

  float operator()(float x) const {
    const float position = x * static_cast<float>(kCells);
    const int cell = static_cast<int>(position);
    const float fraction = position - static_cast<float>(cell);
    const float left = value[static_cast<std::size_t>(cell)];
    return left + fraction * (value[static_cast<std::size_t>(cell) + 1] - left);
  }
};

void map_values(const CurveTable& table, float (*exact)(float), const float* in, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float x = in[i];
    out[i] = (x >= 0.0F && x <= 1.0F) ? table(x) : exact(x);
  }
}

}  // namespace

float srgb_to_linear(float encoded) {
  const float c = std::fabs(encoded);
  const float linear = c <= 0.04045F ? c / 12.92F : std::pow((c + 0.055F) / 1.055F, 2.4F);
  return std::copysign(linear, encoded);
}

float linear_to_srgb(float linear) {
  const float c = std::fabs(linear);
  const float encoded = c <= 0.0031308F ? c * 12.92F : 1.055F * std::pow(c, 1.0F / 2.4F) - 0.055F;
  return std::copysign(encoded, linear);
}

void srgb_to_linear(const float* in, float* out, std::int64_t n) {
  static const CurveTable table([](float x) { return srgb_to_linear(x); });  // constant once built
  map_values(
      table, [](float x) { return srgb_to_linear(x); }, in, out, n);
}

void linear_to_srgb(const float* in, float* out, std::int64_t n) {
  static const CurveTable table([](float x) { return linear_to_srgb(x); });  // constant once built
  map_values(
      table, [](float x) { return linear_to_srgb(x); }, in, out, n);
}

}  // namespace dg
