// Random numbers as explicit state.
#pragma once

#include <cstdint>

#include "kernels/philox.h"

namespace dg {

// A position in a Philox stream. Taking n numbers moves it by ceil(n / 4) counters;
// saving and restoring `state` continues the stream exactly.
class Generator {
 public:
  explicit Generator(std::uint64_t seed = 0) : state_{seed, 0} {}

  // Reserves n numbers and returns where they begin.
  PhiloxState take(std::int64_t n) {
    const PhiloxState begin = state_;
    state_.offset += philox_blocks(n);
    return begin;
  }

  PhiloxState state() const { return state_; }
  void set_state(PhiloxState state) { state_ = state; }

 private:
  PhiloxState state_;
};

}  // namespace dg
