// Compares derivatives with central differences.
// For tests of ops and of functions made of them; float64 only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace dg {

using TensorFunction = std::function<Tensor(const std::vector<Tensor>& inputs)>;

struct GradcheckOptions {
  double step = 1e-5;
  double tolerance = 1e-6;  // on |analytic - numeric| / max(1, |numeric|), per element
};

struct GradcheckResult {
  bool passed = false;
  double worst_error = 0.0;
  std::string message;  // which input, which element, both values
  explicit operator bool() const { return passed; }
};

// f's output is contracted with a fixed random tensor; every element of every input that requires a gradient
// is checked. Throws Error if an input is not float64 or no input requires a gradient.
GradcheckResult gradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                          GradcheckOptions options = {});

// The same for the gradient of f as a function of its inputs and of the incoming gradient:
// second derivatives.
GradcheckResult gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              GradcheckOptions options = {});

}  // namespace dg
