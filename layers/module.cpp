// The tree of modules: names, modes and element types.
#include "layers/module.h"

#include "core/autograd.h"
#include "core/ops.h"

namespace dg {

Tensor Module::operator()(const Tensor& x) { return observed(x, forward(x)); }

Tensor Module::observed(const Tensor& x, Tensor y) const {
  if (const ModuleObserver& observer = context().module_observer()) {
    observer(*this, x, y);
  }
  return y;
}

std::int64_t Module::multiply_adds(const Shape& /*input*/, const Shape& /*output*/) const { return 0; }
std::string Module::algorithm(const Tensor& /*x*/, const Tensor& /*y*/) const { return {}; }

// ---- names ----

void Module::collect_parameters(const std::string& prefix, std::vector<NamedTensor>& all) const {
  for (const auto& parameter : parameters_) {
    all.push_back({prefix + parameter->name, parameter->tensor});
  }
  for (const auto& [name, child] : children_) {
    child->collect_parameters(prefix + name + ".", all);
  }
}

void Module::collect_buffers(const std::string& prefix, std::vector<NamedTensor>& all) const {
  for (const auto& [name, tensor] : buffers_) {
    all.push_back({prefix + name, *tensor});
  }
  for (const auto& [name, child] : children_) {
    child->collect_buffers(prefix + name + ".", all);
  }
}

void Module::collect_modules(const std::string& name, std::vector<NamedModule>& all) {
  all.push_back({name, this});
  for (const auto& [child_name, child] : children_) {
    std::string path = name;
    if (!path.empty()) path += '.';
    child->collect_modules(path += child_name, all);
  }
}

std::vector<NamedTensor> Module::parameters() const {
  std::vector<NamedTensor> all;
  collect_parameters("", all);
  return all;
}

std::vector<NamedTensor> Module::buffers() const {
  std::vector<NamedTensor> all;
  collect_buffers("", all);
  return all;
}

std::vector<NamedTensor> Module::state() const {
  std::vector<NamedTensor> all;
  collect_parameters("", all);
  collect_buffers("", all);
  return all;
}

std::vector<NamedModule> Module::modules() {
  std::vector<NamedModule> all;
  collect_modules("", all);
  return all;
}

std::int64_t Module::parameter_count() const {
  std::int64_t count = 0;
  for (const NamedTensor& entry : state()) {
    count += entry.tensor.numel();
  }
  return count;
}

// ---- modes ----

void Module::train(bool training) {
  training_ = training;
  for (const auto& [name, child] : children_) {
    child->train(training);
  }
}

void Module::set_requires_grad(bool requires_grad) {
  for (const auto& parameter : parameters_) {
    parameter->tensor.set_grad_meta(requires_grad ? parameter->leaf : nullptr);
  }
  for (const auto& [name, child] : children_) {
    child->set_requires_grad(requires_grad);
  }
}

void Module::zero_grad() {
  for (const auto& parameter : parameters_) {
    parameter->leaf->grad = Tensor();
  }
  for (const auto& [name, child] : children_) {
    child->zero_grad();
  }
}

void Module::to(DType dtype) {
  const NoGrad no_grad(context());
  for (const auto& parameter : parameters_) {
    Tensor& tensor = parameter->tensor;
    if (tensor.dtype() == dtype) {
      continue;
    }
    const bool frozen = !tensor.requires_grad();
    tensor = cast(tensor, dtype).detach();
    tensor.set_requires_grad(true);
    parameter->leaf = tensor.grad_meta();
    if (frozen) {
      tensor.set_grad_meta(nullptr);
    }
  }
  for (const auto& [name, tensor] : buffers_) {
    if (tensor->dtype() != dtype) {
      *tensor = cast(*tensor, dtype).detach();
    }
  }
  for (const auto& [name, child] : children_) {
    child->to(dtype);
  }
}

// ---- registration ----

void Module::check_name(const std::string& name) const {
  check(!name.empty() && name.find('.') == std::string::npos, "Module: the name '", name,
        "' cannot be registered, give one that is not empty and has no dot");
  bool taken = false;
  for (const auto& parameter : parameters_) taken = taken || parameter->name == name;
  for (const auto& [other, tensor] : buffers_) taken = taken || other == name;
  for (const auto& [other, child] : children_) taken = taken || other == name;
  check(!taken, "Module: the name '", name, "' is registered already, give each entry its own");
}

Tensor& Module::register_parameter(std::string name, Tensor tensor, ParameterInfo info) {
  check_name(name);
  check(tensor.defined(), "Module: parameter '", name, "' is undefined, give it a tensor");
  check(tensor.is_leaf(), "Module: parameter '", name,
        "' is the result of a recorded op, expected a leaf, pass its detach()");
  tensor.set_requires_grad(true);
  parameters_.push_back(std::make_unique<Parameter>());
  Parameter& parameter = *parameters_.back();
  parameter.name = std::move(name);
  parameter.tensor = std::move(tensor);
  parameter.info = info;
  parameter.leaf = parameter.tensor.grad_meta();
  return parameter.tensor;
}

Tensor& Module::register_buffer(std::string name, const Tensor& tensor) {
  check_name(name);
  check(tensor.defined(), "Module: buffer '", name, "' is undefined, give it a tensor");
  buffers_.emplace_back(std::move(name), std::make_unique<Tensor>(tensor.detach()));
  return *buffers_.back().second;
}

void Module::register_child(std::string name, Module& child) {
  check_name(name);
  check(&child != this, "Module: a module cannot be its own child '", name, "', register another module");
  for (const auto& [other, existing] : children_) {
    check(existing != &child, "Module: '", name, "' and '", other,
          "' are one module and would share their weights, make one module for each");
  }
  children_.emplace_back(std::move(name), &child);
}

}  // namespace dg
