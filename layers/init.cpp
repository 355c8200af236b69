// Initial values of parameters, by role.
#include "layers/init.h"

#include <cmath>

#include "core/ops.h"

namespace dg {

namespace {

// Calls weight(tensor, info) and scale(tensor) where they apply; biases become 0.
template <typename WeightRule, typename ScaleRule>
void initialise(Module& module, WeightRule&& weight, ScaleRule&& scale) {
  for (const NamedModule& entry : module.modules()) {
    for (const auto& parameter : entry.module->own_parameters()) {
      switch (parameter->info.role) {
        case ParameterRole::weight: weight(parameter->tensor, parameter->info); break;
        case ParameterRole::bias: parameter->tensor.fill_(0.0); break;
        case ParameterRole::scale: scale(parameter->tensor); break;
        case ParameterRole::other: break;
      }
    }
  }
}

}  // namespace

void fill_uniform(Tensor tensor, Generator& generator, double low, double high) {
  check(low < high, "fill_uniform: got the range (", low, ", ", high, "), give a low end below the high one");
  const NoGrad no_grad(tensor.context());
  Tensor unit = Tensor::empty(tensor.context(), tensor.shape());
  tensor.backend().random_uniform(generator.take(unit.numel()), unit.mutable_array(), unit.numel());
  tensor.copy_from(affine(unit, high - low, low));
}

void fill_normal(Tensor tensor, Generator& generator, double mean, double std) {
  check(std >= 0.0, "fill_normal: got the standard deviation ", std, ", give one that is not negative");
  const NoGrad no_grad(tensor.context());
  Tensor unit = Tensor::empty(tensor.context(), tensor.shape());
  tensor.backend().random_normal(generator.take(unit.numel()), unit.mutable_array(), unit.numel());
  tensor.copy_from(affine(unit, std, mean));
}

double glorot_limit(const ParameterInfo& info) {
  check(info.fan_in > 0 && info.fan_out > 0, "glorot_limit: got fan_in ", info.fan_in, " and fan_out ",
        info.fan_out, ", register the weight with both fans");
  return std::sqrt(6.0 / static_cast<double>(info.fan_in + info.fan_out));
}

void init_normal(Module& module, Generator& generator, double mean, double std) {
  initialise(
      module, [&](const Tensor& weight, const ParameterInfo&) { fill_normal(weight, generator, mean, std); },
      [&](const Tensor& scale) { fill_normal(scale, generator, 1.0, std); });
}

void init_glorot_uniform(Module& module, Generator& generator) {
  initialise(
      module,
      [&](const Tensor& weight, const ParameterInfo& info) {
        const double limit = glorot_limit(info);
        fill_uniform(weight, generator, -limit, limit);
      },
      [](Tensor& scale) { scale.fill_(1.0); });
}

void init_he_normal(Module& module, Generator& generator, double gain) {
  initialise(
      module,
      [&](const Tensor& weight, const ParameterInfo& info) {
        check(info.fan_in > 0, "init_he_normal: a weight of ", module.kind(),
              " was registered without its fan_in, register it with both fans");
        fill_normal(weight, generator, 0.0, gain / std::sqrt(static_cast<double>(info.fan_in)));
      },
      [](Tensor& scale) { scale.fill_(1.0); });
}

}  // namespace dg
