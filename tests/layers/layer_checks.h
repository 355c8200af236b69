// What the tests of layers share: small tensors, access by name, and derivatives against central differences.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/autograd.h"
#include "core/context.h"
#include "core/ops.h"
#include "core/tensor.h"
#include "layers/module.h"

namespace dg::test {

inline Tensor values(Context& context, const Shape& shape, const std::vector<double>& numbers,
                     DType dtype = DType::float64) {
  return Tensor::from_host(context, shape, std::span<const double>(numbers), dtype);
}

// 1, 2, 3, ...
inline Tensor count_up(Context& context, const Shape& shape, DType dtype = DType::float64) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < shape.numel(); ++i) numbers.push_back(static_cast<double>(i + 1));
  return values(context, shape, numbers, dtype);
}

// Irregular numbers in (-1, 1), none of them near 0, where ReLU has its kink.
inline Tensor irregular(Context& context, const Shape& shape, double phase = 0.3) {
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < shape.numel(); ++i) {
    const double v = std::sin(1.7 * static_cast<double>(i) + phase);
    numbers.push_back(std::abs(v) < 0.05 ? 0.1 : v);
  }
  return values(context, shape, numbers);
}

inline Tensor state_of(const Module& module, const std::string& name) {
  for (const NamedTensor& entry : module.state()) {
    if (entry.name == name) return entry.tensor;
  }
  fail("test: the module has no '", name, "'");
}

inline void set_state(Module& module, const std::string& name, const std::vector<double>& numbers) {
  Tensor tensor = state_of(module, name);
  tensor.copy_from(values(module.context(), tensor.shape(), numbers));
}

inline void fill_irregular(Module& module) {
  double phase = 0.7;
  for (NamedTensor& entry : module.parameters()) {
    entry.tensor.copy_from(irregular(module.context(), entry.tensor.shape(), phase));
    phase += 0.9;
  }
}

inline std::vector<std::string> names_of(const std::vector<NamedTensor>& tensors) {
  std::vector<std::string> names;
  for (const NamedTensor& entry : tensors) names.push_back(entry.name);
  return names;
}

// Largest |analytic - numeric| / max(1, |numeric|) over all elements of the leaves, which are float64 and
// require gradients. `loss` computes the same scalar from the leaves' present values at every call.
inline double worst_gradient_error(const std::function<Tensor()>& loss, std::vector<NamedTensor> leaves) {
  constexpr double kStep = 1e-5;
  for (NamedTensor& leaf : leaves) leaf.tensor.set_grad(Tensor());
  backward(loss());
  double worst = 0.0;
  for (NamedTensor& leaf : leaves) {
    INFO("gradient of " << leaf.name);
    REQUIRE(leaf.tensor.grad().defined());
    REQUIRE(leaf.tensor.grad().shape() == leaf.tensor.shape());
    const std::vector<double> analytic = leaf.tensor.grad().to_doubles();
    const std::vector<double> original = leaf.tensor.to_doubles();
    const auto loss_with = [&](std::size_t element, double value) {
      std::vector<double> changed = original;
      changed[element] = value;
      leaf.tensor.copy_from(values(leaf.tensor.context(), leaf.tensor.shape(), changed));
      return loss().item();
    };
    for (std::size_t i = 0; i < original.size(); ++i) {
      const double numeric =
          (loss_with(i, original[i] + kStep) - loss_with(i, original[i] - kStep)) / (2.0 * kStep);
      worst = std::max(worst, std::abs(analytic[i] - numeric) / std::max(1.0, std::abs(numeric)));
    }
    leaf.tensor.copy_from(values(leaf.tensor.context(), leaf.tensor.shape(), original));
  }
  return worst;
}

// The same for a layer: derivatives of its output, weighted irregularly, by its input and all its parameters.
// The layer is converted to float64 and its parameters are overwritten.
inline double worst_layer_error(Module& module, const Shape& input) {
  module.to(DType::float64);
  fill_irregular(module);
  Tensor x = irregular(module.context(), input);
  x.set_requires_grad(true);
  std::vector<NamedTensor> leaves = module.parameters();
  leaves.push_back({"input", x});
  const auto loss = [&] {
    const Tensor y = module(x);
    return sum(mul(y, irregular(module.context(), y.shape(), 2.1)));
  };
  return worst_gradient_error(loss, leaves);
}

}  // namespace dg::test
