// The normalisation as it is defined: mean and variance in two passes, then every element.
#include <cmath>

#include "kernels/cpu/reference.h"

namespace dg::cpu {

void norm_reference(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
                    Array variance, double eps, const NormShape& s, const Epilogue& epilogue) {
  check(epilogue.activation != Activation::tanh, "norm: expected no activation or leaky_relu, got tanh");
  const double slope = epilogue.activation == Activation::leaky_relu ? epilogue.slope : 1.0;
  dispatch_float(x.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const auto wide = [](T v) { return static_cast<double>(static_cast<C>(v)); };
    for (std::int64_t g = 0; g < s.groups; ++g) {
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const auto at = [&](std::int64_t i) { return (g * s.pixels + i) * s.channels + c; };
        double average = 0.0;
        for (std::int64_t i = 0; i < s.pixels; ++i) average += wide(x.as<T>()[at(i)]);
        average /= static_cast<double>(s.pixels);
        double total = 0.0;
        for (std::int64_t i = 0; i < s.pixels; ++i) {
          const double d = wide(x.as<T>()[at(i)]) - average;
          total += d * d;
        }
        total /= static_cast<double>(s.pixels);
        const double r = 1.0 / std::sqrt(total + eps);
        mean.as<C>()[g * s.channels + c] = static_cast<C>(average);
        variance.as<C>()[g * s.channels + c] = static_cast<C>(total);
        const double scale = gamma ? static_cast<double>(gamma.as<C>()[c]) : 1.0;
        const double shift = beta ? static_cast<double>(beta.as<C>()[c]) : 0.0;
        for (std::int64_t i = 0; i < s.pixels; ++i) {
          const double v = (wide(x.as<T>()[at(i)]) - average) * r * scale + shift;
          const double add = residual ? wide(residual.as<T>()[at(i)]) : 0.0;
          y.as<T>()[at(i)] = T(static_cast<C>((v < 0.0 ? slope * v : v) + add));
        }
      }
    }
  });
}

}  // namespace dg::cpu
