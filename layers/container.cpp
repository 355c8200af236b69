// Modules made of modules.
#include "layers/container.h"

#include "core/ops.h"

namespace dg {

Module& Sequential::append(std::string name, std::unique_ptr<Module> module) {
  check(module != nullptr, "Sequential: got no module for '", name, "', give one");
  register_child(std::move(name), *module);
  modules_.push_back(std::move(module));
  return *modules_.back();
}

Module& Sequential::operator[](std::size_t position) {
  check(position < modules_.size(), "Sequential: asked for module ", position, " of ", modules_.size(),
        ", give a smaller position");
  return *modules_[position];
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& module : modules_) {
    y = (*module)(y);
  }
  return y;
}

Residual::Residual(Context& context, std::string body_name) : Module(context), body_(context) {
  register_child(std::move(body_name), body_);
}

Tensor Residual::forward(const Tensor& x) {
  const Tensor y = body_(x);
  check(y.shape() == x.shape(), "Residual: the body turns ", x.shape(), " into ", y.shape(),
        ", expected the same shape, pad its convolutions");
  return add(x, y);
}

Tensor Flatten::forward(const Tensor& x) {
  check(x.rank() > 0, "Flatten: got a scalar, expected a batch such as (N,H,W,C)");
  const std::int64_t batch = x.dim(0);
  return reshape(x, {batch, batch == 0 ? 0 : x.numel() / batch});
}

}  // namespace dg
