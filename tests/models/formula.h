// Numbers that the C++ tests and goldens/golden_formula.py compute identically, and the comparison with
// golden files.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "layers/module.h"

namespace dg::golden {

// In [0, 1), exact in float32: top 24 bits of splitmix64(fnv1a64(name) + i), divided by 2^24.
std::vector<double> unit(const std::string& name, std::int64_t count);
// In [-1, 1).
std::vector<double> signed_unit(const std::string& name, std::int64_t count);

// Values in [-1, 1) of the given name.
Tensor image(Context& context, const std::string& name, const Shape& shape, DType dtype = DType::float64);
// Overwrites every parameter and buffer by a rule of its name and shape.
void fill(Module& module);

// tests/models/goldens/<name>.json
nlohmann::json load(const std::string& name);
Shape shape_of(const nlohmann::json& extents);

// The largest relative deviation of a tensor from its summary in a golden file: samples relative to their
// size or to the tensor's root mean square, sums relative to its L2 norm. Tensors far smaller than `whole`
// count as zero: gradients of biases that a normalisation cancels are rounding errors in both programs.
double deviation(const std::string& name, const Tensor& tensor, const nlohmann::json& summary,
                 double whole = 0.0);

}  // namespace dg::golden
