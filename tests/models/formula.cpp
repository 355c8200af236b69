// The twin of goldens/golden_formula.py.
#include "tests/models/formula.h"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace dg::golden {

namespace {

std::uint64_t fnv1a64(const std::string& text) {
  std::uint64_t value = 14695981039346656037ULL;
  for (const char letter : text) value = (value ^ static_cast<unsigned char>(letter)) * 1099511628211ULL;
  return value;
}

std::uint64_t splitmix64(std::uint64_t x) {
  std::uint64_t z = x + 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31U);
}

std::vector<double> parameter(const std::string& name, const Shape& shape) {
  const std::int64_t count = shape.numel();
  const bool is_norm = name.find("norm") != std::string::npos;
  double offset = 0.0;
  double scale = 0.0;  // of values in [-1, 1)
  if (name.ends_with("running_var")) {
    offset = 1.0;
    scale = 0.5;
  } else if (name.ends_with("running_mean")) {
    scale = 0.2;
  } else if (is_norm && name.ends_with("weight")) {
    offset = 1.0;
    scale = 0.25;
  } else if (shape.rank() == 1) {
    scale = 0.1;
  } else {  // variance 1 / fan_in
    scale = std::sqrt(3.0 * static_cast<double>(shape[0]) / static_cast<double>(count));
  }
  std::vector<double> values = signed_unit(name, count);
  for (double& value : values) value = offset + scale * value;
  return values;
}

}  // namespace

std::vector<double> unit(const std::string& name, std::int64_t count) {
  const std::uint64_t seed = fnv1a64(name);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(splitmix64(seed + i) >> 40U) / static_cast<double>(1U << 24U);
  }
  return values;
}

std::vector<double> signed_unit(const std::string& name, std::int64_t count) {
  std::vector<double> values = unit(name, count);
  for (double& value : values) value = 2.0 * value - 1.0;
  return values;
}

Tensor image(Context& context, const std::string& name, const Shape& shape, DType dtype) {
  return Tensor::from_host(context, shape, signed_unit(name, shape.numel()), dtype);
}

void fill(Module& module) {
  for (NamedTensor& entry : module.state()) {
    const Shape& shape = entry.tensor.shape();
    entry.tensor.copy_from(Tensor::from_host(module.context(), shape, parameter(entry.name, shape)));
  }
}

nlohmann::json load(const std::string& name) {
  const std::string path = std::string(DG_TEST_DATA_DIR) + "/goldens/" + name + ".json";
  std::ifstream file(path);
  check(file.good(), path, ": cannot be read, make it with the scripts beside it");
  return nlohmann::json::parse(file);
}

Shape shape_of(const nlohmann::json& extents) {
  const auto values = extents.get<std::vector<std::int64_t>>();
  return Shape(std::span<const std::int64_t>(values));
}

double deviation(const std::string& name, const Tensor& tensor, const nlohmann::json& summary, double whole) {
  const std::vector<double> values = tensor.to_doubles();
  const auto count = static_cast<std::uint64_t>(values.size());
  check(count == summary.at("numel").get<std::uint64_t>(), name, ": got ", count,
        " values, the golden file has ", summary.at("numel").get<std::uint64_t>(), ", make it again");
  const std::vector<double> direction = signed_unit(name + "#dot", tensor.numel());
  double sum = 0.0;
  double squares = 0.0;
  double dot = 0.0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    squares += values[i] * values[i];
    dot += values[i] * direction[i];
  }
  const double scale = std::max(summary.at("l2").get<double>(), 1e-4 * whole);
  double worst = 0.0;
  // Written so that a NaN is the worst of all.
  const auto compare = [&](double got, double expected, double size) {
    const double error = std::abs(got - expected) / size;
    if (!(error <= worst)) worst = std::isnan(error) ? INFINITY : error;
  };
  compare(sum, summary.at("sum"), scale);
  compare(std::sqrt(squares), summary.at("l2"), scale);
  compare(dot, summary.at("dot"), scale);
  const double rms = scale / std::sqrt(static_cast<double>(count));
  const std::uint64_t seed = fnv1a64(name + "#sample");
  for (std::size_t j = 0; j < summary.at("samples").size(); ++j) {
    const double expected = summary.at("samples").at(j);
    compare(values[splitmix64(seed + j) % count], expected, std::max(std::abs(expected), rms));
  }
  return worst;
}

}  // namespace dg::golden
