// Dense: one matrix product with the stored (out, in) weight transposed.
#include "layers/dense.h"

#include "core/ops.h"
#include "layers/init.h"

namespace dg {

namespace {

DenseConfig checked(const DenseConfig& config) {
  check(config.in_features > 0 && config.out_features > 0, "Dense: got in_features ", config.in_features,
        " and out_features ", config.out_features, ", give both a positive number");
  return config;
}

ParameterInfo weight_info(const DenseConfig& config) {
  return {ParameterRole::weight, config.in_features, config.out_features};
}

Tensor glorot_weight(Context& context, const DenseConfig& config) {
  Tensor weight = Tensor::empty(context, {config.out_features, config.in_features});
  const double limit = glorot_limit(weight_info(config));
  fill_uniform(weight, context.random(), -limit, limit);
  return weight;
}

}  // namespace

Dense::Dense(Context& context, DenseConfig config)
    : Module(context),
      config_(checked(config)),
      weight_(register_parameter("weight", glorot_weight(context, config_), weight_info(config_))) {
  if (config_.bias) {
    bias_ =
        &register_parameter("bias", Tensor::zeros(context, {config_.out_features}), {ParameterRole::bias});
  }
}

Tensor Dense::forward(const Tensor& x) {
  check(x.rank() == 2 && x.dim(1) == config_.in_features, "Dense: got an input of shape ", x.shape(),
        ", expected (N, ", config_.in_features, "), put a Flatten before it or fix in_features");
  const Tensor y = matmul(x, cast(weight_, x.dtype()), {.transpose_b = true});
  return bias_ != nullptr ? add(y, cast(*bias_, x.dtype())) : y;
}

std::string Dense::details() const {
  return std::to_string(config_.in_features) + "->" + std::to_string(config_.out_features) +
         (config_.bias ? "" : ", no bias");
}

std::int64_t Dense::multiply_adds(const Shape& /*input*/, const Shape& output) const {
  return output.numel() * config_.in_features;
}

}  // namespace dg
