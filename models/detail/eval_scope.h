// A network in eval mode for a while.
#pragma once

#include "layers/module.h"

namespace dg {

// The network is left in the mode in which it was found, also when something throws.
class EvalScope {
 public:
  explicit EvalScope(Module& module) : module_(module), training_(module.training()) { module_.eval(); }
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;
  ~EvalScope() { module_.train(training_); }

 private:
  Module& module_;
  bool training_;
};

}  // namespace dg
