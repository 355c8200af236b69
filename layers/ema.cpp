// Exponential moving average of weights.
#include "layers/ema.h"

#include <exception>

namespace dg {

Ema::Ema(Module& module, double decay) : module_(module), decay_(decay) {
  check(decay >= 0.0 && decay < 1.0, "Ema: got the decay ", decay, ", give one in [0, 1)");
  for (const NamedTensor& entry : module.state()) {
    average_.push_back({entry.name, entry.tensor.clone()});
  }
}

void Ema::update() {
  check(!in_scope_, "Ema: update() while the averages are in the module, end the EmaScope first");
  const std::vector<NamedTensor> parameters = module_.parameters();
  const std::vector<NamedTensor> buffers = module_.buffers();
  std::vector<EmaTensor> arrays;
  arrays.reserve(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& value = parameters[i].tensor;
    check(value.dtype() == average_[i].tensor.dtype(), "Ema: '", parameters[i].name, "' has become ",
          name_of(value.dtype()), ", expected ", name_of(average_[i].tensor.dtype()),
          ", make the Ema after converting the module");
    arrays.push_back({average_[i].tensor.mutable_array(), value.array(), value.numel()});
  }
  module_.context().backend().ema(arrays, decay_);
  for (std::size_t i = 0; i < buffers.size(); ++i) {
    average_[parameters.size() + i].tensor.copy_from(buffers[i].tensor);
  }
}

StateMismatch Ema::load(const std::vector<NamedTensor>& averages) {
  return copy_state(average_, averages, Strictness::strict);
}

EmaScope::EmaScope(Ema& ema) : ema_(ema), live_(ema.module_.state()) {
  check(!ema.in_scope_, "EmaScope: the averages are in the module already, end the other scope first");
  for (const NamedTensor& entry : live_) {
    saved_.push_back(entry.tensor.clone());
  }
  for (std::size_t i = 0; i < live_.size(); ++i) {
    live_[i].tensor.copy_from(ema.average_[i].tensor);
  }
  ema.in_scope_ = true;
}

EmaScope::~EmaScope() {
  ema_.in_scope_ = false;
  try {
    for (std::size_t i = 0; i < live_.size(); ++i) {
      live_[i].tensor.copy_from(saved_[i]);
    }
  } catch (const std::exception& error) {
    // A device that no longer copies; a destructor can only say so.
    ema_.module_.context().log(LogLevel::error, error.what());
  }
}

}  // namespace dg
