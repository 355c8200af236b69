// Random numbers by Philox: element i comes from counter offset + i / 4, word i % 4, whatever thread computes it.
// Normal numbers are Box-Muller pairs of words (0, 1) and (2, 3), computed in double so that every backend rounds to
// the same float.
#include "kernels/cpu/cpu_kernels.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

constexpr std::int64_t kStrip = 256;  // numbers drawn at once: a loop over their counters fills vectors

// body(first, count, words) for strips that cover [0, n): words[i] belongs to number first + i.
template <typename Body>
void for_each_strip(Machine& m, PhiloxState state, std::int64_t n, const Body& body) {
  parallel_runs(
      m.threads, (n + kStrip - 1) / kStrip, kGrain / kStrip / 4, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t strip = begin; strip < end; ++strip) {
          const std::uint64_t counter = state.offset + static_cast<std::uint64_t>(strip * (kStrip / 4));
          std::uint32_t words[kStrip];
          for (std::uint64_t block = 0; block < kStrip / 4; ++block) {
            const PhiloxWords four = philox(state.seed, counter + block);
            for (std::uint64_t i = 0; i < 4; ++i) words[4 * block + i] = four.word[i];
          }
          body(strip * kStrip, std::min(kStrip, n - strip * kStrip), words);
        }
      });
}

}  // namespace

void random_uniform(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  dispatch_float(y.dtype, [&]<typename T>() {
    T* out = y.as<T>();
    for_each_strip(m, state, n, [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
      for (std::int64_t i = 0; i < count; ++i) out[first + i] = T(philox_uniform(words[i]));
    });
  });
}

void random_normal(Machine& m, PhiloxState state, Array y, std::int64_t n) {
  dispatch_float(y.dtype, [&]<typename T>() {
    T* out = y.as<T>();
    for_each_strip(m, state, n, [&](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
      for (std::int64_t pair = 0; pair < count; pair += 2) {
        const double radius = std::sqrt(-2.0 * std::log(static_cast<double>(philox_uniform(words[pair]))));
        const double angle = 2.0 * std::numbers::pi * static_cast<double>(philox_uniform(words[pair + 1]));
        const double value[2] = {radius * std::cos(angle), radius * std::sin(angle)};
        for (std::int64_t i = pair; i < std::min(pair + 2, count); ++i) {
          out[first + i] = T(static_cast<Compute<T>>(static_cast<float>(value[i - pair])));
        }
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
    for_each_strip(m, state, n, [=](std::int64_t first, std::int64_t count, const std::uint32_t* words) {
      for (std::int64_t i = 0; i < count; ++i) {
        const C kept = static_cast<C>(in[first + i]) * scale;
        out[first + i] = T(philox_uniform(words[i]) < threshold ? C(0) : kept);
      }
    });
  });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
