// Statistics and normalisation per group and channel over x (groups, pixels, channels), with an activation and a residual
// in the same pass. Per block of pixels that fits the first-level cache: mean and squared deviations in two passes; the
// blocks are joined (moments.h), so x is read from memory once for its statistics. Bytes: three tensors for norm (two
// reads, one write), five for norm_grad. norm_reference.cpp specifies the result.
//
// The loops over pixels are functions of restricted pointers: what they read per channel must not seem to change with
// every value that they store, or they stay scalar.
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/moments.h"
#include "kernels/cpu/normalise.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// ---- statistics ----

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

// body(group, block, first element of x, pixels) for all blocks.
template <typename Body>
void for_each_block(Machine& m, const NormShape& s, const Body& body) {
  const Blocks blocks(s);
  parallel_for(m.threads, s.groups * blocks.count, s.groups * s.pixels * s.channels, [&](std::int64_t task) {
    const std::int64_t group = task / blocks.count;
    const std::int64_t block = task % blocks.count;
    body(group, block, (group * s.pixels + block * blocks.pixels) * s.channels, blocks.size(block, s));
  });
}

template <typename T, typename C>
void statistics(Machine& m, const T* x, C* mean, C* variance, const NormShape& s) {
  const Blocks blocks(s);
  const MomentParts parts{s.groups, blocks.count, s.channels};
  const auto partial = m.workspace.borrow<C>(parts.numel());
  for_each_block(m, s, [&](std::int64_t group, std::int64_t block, std::int64_t first, std::int64_t pixels) {
    C* out = partial.data() + parts.offset(group, block);
    block_statistics(x + first, pixels, s.channels, out, out + s.channels);
  });
  join_moments(
      m, partial.data(), parts, [&](std::int64_t block) { return blocks.size(block, s); }, mean, variance);
}

// What leaky_relu multiplies negative values by; 1 where there is no activation.
double negative_slope(const Epilogue& epilogue) {
  check(epilogue.activation != Activation::tanh, "norm: expected no activation or leaky_relu, got tanh");
  return epilogue.activation == Activation::leaky_relu ? epilogue.slope : 1.0;
}

// From here on C is float or double: what statistics and parameters are stored in. The normalisation as x * scale +
// shift: scale = rstd * gamma, shift = beta - mean * scale, per group and channel.
template <typename C>
struct Affine {
  Affine(Machine& m, const C* mean, const C* variance, const C* gamma, const C* beta, double eps,
         const NormShape& s)
      : channels(s.channels),
        factors(m.workspace.borrow<C>(3 * s.groups * s.channels)),
        n(s.groups * s.channels) {
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t c = i % channels;
      const C r = C(1) / std::sqrt(variance[i] + static_cast<C>(eps));
      factors[i] = r;
      factors[n + i] = gamma == nullptr ? r : r * gamma[c];
      factors[2 * n + i] = (beta == nullptr ? C(0) : beta[c]) - mean[i] * factors[n + i];
    }
  }
  const C* rstd(std::int64_t group) const { return factors.data() + group * channels; }
  const C* scale(std::int64_t group) const { return factors.data() + n + group * channels; }
  const C* shift(std::int64_t group) const { return factors.data() + 2 * n + group * channels; }

  std::int64_t channels;
  Workspace::Borrowed<C> factors;
  std::int64_t n;
};

// ---- y = leaky(x * scale + shift) + residual ----

template <typename T, typename C = Compute<T>>
void norm_typed(Machine& m, const T* x, const C* gamma, const C* beta, const T* residual, T* y, C* mean,
                C* variance, double eps, const NormShape& s, const Epilogue& epilogue) {
  const C slope = static_cast<C>(negative_slope(epilogue));
  statistics(m, x, mean, variance, s);
  const Affine<C> affine(m, mean, variance, gamma, beta, eps, s);
  for_each_block(m, s, [&](std::int64_t group, std::int64_t, std::int64_t first, std::int64_t pixels) {
    normalise_block(x + first, affine.scale(group), affine.shift(group), slope,
                    residual == nullptr ? nullptr : residual + first, y + first, pixels, s.channels);
  });
}

// ---- the gradient ----

// g: dy, times the slope where x * scale + shift is not positive.
template <bool kActive, typename C>
C active_gradient(C dy, C x, C scale, C shift, C slope) {
  if constexpr (!kActive) return dy;
  return x * scale + shift > C(0) ? dy : slope * dy;
}

// Sums of g and of g * (x - mean) over one block.
template <bool kActive, typename T, typename C>
void sum_gradients(const T* __restrict dy, const T* __restrict x, const C* __restrict mean,
                   const C* __restrict scale, const C* __restrict shift, C slope, std::int64_t pixels,
                   std::int64_t channels, C* __restrict sum_g, C* __restrict sum_gx) {
  std::fill(sum_g, sum_g + channels, C(0));
  std::fill(sum_gx, sum_gx + channels, C(0));
  for (std::int64_t first = 0; first < pixels * channels; first += channels) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const C v = static_cast<C>(x[first + c]);
      const C g = active_gradient<kActive>(static_cast<C>(dy[first + c]), v, scale[c], shift[c], slope);
      sum_g[c] += g;
      sum_gx[c] += g * (v - mean[c]);
    }
  }
}

// dx = scale * g + b * x + d.
template <bool kActive, typename T, typename C>
void combine_gradients(const T* __restrict dy, const T* __restrict x, const C* __restrict scale,
                       const C* __restrict shift, C slope, const C* __restrict b, const C* __restrict d,
                       std::int64_t pixels, std::int64_t channels, T* __restrict dx) {
  for (std::int64_t first = 0; first < pixels * channels; first += channels) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const C v = static_cast<C>(x[first + c]);
      const C g = active_gradient<kActive>(static_cast<C>(dy[first + c]), v, scale[c], shift[c], slope);
      dx[first + c] = T(scale[c] * g + b[c] * v + d[c]);
    }
  }
}

// kActive: whether there was an activation, whose sign is recomputed from x as the forward pass computed it.
template <bool kActive, typename T, typename C = Compute<T>>
void norm_grad_typed(Machine& m, const T* dy, const T* x, const C* mean, const C* variance, const C* gamma,
                     const C* beta, T* dx, C* dgamma, C* dbeta, double eps, const NormShape& s,
                     double negative) {
  const C slope = static_cast<C>(negative);
  const Blocks blocks(s);
  const Affine<C> affine(m, mean, variance, gamma, beta, eps, s);
  const auto partial = m.workspace.borrow<C>(s.groups * blocks.count * 2 * s.channels);
  for_each_block(m, s, [&](std::int64_t group, std::int64_t block, std::int64_t first, std::int64_t pixels) {
    C* sums = partial.data() + (group * blocks.count + block) * 2 * s.channels;
    sum_gradients<kActive>(dy + first, x + first, mean + group * s.channels, affine.scale(group),
                           affine.shift(group), slope, pixels, s.channels, sums, sums + s.channels);
  });

  // Joined in order; then dx = scale * g + b * x + d, with b and d per channel.
  const std::int64_t channels = s.groups * s.channels;
  const auto factors = m.workspace.borrow<C>(2 * channels);
  C* const b = factors.data();
  C* const d = b + channels;
  parallel_for(m.threads, channels, channels * blocks.count, [&](std::int64_t i) {
    const std::int64_t group = i / s.channels;
    const std::int64_t c = i % s.channels;
    const C* first = partial.data() + group * blocks.count * 2 * s.channels + c;
    double total_g = 0.0;
    double total_gx = 0.0;
    for (std::int64_t block = 0; block < blocks.count; ++block) {
      total_g += static_cast<double>(first[block * 2 * s.channels]);
      total_gx += static_cast<double>(first[(block * 2 + 1) * s.channels]);
    }
    const C r = affine.rstd(group)[c];
    const C scale = affine.scale(group)[c];
    const C n = static_cast<C>(s.pixels);
    dbeta[i] = static_cast<C>(total_g);
    dgamma[i] = static_cast<C>(total_gx) * r;
    b[i] = -scale * r * dgamma[i] / n;
    d[i] = -scale * dbeta[i] / n - b[i] * mean[i];
  });
  for_each_block(m, s, [&](std::int64_t group, std::int64_t, std::int64_t first, std::int64_t pixels) {
    combine_gradients<kActive>(dy + first, x + first, affine.scale(group), affine.shift(group), slope,
                               b + group * s.channels, d + group * s.channels, pixels, s.channels,
                               dx + first);
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

void moments(Machine& m, const float* x, float* mean, float* variance, const NormShape& shape) {
  statistics(m, x, mean, variance, shape);
}

void scale_shift(Machine& m, const float* x, const float* scale, const float* shift, const float* residual,
                 float* y, const NormShape& s, const Epilogue& epilogue) {
  const auto slope = static_cast<float>(negative_slope(epilogue));
  for_each_block(m, s, [&](std::int64_t group, std::int64_t, std::int64_t first, std::int64_t pixels) {
    const std::int64_t channels = group * s.channels;
    normalise_block(x + first, scale + channels, shift + channels, slope,
                    residual == nullptr ? nullptr : residual + first, y + first, pixels, s.channels);
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

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
