// The tree of modules: names, modes, freezing, element types.
#include "layers/module.h"

#include "layer_checks.h"
#include "layers/adam.h"
#include "layers/container.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/norm.h"

using namespace dg;
using namespace dg::test;

namespace {

using Names = std::vector<std::string>;

void build_block(Sequential& net) {
  net.add<Conv2d>("conv", {.in_channels = 2, .out_channels = 3, .kernel = 1});
  net.add<Residual>("block").body().add<BatchNorm2d>("norm", {.channels = 3});
  net.add<Dropout>("drop", {.rate = 0.5});
}

// Registers what the test asks for.
class Registrar final : public Module {
 public:
  using Module::Module;
  using Module::register_buffer;
  using Module::register_child;
  using Module::register_parameter;
  std::string kind() const override { return "Registrar"; }

 private:
  Tensor forward(const Tensor& x) override { return x; }
};

}  // namespace

TEST_CASE("module: names follow the tree in order of registration") {
  Context context;
  Sequential net(context);
  build_block(net);
  CHECK(names_of(net.parameters()) ==
        Names{"conv.weight", "conv.bias", "block.body.norm.weight", "block.body.norm.bias"});
  CHECK(names_of(net.buffers()) == Names{"block.body.norm.running_mean", "block.body.norm.running_var"});
  CHECK(net.state().size() == 6);
  Names modules;
  for (const NamedModule& entry : net.modules()) modules.push_back(entry.name + ":" + entry.module->kind());
  CHECK(modules == Names{":Sequential", "conv:Conv2d", "block:Residual", "block.body:Sequential",
                         "block.body.norm:BatchNorm2d", "drop:Dropout"});
}

TEST_CASE("module: parameter_count holds parameters and buffers") {
  Context context;
  Sequential net(context);
  build_block(net);
  CHECK(net.parameter_count() == (2 * 3 + 3) + (4 * 3));
}

TEST_CASE("module: names that clash or have a dot are refused") {
  Context context;
  Registrar module(context);
  Registrar child(context);
  const Tensor one = Tensor::ones(context, {1});
  module.register_parameter("a", one);
  CHECK_THROWS_AS(module.register_parameter("a", one), Error);
  CHECK_THROWS_AS(module.register_buffer("a", one), Error);
  CHECK_THROWS_AS(module.register_child("a", child), Error);
  CHECK_THROWS_AS(module.register_buffer("b.c", one), Error);
  CHECK_THROWS_AS(module.register_buffer("", one), Error);
  CHECK(names_of(module.state()) == Names{"a"});
}

TEST_CASE("module: one child under two names is refused since its weights would be shared") {
  Context context;
  Registrar module(context);
  Registrar child(context);
  module.register_child("first", child);
  CHECK_THROWS_WITH(module.register_child("second", child), Catch::Contains("share their weights"));
}

TEST_CASE("module: train and eval reach all children") {
  Context context;
  Sequential net(context);
  build_block(net);
  net.eval();
  for (const NamedModule& entry : net.modules()) CHECK_FALSE(entry.module->training());
  net.train();
  for (const NamedModule& entry : net.modules()) CHECK(entry.module->training());
}

TEST_CASE("module: a frozen network is still differentiated by its input") {
  Context context;
  Dense dense(context, {.in_features = 2, .out_features = 1});
  set_state(dense, "weight", {3, 5});
  dense.set_requires_grad(false);
  Tensor x = values(context, {1, 2}, {1, 1}, DType::float32);
  x.set_requires_grad(true);
  backward(sum(dense(x)));
  CHECK(x.grad().to_doubles() == std::vector<double>{3, 5});
  dense.set_requires_grad(true);
  CHECK_FALSE(state_of(dense, "weight").grad().defined());
}

TEST_CASE("module: an optimizer still sees gradients after freezing and thawing") {
  Context context;
  Dense dense(context, {.in_features = 1, .out_features = 1, .bias = false});
  set_state(dense, "weight", {1});
  Adam adam(dense.parameters(), {.learning_rate = 0.5});
  dense.set_requires_grad(false);
  dense.set_requires_grad(true);
  backward(sum(dense(Tensor::ones(context, {1, 1}))));
  adam.step();
  CHECK(state_of(dense, "weight").item() == Approx(0.5).margin(1e-6));
}

TEST_CASE("module: zero_grad clears the gradients of all children") {
  Context context;
  Sequential net(context);
  net.add<Dense>("one", {.in_features = 1, .out_features = 1});
  backward(sum(net(Tensor::ones(context, {1, 1}))));
  REQUIRE(state_of(net, "one.weight").grad().defined());
  net.zero_grad();
  CHECK_FALSE(state_of(net, "one.weight").grad().defined());
}

TEST_CASE("module: to converts parameters and buffers and keeps values and frozenness") {
  Context context;
  BatchNorm2d norm(context, {.channels = 2});
  set_state(norm, "weight", {0.5, 3});
  norm.set_requires_grad(false);
  norm.to(DType::float64);
  for (const NamedTensor& entry : norm.state()) CHECK(entry.tensor.dtype() == DType::float64);
  CHECK(state_of(norm, "weight").to_doubles() == std::vector<double>{0.5, 3});
  CHECK_FALSE(state_of(norm, "weight").requires_grad());
  norm.set_requires_grad(true);
  CHECK(state_of(norm, "weight").requires_grad());
}

TEST_CASE("module: the observer is told of children before their parent") {
  Context context;
  Sequential net(context);
  net.add<Dense>("one", {.in_features = 1, .out_features = 3});
  Names told;
  context.set_module_observer([&](const Module& module, const Tensor& x, const Tensor& y) {
    told.push_back(module.kind() + to_string(x.shape()) + to_string(y.shape()));
  });
  net(Tensor::ones(context, {2, 1}));
  CHECK(told == Names{"Dense(2, 1)(2, 3)", "Sequential(2, 1)(2, 3)"});
}
