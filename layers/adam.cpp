// Adam: collects the arrays, the backend does the arithmetic.
#include "layers/adam.h"

#include "core/ops.h"

namespace dg {

Adam::Adam(std::vector<NamedTensor> parameters, AdamConfig config)
    : parameters_(std::move(parameters)), config_(config) {
  check(!parameters_.empty(), "Adam: got no parameters, give those of a module with weights");
  check(config.beta1 >= 0.0 && config.beta1 < 1.0 && config.beta2 >= 0.0 && config.beta2 < 1.0,
        "Adam: got betas ", config.beta1, " and ", config.beta2, ", give numbers in [0, 1)");
  check(config.epsilon > 0.0, "Adam: got epsilon ", config.epsilon, ", give a positive one");
  set_learning_rate(config.learning_rate);
  for (const NamedTensor& entry : parameters_) {
    check(entry.tensor.requires_grad(), "Adam: parameter '", entry.name,
          "' does not require a gradient, thaw the module with set_requires_grad(true) first");
    m_.push_back(Tensor::zeros(entry.tensor.context(), entry.tensor.shape(), entry.tensor.dtype()));
    v_.push_back(Tensor::zeros(entry.tensor.context(), entry.tensor.shape(), entry.tensor.dtype()));
  }
}

void Adam::step() {
  std::vector<Tensor> gradients;  // keeps them alive during the call
  std::vector<AdamTensor> arrays;
  gradients.reserve(parameters_.size());
  arrays.reserve(parameters_.size());
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Tensor& parameter = parameters_[i].tensor;
    gradients.push_back(parameter.grad());
    const Tensor& gradient = gradients.back();
    check(gradient.defined(), "Adam: parameter '", parameters_[i].name,
          "' has no gradient, run backward() first or leave it out of the optimizer");
    check(gradient.dtype() == parameter.dtype(), "Adam: parameter '", parameters_[i].name, "' is ",
          name_of(parameter.dtype()), " and its gradient ", name_of(gradient.dtype()),
          ", convert the gradient");
    arrays.push_back({parameter.mutable_array(), gradient.array(), m_[i].mutable_array(),
                      v_[i].mutable_array(), parameter.numel()});
  }
  parameters_.front().tensor.backend().adam(arrays, options_of_step());
  ++step_count_;
}

AdamOptions Adam::options_of_step(std::int64_t ahead) const {
  return {config_.learning_rate, config_.beta1, config_.beta2, config_.epsilon, step_count_ + 1 + ahead};
}

void Adam::zero_grad() {
  for (NamedTensor& entry : parameters_) {
    entry.tensor.set_grad(Tensor());
  }
}

void Adam::set_learning_rate(double learning_rate) {
  check(learning_rate >= 0.0, "Adam: got the learning rate ", learning_rate,
        ", give one that is not negative");
  config_.learning_rate = learning_rate;
}

std::vector<NamedTensor> Adam::state() const {
  std::vector<NamedTensor> moments;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    moments.push_back({"m." + parameters_[i].name, m_[i]});
    moments.push_back({"v." + parameters_[i].name, v_[i]});
  }
  return moments;
}

StateMismatch Adam::load(const std::vector<NamedTensor>& moments, std::int64_t step_count) {
  check(step_count >= 0, "Adam: got the step count ", step_count, ", give one that is not negative");
  StateMismatch mismatch = copy_state(state(), moments, Strictness::strict);
  if (mismatch.empty()) {
    step_count_ = step_count;
  }
  return mismatch;
}

void clip_weights(Module& module, double limit) {
  check(limit > 0.0, "clip_weights: got the limit ", limit, ", give a positive one");
  const NoGrad no_grad(module.context());
  for (NamedTensor& entry : module.parameters()) {
    entry.tensor.copy_from(clamp(entry.tensor, -limit, limit));
  }
}

}  // namespace dg
