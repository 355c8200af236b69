// Random numbers on the host for training data: one short stream per sample.
//
// A stream is a pure function of (seed, stream_id): number i is word i of Philox4x32-10 under the key
// mix(mix(seed) + stream_id), mix being SplitMix64's finaliser (Steele, Lea, Flood, "Fast splittable
// pseudorandom number generators", OOPSLA 2014). For one seed the map stream_id -> key is one-to-one, so
// streams never coincide.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "kernels/check.h"
#include "kernels/philox.h"

namespace dg {

class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream_id) : key_(mix(mix(seed) + stream_id)) {}

  std::uint32_t bits() {
    if (used_ == 4) {
      block_ = philox(key_, counter_++);
      used_ = 0;
    }
    return block_.word[used_++];
  }

  std::uint64_t bits64() {
    const std::uint64_t high = bits();
    return (high << 32) | bits();
  }

  // In (0, 1), never 0 and never 1: the middle of one of 2^32 equal cells.
  double uniform() { return (static_cast<double>(bits()) + 0.5) * 0x1p-32; }

  // In (low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  float uniform_float(float low, float high) { return low + (high - low) * static_cast<float>(uniform()); }

  // Mean 0, variance 1 (Box and Muller 1958); numbers come in pairs.
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    const double angle = 2.0 * std::numbers::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }
  float normal_float() { return static_cast<float>(normal()); }

  // Uniform over 0 .. n-1 (the bias of the modulo, n / 2^64, is below what any run could notice).
  std::int64_t integer(std::int64_t n) {
    check(n > 0, "random integer: asked for a number below n=", n, ", but n must be at least 1");
    return static_cast<std::int64_t>(bits64() % static_cast<std::uint64_t>(n));
  }

  // True with the given probability.
  bool chance(double probability) { return uniform() < probability; }

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x += 0x9E3779B97F4A7C15U;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
  }

  std::uint64_t key_;
  std::uint64_t counter_ = 0;
  PhiloxWords block_{};
  unsigned used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0.0;
};

}  // namespace dg
