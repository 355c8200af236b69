// A chain of ConvNorm with leaky activations.
#include "models/conv_stages.h"

namespace dg {

void ConvStages::add(const Conv2dConfig& conv, const NormConfig& norm) {
  stages_.push_back(std::make_unique<ConvNorm<Conv2d>>(context(), conv, norm, leaky_relu_epilogue(0.2)));
  register_child(std::to_string(stages_.size() - 1), *stages_.back());
}

Tensor ConvStages::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& stage : stages_) y = (*stage)(y);
  return y;
}

}  // namespace dg
