// Layers that wrap one op each: dense, dropout, activations, padding, resampling.
#include "layer_checks.h"
#include "layers/activation.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/padding.h"
#include "layers/resample.h"

using namespace dg;
using namespace dg::test;

namespace {
using Doubles = std::vector<double>;
}

TEST_CASE("Dense: y is x times the transposed weight plus bias") {
  Context context;
  Dense dense(context, {.in_features = 3, .out_features = 2});
  CHECK(state_of(dense, "weight").shape() == Shape{2, 3});
  set_state(dense, "weight", {1, 2, 3, 4, 5, 6});
  set_state(dense, "bias", {100, 200});
  const Tensor x = values(context, {2, 3}, {1, 0, 0, 0, 1, 1}, DType::float32);
  CHECK(dense(x).to_doubles() == Doubles{101, 204, 105, 211});
  CHECK(dense.multiply_adds({2, 3}, {2, 2}) == 12);
}

TEST_CASE("Dense: derivatives match central differences") {
  Context context;
  Dense dense(context, {.in_features = 3, .out_features = 2});
  CHECK(worst_layer_error(dense, {4, 3}) < 1e-8);
}

TEST_CASE("Dense: a feature map is refused with a hint") {
  Context context;
  Dense dense(context, {.in_features = 3, .out_features = 2});
  CHECK_THROWS_WITH(dense(Tensor::ones(context, {1, 1, 1, 3})), Catch::Contains("Flatten"));
}

TEST_CASE("Dropout: zeroes or scales while training and passes on in eval mode") {
  Context context;
  Dropout drop(context, {.rate = 0.5});
  const Tensor x = Tensor::ones(context, {1000});
  std::int64_t kept = 0;
  for (const double v : drop(x).to_doubles()) {
    CHECK((v == 0.0 || v == 2.0));
    kept += v > 0.0 ? 1 : 0;
  }
  CHECK(kept > 400);  // 500 expected, standard deviation 16
  CHECK(kept < 600);
  drop.eval();
  const std::uint64_t before = context.random().state().offset;
  CHECK(drop(x).to_doubles() == x.to_doubles());
  CHECK(context.random().state().offset == before);
}

TEST_CASE("Dropout: stays active in eval mode on request") {
  Context context;
  Dropout drop(context, {.rate = 0.5, .always = true});
  drop.eval();
  const Tensor x = Tensor::ones(context, {100});
  CHECK(drop(x).to_doubles() != x.to_doubles());
  drop.set_always(false);
  CHECK(drop(x).to_doubles() == x.to_doubles());
}

TEST_CASE("Dropout: a rate outside 0 to 1 is refused") {
  Context context;
  CHECK_THROWS_AS(Dropout(context, {.rate = 1.0}), Error);
  CHECK_THROWS_AS(Dropout(context, {.rate = -0.1}), Error);
}

TEST_CASE("activation layers: values by hand") {
  Context context;
  const Tensor x = values(context, {4}, {-2, 0, 1, 3}, DType::float32);
  ReLU relu_layer(context);
  LeakyReLU leaky(context, 0.5);
  Clamp clamp_layer(context, -1, 1);
  CHECK(relu_layer(x).to_doubles() == Doubles{0, 0, 1, 3});
  CHECK(leaky(x).to_doubles() == Doubles{-1, 0, 1, 3});
  CHECK(clamp_layer(x).to_doubles() == Doubles{-1, 0, 1, 1});
  Tanh tanh_layer(context);
  Sigmoid sigmoid_layer(context);
  CHECK(tanh_layer(x).to_doubles()[2] == Approx(std::tanh(1.0)));
  CHECK(sigmoid_layer(x).to_doubles()[1] == 0.5);
  CHECK_THROWS_AS(Clamp(context, 1, 1), Error);
  CHECK_THROWS_AS(LeakyReLU(context, -0.1), Error);
}

TEST_CASE("activation layers: derivatives match central differences") {
  Context context;
  ReLU relu_layer(context);
  LeakyReLU leaky(context, 0.2);
  Tanh tanh_layer(context);
  Sigmoid sigmoid_layer(context);
  Clamp clamp_layer(context, -0.5, 0.52);
  for (Module* layer :
       std::initializer_list<Module*>{&relu_layer, &leaky, &tanh_layer, &sigmoid_layer, &clamp_layer}) {
    INFO(layer->kind());
    CHECK(worst_layer_error(*layer, {3, 5}) < 1e-8);
  }
}

TEST_CASE("padding layers: values by hand") {
  Context context;
  const Tensor x = values(context, {1, 1, 3, 1}, {1, 2, 3}, DType::float32);
  const Padding2d sides{0, 0, 2, 1};
  ReflectionPad2d reflect(context, sides);
  ReplicationPad2d replicate(context, sides);
  ZeroPad2d zero(context, sides);
  CHECK(reflect(x).to_doubles() == Doubles{3, 2, 1, 2, 3, 2});
  CHECK(replicate(x).to_doubles() == Doubles{1, 1, 1, 2, 3, 3});
  CHECK(zero(x).to_doubles() == Doubles{0, 0, 1, 2, 3, 0});
  CHECK(ReflectionPad2d(context, 3).padding() == Padding2d::all(3));
  CHECK(ZeroPad2d(context, sides).details() == "0/0/2/1");
  CHECK_THROWS_AS(ZeroPad2d(context, -1), Error);
}

TEST_CASE("resampling layers: values by hand") {
  Context context;
  const Tensor x = count_up(context, {1, 2, 2, 1}, DType::float32);
  UpsampleNearest2d up(context);
  CHECK(up(x).to_doubles() == Doubles{1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4});
  MaxPool2d pool(context);
  CHECK(pool(x).to_doubles() == Doubles{4});
  MaxPool2d overlapping(context, 2, 1);
  CHECK(overlapping(count_up(context, {1, 3, 3, 1}, DType::float32)).to_doubles() == Doubles{5, 6, 8, 9});
}

TEST_CASE("padding and resampling layers: derivatives match central differences") {
  Context context;
  ReflectionPad2d reflect(context, Padding2d{1, 2, 0, 1});
  ReplicationPad2d replicate(context, 1);
  ZeroPad2d zero(context, 1);
  UpsampleNearest2d up(context, 2);
  MaxPool2d pool(context, 2, 2);
  for (Module* layer : std::initializer_list<Module*>{&reflect, &replicate, &zero, &up, &pool}) {
    INFO(layer->kind());
    CHECK(worst_layer_error(*layer, {2, 3, 4, 2}) < 1e-8);
  }
}
