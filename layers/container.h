// Modules made of modules.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "layers/module.h"

namespace dg {

// Its children, one after the other, in the order in which they were added. It owns them.
//   Sequential net(context);
//   net.add<Conv2d>("conv1", {.in_channels = 3, .out_channels = 64, .kernel = 7});
//   net.add<ReLU>("relu1");
class Sequential final : public Module {
 public:
  using Module::Module;
  std::string kind() const override { return "Sequential"; }

  // Layers with a config: braces work, since the config's type does not depend on the argument.
  template <typename Layer>
  Layer& add(const std::string& name, typename Layer::Config config) {
    return adopt(name, std::make_unique<Layer>(context(), std::move(config)));
  }
  // All others: the arguments that follow the context.
  template <typename Layer, typename... Args>
  requires std::constructible_from<Layer, Context&, Args...> &&
      (!requires { typename Layer::Config; })Layer& add(const std::string& name, Args&&... args) {
    return adopt(name, std::make_unique<Layer>(context(), std::forward<Args>(args)...));
  }
  // A module made elsewhere.
  Module& append(std::string name, std::unique_ptr<Module> module);

  std::size_t size() const { return modules_.size(); }
  Module& operator[](std::size_t position);  // throws Error beyond the end

 private:
  Tensor forward(const Tensor& x) override;

  template <typename Layer>
  Layer& adopt(const std::string& name, std::unique_ptr<Layer> layer) {
    Layer& reference = *layer;
    append(name, std::move(layer));
    return reference;
  }

  std::vector<std::unique_ptr<Module>> modules_;
};

// x + body(x). The body is a Sequential to be filled; its name is part of its parameters' names.
class Residual final : public Module {
 public:
  explicit Residual(Context& context, std::string body_name = "body");
  std::string kind() const override { return "Residual"; }
  Sequential& body() { return body_; }

 private:
  Tensor forward(const Tensor& x) override;
  Sequential body_;
};

// (N,H,W,C) -> (N, H*W*C), in row-major order; any rank above 0.
class Flatten final : public Module {
 public:
  using Module::Module;
  std::string kind() const override { return "Flatten"; }

 private:
  Tensor forward(const Tensor& x) override;
};

}  // namespace dg
