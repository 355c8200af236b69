// Random numbers by Philox: element i comes from counter offset + i / 4, word i % 4, whatever thread computes it.
// Normal numbers are Box-Muller pairs of words (0, 1) and (2, 3), computed in double so that every backend rounds to
// the same float.
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/parallel.h"

namespace dg::cpu {
namespace {

// body(i, block of four words) for the blocks that cover [0, n).
template <typename Body>
void for_each_block(Machine& m, PhiloxState state, std::int64_t n, const Body& body) {
  parallel_runs(m.threads, (n + 3) / 4, kGrain / 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t block = begin; block < end; ++block) {
      body(block * 4, philox(state.seed, state.offset + static_cast<std::uint64_t>(block)));
    }
  });
}

}  // namespace

void random_uniform(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  dispatch_float(y.dtype, [&]<typename T>() {
    T* out = y.as<T>();
    for_each_block(m, state, n, [&](std::int64_t first, const PhiloxWords& words) {
      for (std::int64_t i = first; i < std::min(first + 4, n); ++i) out[i] = T(philox_uniform(words.word[i - first]));
    });
  });
}

void random_normal(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  dispatch_float(y.dtype, [&]<typename T>() {
    T* out = y.as<T>();
    for_each_block(m, state, n, [&](std::int64_t first, const PhiloxWords& words) {
      double value[4];
      for (int pair = 0; pair < 4; pair += 2) {
        const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(philox_uniform(words.word[pair]))));
        const double angle = 2.0 * std::numbers::pi * static_cast<double>(philox_uniform(words.word[pair + 1]));
        value[pair] = radius * std::cos(angle);
        value[pair + 1] = radius * std::sin(angle);
      }
      for (std::int64_t i = first; i < std::min(first + 4, n); ++i) {
        out[i] = T(static_cast<Compute<T>>(static_cast<float>(value[i - first])));
      }
    });
  });
}

void dropout(Machine& m, PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate) {
  dispatch_float(x.dtype, [&]<typename T>() {
    using C = Compute<T>;
    const T* in = x.as<T>();
    T* out = y.as<T>();
    const C scale = static_cast<C>(1.0 / (1.0 - rate));
    const auto threshold = static_cast<float>(rate);
    for_each_block(m, state, n, [&](std::int64_t first, const PhiloxWords& words) {
      for (std::int64_t i = first; i < std::min(first + 4, n); ++i) {
        const bool dropped = philox_uniform(words.word[i - first]) < threshold;
        out[i] = dropped ? T(C(0)) : T(static_cast<C>(in[i]) * scale);
      }
    });
  });
}

}  // namespace dg::cpu
