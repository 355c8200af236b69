// What the core tests share.
#pragma once

#include <catch2/catch.hpp>
#include <vector>

#include "core/autograd.h"
#include "core/gradcheck.h"
#include "core/ops.h"

namespace dg::test {

inline Tensor f64(Context& context, const Shape& shape, const std::vector<double>& values) {
  return Tensor::from_host(context, shape, std::span<const double>(values));
}

inline Tensor f32(Context& context, const Shape& shape, const std::vector<float>& values) {
  return Tensor::from_host(context, shape, std::span<const float>(values));
}

// A float64 leaf of normal numbers.
inline Tensor leaf(Context& context, const Shape& shape) {
  return Tensor::normal(context, shape, DType::float64).set_requires_grad(true);
}

// The same, away from the kinks of |x| and ReLU at 0: magnitudes in (0.1, 1.1).
inline Tensor leaf_off_zero(Context& context, const Shape& shape) {
  const Tensor u = Tensor::uniform(context, shape, DType::float64);
  const Tensor s = sign(Tensor::normal(context, shape, DType::float64));
  return (s * (u + 0.1)).set_requires_grad(true);
}

// First and second derivatives against central differences.
inline void check_derivatives(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              double tolerance = 1e-7) {
  const auto first = gradcheck(f, inputs, {.step = 1e-5, .tolerance = tolerance});
  INFO("first derivative: " << first.message);
  CHECK(first.passed);
  const auto second = gradgradcheck(f, inputs, {.step = 1e-5, .tolerance = 10 * tolerance});
  INFO("second derivative: " << second.message);
  CHECK(second.passed);
}

}  // namespace dg::test
