// Adam, Kingma and Ba 2015, algorithm 1:
//   m = b1 m + (1 - b1) g,   v = b2 v + (1 - b2) g^2,
//   p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
#pragma once

#include <cstdint>
#include <vector>

#include "layers/module.h"
#include "layers/state.h"

namespace dg {

struct AdamConfig {
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;  // Keras: 1e-7
};

class Adam {
 public:
  // The parameters must require gradients; none may be frozen now (later is fine). Throws Error otherwise.
  explicit Adam(std::vector<NamedTensor> parameters, AdamConfig config = {});

  // Updates all parameters in one backend call. Throws Error, and changes nothing,
  // if a parameter has no gradient.
  void step();
  void zero_grad();

  // For steps that a captured graph makes (core/op_graph.h): the options of the step after the next `ahead` ones, and
  // how many steps a replay has made.
  AdamOptions options_of_step(std::int64_t ahead = 0) const;
  void count_steps(std::int64_t steps) { step_count_ += steps; }

  const AdamConfig& config() const { return config_; }
  double learning_rate() const { return config_.learning_rate; }
  void set_learning_rate(double learning_rate);
  std::int64_t step_count() const { return step_count_; }  // t: updates made so far

  // For checkpoints: "m.<parameter>" and "v.<parameter>" for each, sharing storage with the optimizer.
  std::vector<NamedTensor> state() const;
  // Copies moments of those names and sets t; nothing changes unless all fit (then the result is empty).
  [[nodiscard]] StateMismatch load(const std::vector<NamedTensor>& moments, std::int64_t step_count);

 private:
  std::vector<NamedTensor> parameters_;
  std::vector<Tensor> m_;
  std::vector<Tensor> v_;
  AdamConfig config_;
  std::int64_t step_count_ = 0;
};

// Clamps every parameter to [-limit, limit] in place: the original WGAN's constraint, Arjovsky et al. 2017.
void clip_weights(Module& module, double limit);

}  // namespace dg
