// Sequential, Residual, Flatten.
#include "layers/container.h"

#include "layer_checks.h"
#include "layers/activation.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/padding.h"

using namespace dg;
using namespace dg::test;

TEST_CASE("Sequential: applies its children in order") {
  Context context;
  Sequential net(context);
  net.add<Clamp>("clamp", -1.0, 1.0);
  net.add<LeakyReLU>("leaky", 0.5);
  net.append("relu", std::make_unique<ReLU>(context));
  CHECK(net.size() == 3);
  CHECK(net[1].kind() == "LeakyReLU");
  CHECK(net(values(context, {3}, {-4, 0.5, 4}, DType::float32)).to_doubles() ==
        std::vector<double>{0, 0.5, 1});
}

TEST_CASE("Sequential: a position beyond the end and an empty module are refused") {
  Context context;
  Sequential net(context);
  CHECK_THROWS_AS(net[0], Error);
  CHECK_THROWS_AS(net.append("nothing", nullptr), Error);
}

TEST_CASE("Residual: adds its input to the body's output") {
  Context context;
  Residual block(context, "conv_block");
  block.body().add<Conv2d>("1", {.in_channels = 1, .out_channels = 1, .kernel = 1, .bias = false});
  set_state(block, "conv_block.1.weight", {10});
  CHECK(block(values(context, {1, 1, 2, 1}, {1, 2}, DType::float32)).to_doubles() ==
        std::vector<double>{11, 22});
  CHECK(worst_layer_error(block, {1, 2, 2, 1}) < 1e-8);
}

TEST_CASE("Residual: a body that changes the shape is refused with both shapes") {
  Context context;
  Residual block(context);
  block.body().add<ZeroPad2d>("pad", 1);
  CHECK_THROWS_WITH(block(Tensor::ones(context, {1, 2, 2, 1})),
                    Catch::Contains("(1, 2, 2, 1)") && Catch::Contains("(1, 4, 4, 1)"));
}

TEST_CASE("Flatten: keeps the batch and row-major order") {
  Context context;
  Flatten flatten(context);
  const Tensor x = count_up(context, {2, 1, 3, 2}, DType::float32);
  CHECK(flatten(x).shape() == Shape{2, 6});
  CHECK(flatten(x).to_doubles() == x.to_doubles());
}

TEST_CASE("Sequential: derivatives of a small network match central differences") {
  Context context;
  Sequential net(context);
  net.add<Conv2d>("conv", {.in_channels = 1, .out_channels = 2, .kernel = 3, .same = true});
  net.add<Tanh>("tanh");
  net.add<Flatten>("flatten");
  net.add<Dense>("dense", {.in_features = 12, .out_features = 2});
  CHECK(worst_layer_error(net, {2, 2, 3, 1}) < 1e-8);
}
