// Learning rates as pure functions of the step, counted from 0: a resumed run continues without any state.
#pragma once

#include <cstdint>
#include <functional>

namespace dg {

// The learning rate of the given update. Throws Error for a negative step.
using Schedule = std::function<double(std::int64_t step)>;

Schedule constant_schedule(double base);

// base during `constant_steps`, then a straight line that reaches 0 after
// another `decay_steps`, and 0 from there.
struct ConstantThenLinearDecay {
  double base = 1e-4;
  std::int64_t constant_steps = 0;
  std::int64_t decay_steps = 0;  // 0: falls to 0 at once
};
Schedule make_schedule(ConstantThenLinearDecay options);

// final + (base - final) * (1 + cos(pi * step / steps)) / 2, and final from `steps` on.
// Loshchilov and Hutter 2017.
struct CosineDecay {
  double base = 1e-4;
  double final = 0.0;
  std::int64_t steps = 1;
};
Schedule make_schedule(CosineDecay options);

}  // namespace dg
