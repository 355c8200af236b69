// Learning rates as pure functions of the step.
#include "layers/schedule.h"

#include <cmath>
#include <numbers>

#include "kernels/check.h"

namespace dg {

namespace {

void check_step(std::int64_t step) { check(step >= 0, "schedule: got step ", step, ", count steps from 0"); }

void check_rate(double rate) {
  check(rate >= 0.0, "schedule: got the learning rate ", rate, ", give one that is not negative");
}

}  // namespace

Schedule constant_schedule(double base) {
  check_rate(base);
  return [base](std::int64_t step) {
    check_step(step);
    return base;
  };
}

Schedule make_schedule(ConstantThenLinearDecay options) {
  check_rate(options.base);
  check(options.constant_steps >= 0 && options.decay_steps >= 0, "schedule: got ", options.constant_steps,
        " constant and ", options.decay_steps, " decaying steps, give numbers that are not negative");
  return [options](std::int64_t step) {
    check_step(step);
    const std::int64_t decayed = step - options.constant_steps;
    if (decayed < 0) return options.base;
    if (decayed >= options.decay_steps) return 0.0;
    return options.base * (1.0 - static_cast<double>(decayed) / static_cast<double>(options.decay_steps));
  };
}

Schedule make_schedule(CosineDecay options) {
  check_rate(options.base);
  check_rate(options.final);
  check(options.steps > 0, "schedule: got ", options.steps, " steps of cosine decay, give a positive number");
  return [options](std::int64_t step) {
    check_step(step);
    if (step >= options.steps) return options.final;
    const double phase = std::numbers::pi * static_cast<double>(step) / static_cast<double>(options.steps);
    return options.final + (options.base - options.final) * 0.5 * (1.0 + std::cos(phase));
  };
}

}  // namespace dg
