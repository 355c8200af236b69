#include "bench/step_phases.h"

#include <chrono>

#include "core/autograd.h"
#include "core/ops.h"

namespace dg::bench {
namespace {

// Adds up the time since the last stop under the phase that has just ended.
class StopWatch {
 public:
  explicit StopWatch(Context& context) : context_(context) {
    context_.backend().synchronize();
    last_ = Clock::now();
  }

  void stop(const std::string& phase) {
    context_.backend().synchronize();
    const Clock::time_point now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    for (auto& [name, total] : times_) {
      if (name != phase) continue;
      total += seconds;
      return;
    }
    times_.emplace_back(phase, seconds);
  }
  const PhaseTimes& times() const { return times_; }

 private:
  using Clock = std::chrono::steady_clock;
  Context& context_;
  Clock::time_point last_;
  PhaseTimes times_{{"data", 0.0},        {"generator", 0.0}, {"critic", 0.0},   {"content", 0.0},
                    {"adversarial", 0.0}, {"backward", 0.0},  {"optimizer", 0.0}};
};

void set_gradients(const Tensor& loss, Module& network) {
  std::vector<Tensor> parameters;
  for (const NamedTensor& p : network.parameters()) parameters.push_back(p.tensor);
  const std::vector<Tensor> gradients = grad({&loss, 1}, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].set_grad(gradients[i]);
}

// The adversarial term alone: an objective with a content loss that weighs nothing.
Tensor adversarial_loss(StepParts& parts, const Tensor& restored, const Tensor& sharp) {
  ObjectiveOptions options = parts.objective.options();
  options.content = ContentLoss::mse;
  options.content_weight = 0.0;
  return Objective(options, nullptr).generator_loss(parts.discriminator, restored, sharp).total;
}

}  // namespace

PhaseTimes timed_step(StepParts& parts, const Shape& shape, const std::vector<float>& blurred_values,
                      const std::vector<float>& sharp_values) {
  StopWatch watch(parts.context);
  const Tensor blurred = Tensor::from_host(parts.context, shape, std::span<const float>(blurred_values));
  const Tensor sharp = Tensor::from_host(parts.context, shape, std::span<const float>(sharp_values));
  watch.stop("data");

  const Tensor restored = parts.generator(blurred);
  watch.stop("generator");

  if (parts.discriminator != nullptr) {
    const Tensor fake = restored.detach();
    for (int update = 0; update < parts.critic_updates; ++update) {
      const Loss loss = parts.objective.discriminator_loss(*parts.discriminator, sharp, fake);
      set_gradients(loss.total, *parts.discriminator);
      watch.stop("critic");
      parts.discriminator_optimizer->step();
      if (parts.weight_clip > 0.0) clip_weights(*parts.discriminator, parts.weight_clip);
      watch.stop("optimizer");
    }
    parts.discriminator_optimizer->zero_grad();
  }

  Tensor loss = parts.objective.generator_loss(nullptr, restored, sharp).total;
  watch.stop("content");
  if (parts.discriminator != nullptr) {
    loss = loss + adversarial_loss(parts, restored, sharp);
    watch.stop("adversarial");
  }
  set_gradients(loss, parts.generator);
  watch.stop("backward");
  parts.generator_optimizer.step();
  parts.generator_optimizer.zero_grad();
  watch.stop("optimizer");
  return watch.times();
}

}  // namespace dg::bench
