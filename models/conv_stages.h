// The middle of a discriminator: convolution, normalisation, LeakyReLU 0.2, and again.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/conv_norm.h"

namespace dg {

// Children "0", "1", ... in the order in which they were added.
class ConvStages final : public Module {
 public:
  explicit ConvStages(Context& context) : Module(context) {}

  std::string kind() const override { return "ConvStages"; }
  void add(const Conv2dConfig& conv, const NormConfig& norm);

 private:
  Tensor forward(const Tensor& x) override;

  std::vector<std::unique_ptr<ConvNorm<Conv2d>>> stages_;
};

}  // namespace dg
