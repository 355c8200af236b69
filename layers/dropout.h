// Dropout: each element becomes 0 with probability `rate`, the others are divided by 1 - rate.
#pragma once

#include <string>

#include "layers/module.h"

namespace dg {

struct DropoutConfig {
  double rate = 0.5;    // in [0, 1)
  bool always = false;  // in eval mode too, as DeblurGAN's published pictures were made
};

// Any shape. Draws from the context's generator while it is active; else it passes its input on.
class Dropout final : public Module {
 public:
  using Config = DropoutConfig;
  explicit Dropout(Context& context, DropoutConfig config = {});

  std::string kind() const override { return "Dropout"; }
  std::string details() const override;
  const DropoutConfig& config() const { return config_; }
  void set_always(bool always) { config_.always = always; }

 private:
  Tensor forward(const Tensor& x) override;

  DropoutConfig config_;
};

}  // namespace dg
