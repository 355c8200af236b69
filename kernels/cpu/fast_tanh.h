// tanh in float without branches, so that a loop over it fills vectors; the C library's takes 8 to 20 ns an element.
// Coefficients and ranges: S. Moshier, Cephes, single/tanhf.c and expf.c.
//   |x| < 0.625:  x + x^3 P(x^2)
//   otherwise:    sign(x) (1 - 2 / (exp(2 |x|) + 1)),  which is 1 in float from 9.02 on
//   exp(y) = 2^n exp(r), n = round(y / ln 2), r = y - n ln 2 in two parts,  exp(r) = 1 + r + r^2 Q(r)
// Error against float64: below 2 units in the last place (tests/kernels/backend_test.cpp).
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

// For 0 <= y <= 20.
inline float exp_bounded(float y) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves no room for a fraction
  const float n = (y * 1.44269504F + kRound) - kRound;
  const float r = (y - n * 0.693359375F) + n * 2.12194440e-4F;
  float q = 1.9875691500e-4F;
  q = q * r + 1.3981999507e-3F;
  q = q * r + 8.3334519073e-3F;
  q = q * r + 4.1665795894e-2F;
  q = q * r + 1.6666665459e-1F;
  q = q * r + 5.0000001201e-1F;
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
  return (q * r * r + r + 1.0F) * power;
}

inline float fast_tanh(float x) {
  const float magnitude = std::abs(x);
  const float bounded = magnitude < 9.1F ? magnitude : 9.1F;
  const float large = 1.0F - 2.0F / (exp_bounded(2.0F * bounded) + 1.0F);
  const float z = x * x;
  float p = -5.70498872745e-3F;
  p = p * z + 2.06390887954e-2F;
  p = p * z - 5.37397155531e-2F;
  p = p * z + 1.33314422036e-1F;
  p = p * z - 3.33332819422e-1F;
  const float small = p * z * x + x;
  const float result = std::copysign(magnitude < 0.625F ? small : large, x);
  return x == x ? result : x;  // NaN stays NaN
}
inline double fast_tanh(double x) { return std::tanh(x); }

}  // namespace dg::cpu::DG_CPU_ISA
