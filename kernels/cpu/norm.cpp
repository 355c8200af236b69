// Statistics and normalisation per group and channel over x (groups, pixels, channels), with an activation and a residual
// in the same pass. Per block of pixels that
// fits the first-level cache: mean and squared deviations in two passes; blocks are joined in order by
//   m2 = m2_a + m2_b + delta^2 * n_a * n_b / n,  mean = mean_a + delta * n_b / n
// (Chan, Golub, LeVeque 1979), so x is read from memory once for its statistics. Bytes: three tensors for norm (two
// reads, one write), five for norm_grad. The plain two-pass loops below specify the result.
#include <cmath>
#include <vector>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/parallel.h"

namespace dg::cpu {
namespace {

// Pixels per block: depends on the shape alone, so sums do not depend on the number of threads.
std::int64_t block_pixels(std::int64_t channels) { return std::max<std::int64_t>(8, 4096 / channels); }

struct Blocks {
  std::int64_t pixels = 0;  // of a full block
  std::int64_t count = 0;   // per group
  explicit Blocks(const NormShape& s)
      : pixels(block_pixels(s.channels)), count((s.pixels + pixels - 1) / pixels) {}
  std::int64_t size(std::int64_t block, const NormShape& s) const {
    return std::min(pixels, s.pixels - block * pixels);
  }
};

std::int64_t elements(const NormShape& s) { return s.groups * s.pixels * s.channels; }

// mean and sum of squared deviations of one block, per channel.
template <typename T>
void block_statistics(const T* x, std::int64_t pixels, std::int64_t channels, Compute<T>* mean,
                      Compute<T>* m2) {
  using C = Compute<T>;
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

template <typename T>
void statistics(Machine& m, const T* x, Compute<T>* mean, Compute<T>* variance, const NormShape& s) {
  using C = Compute<T>;
  const Blocks blocks(s);
  const auto partial = m.workspace.borrow<C>(s.groups * blocks.count * 2 * s.channels);
  parallel_for(m.threads, s.groups * blocks.count, elements(s), [&](std::int64_t task) {
    const std::int64_t block = task % blocks.count;
    const std::int64_t first = task / blocks.count * s.pixels + block * blocks.pixels;
    C* out = partial.data() + task * 2 * s.channels;
    block_statistics(x + first * s.channels, blocks.size(block, s), s.channels, out, out + s.channels);
  });
  for (std::int64_t i = 0; i < s.groups * s.channels; ++i) {
    const C* first = partial.data() + i / s.channels * blocks.count * 2 * s.channels + i % s.channels;
    double n = 0.0;
    double average = 0.0;
    double m2 = 0.0;
    for (std::int64_t block = 0; block < blocks.count; ++block) {
      const auto n_b = static_cast<double>(blocks.size(block, s));
      const double delta = static_cast<double>(first[block * 2 * s.channels]) - average;
      m2 += static_cast<double>(first[(block * 2 + 1) * s.channels]) + delta * delta * n * n_b / (n + n_b);
      n += n_b;
      average += delta * n_b / n;
    }
    mean[i] = static_cast<C>(average);
    variance[i] = static_cast<C>(m2 / n);
  }
}

// From here on C is float or double: what statistics and parameters are stored in.
template <typename C>
C rstd_of(C variance, double eps) {
  return C(1) / std::sqrt(variance + static_cast<C>(eps));
}

template <typename C>
C gamma_at(const C* gamma, std::int64_t c) {
  return gamma == nullptr ? C(1) : gamma[c];
}

template <typename C>
C beta_at(const C* beta, std::int64_t c) {
  return beta == nullptr ? C(0) : beta[c];
}

// What leaky_relu multiplies negative values by; 1 where there is no activation.
double negative_slope(const Epilogue& epilogue) {
  check(epilogue.activation != Activation::tanh, "norm: expected no activation or leaky_relu, got tanh");
  return epilogue.activation == Activation::leaky_relu ? epilogue.slope : 1.0;
}

// y = leaky(x * scale + shift) + residual per channel, with scale = rstd * gamma and shift = beta - mean * scale.
template <typename T, typename C = Compute<T>>
void norm_typed(Machine& m, const T* x, const C* gamma, const C* beta, const T* residual, T* y, C* mean,
                C* variance, double eps, const NormShape& s, const Epilogue& epilogue) {
  const C slope = static_cast<C>(negative_slope(epilogue));
  statistics(m, x, mean, variance, s);
  const Blocks blocks(s);
  parallel_for(m.threads, s.groups * blocks.count, elements(s), [&](std::int64_t task) {
    const std::int64_t group = task / blocks.count;
    const std::int64_t block = task % blocks.count;
    std::vector<C> scale(static_cast<std::size_t>(s.channels));
    std::vector<C> shift(scale.size());
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const auto i = static_cast<std::size_t>(c);
      scale[i] = rstd_of(variance[group * s.channels + c], eps) * gamma_at(gamma, c);
      shift[i] = beta_at(beta, c) - mean[group * s.channels + c] * scale[i];
    }
    const std::int64_t first = (group * s.pixels + block * blocks.pixels) * s.channels;
    for (std::int64_t i = 0; i < blocks.size(block, s); ++i) {
      const T* in = x + first + i * s.channels;
      T* out = y + first + i * s.channels;
      const auto normalised = [&](std::int64_t c) {
        const C v =
            static_cast<C>(in[c]) * scale[static_cast<std::size_t>(c)] + shift[static_cast<std::size_t>(c)];
        return v < C(0) ? slope * v : v;
      };
      if (residual == nullptr) {
        for (std::int64_t c = 0; c < s.channels; ++c) out[c] = T(normalised(c));
      } else {
        const T* add = residual + first + i * s.channels;
        for (std::int64_t c = 0; c < s.channels; ++c) out[c] = T(normalised(c) + static_cast<C>(add[c]));
      }
    }
  });
}

// kActive: whether there was an activation, whose sign is recomputed from x as the forward pass computed it.
template <bool kActive, typename T, typename C = Compute<T>>
void norm_grad_typed(Machine& m, const T* dy, const T* x, const C* mean, const C* variance, const C* gamma,
                     const C* beta, T* dx, C* dgamma, C* dbeta, double eps, const NormShape& s,
                     double negative) {
  const C slope = static_cast<C>(negative);
  const Blocks blocks(s);
  const auto pre_activation = [&](std::int64_t group, C* scale, C* shift) {
    for (std::int64_t c = 0; kActive && c < s.channels; ++c) {
      scale[c] = rstd_of(variance[group * s.channels + c], eps) * gamma_at(gamma, c);
      shift[c] = beta_at(beta, c) - mean[group * s.channels + c] * scale[c];
    }
  };
  const auto active = [slope](C g, C v, C scale, C shift) {
    return v * scale + shift > C(0) ? g : slope * g;
  };
  const auto partial = m.workspace.borrow<C>(s.groups * blocks.count * 2 * s.channels);

  // Sums of dy and of dy * h per block.
  parallel_for(m.threads, s.groups * blocks.count, elements(s), [&](std::int64_t task) {
    const std::int64_t group = task / blocks.count;
    const std::int64_t block = task % blocks.count;
    const std::int64_t first = (group * s.pixels + block * blocks.pixels) * s.channels;
    const C* mu = mean + group * s.channels;
    const C* var = variance + group * s.channels;
    C* sum_dy = partial.data() + task * 2 * s.channels;
    C* sum_dyh = sum_dy + s.channels;
    std::fill(sum_dy, sum_dy + 2 * s.channels, C(0));
    std::vector<C> affine(static_cast<std::size_t>(2 * s.channels));
    const C* scale = affine.data();
    const C* shift = affine.data() + s.channels;
    pre_activation(group, affine.data(), affine.data() + s.channels);
    for (std::int64_t i = 0; i < blocks.size(block, s); ++i) {
      const T* dy_row = dy + first + i * s.channels;
      const T* x_row = x + first + i * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const C v = static_cast<C>(x_row[c]);
        C g = static_cast<C>(dy_row[c]);
        if constexpr (kActive) g = active(g, v, scale[c], shift[c]);
        sum_dy[c] += g;
        sum_dyh[c] += g * (v - mu[c]);
      }
    }
    for (std::int64_t c = 0; c < s.channels; ++c) sum_dyh[c] *= rstd_of(var[c], eps);
  });

  // Joined in order.
  for (std::int64_t i = 0; i < s.groups * s.channels; ++i) {
    const C* first = partial.data() + i / s.channels * blocks.count * 2 * s.channels + i % s.channels;
    double total_dy = 0.0;
    double total_dyh = 0.0;
    for (std::int64_t block = 0; block < blocks.count; ++block) {
      total_dy += static_cast<double>(first[block * 2 * s.channels]);
      total_dyh += static_cast<double>(first[(block * 2 + 1) * s.channels]);
    }
    dbeta[i] = static_cast<C>(total_dy);
    dgamma[i] = static_cast<C>(total_dyh);
  }

  // dx = a * g + b * x + d, with the three factors per channel.
  parallel_for(m.threads, s.groups * blocks.count, elements(s), [&](std::int64_t task) {
    const std::int64_t group = task / blocks.count;
    const std::int64_t block = task % blocks.count;
    const std::int64_t first = (group * s.pixels + block * blocks.pixels) * s.channels;
    std::vector<C> factors(static_cast<std::size_t>(5 * s.channels));
    C* a = factors.data();
    C* b = a + s.channels;
    C* d = b + s.channels;
    C* scale = d + s.channels;
    C* shift = scale + s.channels;
    pre_activation(group, scale, shift);
    for (std::int64_t c = 0; c < s.channels; ++c) {
      const std::int64_t i = group * s.channels + c;
      const C r = rstd_of(variance[i], eps);
      const C n = static_cast<C>(s.pixels);
      a[c] = gamma_at(gamma, c) * r;
      b[c] = -a[c] * r * dgamma[i] / n;
      d[c] = -a[c] * dbeta[i] / n - b[c] * mean[i];
    }
    for (std::int64_t i = 0; i < blocks.size(block, s); ++i) {
      const std::int64_t offset = first + i * s.channels;
      for (std::int64_t c = 0; c < s.channels; ++c) {
        const C v = static_cast<C>(x[offset + c]);
        C g = static_cast<C>(dy[offset + c]);
        if constexpr (kActive) g = active(g, v, scale[c], shift[c]);
        dx[offset + c] = T(a[c] * g + b[c] * v + d[c]);
      }
    }
  });
}

template <typename T>
const T* optional(ConstArray array) {
  return array ? array.as<T>() : nullptr;
}

}  // namespace

void norm(Machine& m, ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y,
          Array mean, Array variance, double eps, const NormShape& shape, const Epilogue& epilogue) {
  dispatch_float(x.dtype, [&]<typename T>() {
    using C = Compute<T>;
    norm_typed<T>(m, x.as<T>(), optional<C>(gamma), optional<C>(beta), optional<T>(residual), y.as<T>(),
                  mean.as<C>(), variance.as<C>(), eps, shape, epilogue);
  });
}

void norm_reference(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
                    Array variance, double eps, const NormShape& s, const Epilogue& epilogue) {
  const double slope = negative_slope(epilogue);
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

void norm_grad(Machine& m, ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance,
               ConstArray gamma, ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps,
               const NormShape& shape, const Epilogue& epilogue) {
  const double slope = negative_slope(epilogue);
  dispatch_float(x.dtype, [&]<typename T>() {
    const auto run = [&](auto active) {
      using C = Compute<T>;
      norm_grad_typed<decltype(active)::value, T>(m, dy.as<T>(), x.as<T>(), mean.as<C>(), variance.as<C>(),
                                                  optional<C>(gamma), optional<C>(beta), dx.as<T>(),
                                                  dgamma.as<C>(), dbeta.as<C>(), eps, shape, slope);
    };
    epilogue.activation == Activation::none ? run(std::false_type{}) : run(std::true_type{});
  });
}

}  // namespace dg::cpu
