// Mean and squared deviations from it, of parts of an image that are joined in order by
//   m2 = m2_a + m2_b + delta^2 * n_a * n_b / n,  mean = mean_a + delta * n_b / n
// (Chan, Golub, LeVeque 1979). No square of a large mean is ever subtracted.
#pragma once

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

// mean and sum of squared deviations of one block, per channel.
template <typename T, typename C>
void block_statistics(const T* __restrict x, std::int64_t pixels, std::int64_t channels, C* __restrict mean,
                      C* __restrict m2) {
  std::fill(mean, mean + channels, C(0));
  std::fill(m2, m2 + channels, C(0));
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) mean[c] += static_cast<C>(x[i * channels + c]);
  }
  for (std::int64_t c = 0; c < channels; ++c) mean[c] /= static_cast<C>(pixels);
  for (std::int64_t i = 0; i < pixels; ++i) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const C d = static_cast<C>(x[i * channels + c]) - mean[c];
      m2[c] += d * d;
    }
  }
}

// Parts of an image's statistics: (groups, parts, 2, channels), first the means, then the squared deviations.
struct MomentParts {
  std::int64_t groups, parts, channels;
  std::int64_t numel() const { return groups * parts * 2 * channels; }
  std::int64_t offset(std::int64_t group, std::int64_t part) const {
    return (group * parts + part) * 2 * channels;
  }
};

// pixels(part) -> how many each part has. mean and variance (groups, channels), the variance biased.
template <typename C, typename Pixels>
void join_moments(Machine& m, const C* partial, const MomentParts& s, const Pixels& pixels, C* mean,
                  C* variance) {
  parallel_for(m.threads, s.groups * s.channels, s.numel(), [&](std::int64_t i) {
    double n = 0.0;
    double average = 0.0;
    double m2 = 0.0;
    for (std::int64_t part = 0; part < s.parts; ++part) {
      const C* const moments = partial + s.offset(i / s.channels, part) + i % s.channels;
      const auto n_b = static_cast<double>(pixels(part));
      const double delta = static_cast<double>(moments[0]) - average;
      m2 += static_cast<double>(moments[s.channels]) + delta * delta * n * n_b / (n + n_b);
      n += n_b;
      average += delta * n_b / n;
    }
    mean[i] = static_cast<C>(average);
    variance[i] = static_cast<C>(m2 / n);
  });
}

}  // namespace dg::cpu::DG_CPU_ISA
