// Exponential moving average of a module's weights: smoother than the last step's,
// better to restore pictures with.
#pragma once

#include <vector>

#include "layers/module.h"
#include "layers/state.h"

namespace dg {

// Follows one module, which must outlive it and keep its element type (see Module::to).
class Ema {
 public:
  // Starts at the module's present state. decay in [0, 1).
  Ema(Module& module, double decay = 0.999);
  Ema(const Ema&) = delete;
  Ema& operator=(const Ema&) = delete;
  ~Ema() = default;

  // Parameters: average = decay * average + (1 - decay) * value. Buffers (running statistics) are copied.
  // Throws Error while an EmaScope lives: the module then holds the averages themselves.
  void update();

  double decay() const { return decay_; }
  // For checkpoints: the module's names, sharing storage with this object.
  const std::vector<NamedTensor>& state() const { return average_; }
  [[nodiscard]] StateMismatch load(const std::vector<NamedTensor>& averages);

 private:
  friend class EmaScope;

  Module& module_;
  double decay_;
  std::vector<NamedTensor> average_;
  bool in_scope_ = false;
};

// While it lives, the module computes with the averages; afterwards it has its own weights back, bit for bit.
// Only one at a time; Error otherwise.
class EmaScope {
 public:
  explicit EmaScope(Ema& ema);
  EmaScope(const EmaScope&) = delete;
  EmaScope& operator=(const EmaScope&) = delete;
  ~EmaScope();

 private:
  Ema& ema_;
  std::vector<NamedTensor> live_;  // the module's tensors
  std::vector<Tensor> saved_;      // their values before
};

}  // namespace dg
