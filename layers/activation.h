// Activations as modules, for Sequential, summaries and drawings. Any shape in, the same shape out.
#pragma once

#include <iosfwd>
#include <string>

#include "kernels/shapes.h"
#include "layers/module.h"

namespace dg {

// Activations that convolutions and normalisations apply before they write their result.
inline constexpr Epilogue kReLU{Activation::leaky_relu, 0.0};
constexpr Epilogue leaky_relu_epilogue(double slope) { return {Activation::leaky_relu, slope}; }
inline constexpr Epilogue kTanh{Activation::tanh, 0.0};
// The same as an op of its own.
Tensor activate(const Tensor& x, const Epilogue& epilogue);
// ", ReLU", or nothing where there is no activation.
void print_epilogue(std::ostream& out, const Epilogue& epilogue);

class ReLU final : public Module {
 public:
  using Module::Module;
  std::string kind() const override { return "ReLU"; }

 private:
  Tensor forward(const Tensor& x) override;
};

// x > 0 ? x : slope * x, slope >= 0.
class LeakyReLU final : public Module {
 public:
  explicit LeakyReLU(Context& context, double slope = 0.2);
  std::string kind() const override { return "LeakyReLU"; }
  std::string details() const override;

 private:
  Tensor forward(const Tensor& x) override;
  double slope_;
};

class Tanh final : public Module {
 public:
  using Module::Module;
  std::string kind() const override { return "Tanh"; }

 private:
  Tensor forward(const Tensor& x) override;
};

class Sigmoid final : public Module {
 public:
  using Module::Module;
  std::string kind() const override { return "Sigmoid"; }

 private:
  Tensor forward(const Tensor& x) override;
};

// min(max(x, low), high), low < high.
class Clamp final : public Module {
 public:
  Clamp(Context& context, double low, double high);
  std::string kind() const override { return "Clamp"; }
  std::string details() const override;

 private:
  Tensor forward(const Tensor& x) override;
  double low_;
  double high_;
};

}  // namespace dg
