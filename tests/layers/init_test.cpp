// Initial values: distributions, and that they depend on the generator alone.
#include "layers/init.h"

#include "layer_checks.h"
#include "layers/container.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/norm.h"

using namespace dg;
using namespace dg::test;

namespace {

struct Moments {
  double mean = 0.0;
  double std = 0.0;
  double largest = 0.0;
};

Moments moments_of(const Tensor& tensor) {
  Moments result;
  const std::vector<double> v = tensor.to_doubles();
  const auto n = static_cast<double>(v.size());
  for (const double x : v) {
    result.mean += x / n;
    result.largest = std::max(result.largest, std::abs(x));
  }
  for (const double x : v) result.std += (x - result.mean) * (x - result.mean) / n;
  result.std = std::sqrt(result.std);
  return result;
}

void build(Sequential& net) {
  net.add<Conv2d>("conv", {.in_channels = 8, .out_channels = 16, .kernel = 3});
  net.add<BatchNorm2d>("norm", {.channels = 2048});
}

}  // namespace

TEST_CASE("init_normal: weights around 0 and scales around 1 with the same deviation") {
  Context context;
  Sequential net(context);
  build(net);
  set_state(net, "conv.bias", std::vector<double>(16, 7.0));
  Generator generator(5);
  init_normal(net, generator);
  const Moments weight = moments_of(state_of(net, "conv.weight"));  // 1152 numbers: standard error 0.0006
  CHECK(weight.mean == Approx(0.0).margin(0.0025));
  CHECK(weight.std == Approx(0.02).epsilon(0.08));
  const Moments scale = moments_of(state_of(net, "norm.weight"));
  CHECK(scale.mean == Approx(1.0).margin(0.002));
  CHECK(scale.std == Approx(0.02).epsilon(0.08));
  CHECK(moments_of(state_of(net, "conv.bias")).largest == 0.0);
  CHECK(moments_of(state_of(net, "norm.bias")).largest == 0.0);
}

TEST_CASE("init_glorot_uniform: the limit follows from the fans of a KRSC weight") {
  Context context;
  Sequential net(context);
  build(net);
  set_state(net, "norm.weight", std::vector<double>(2048, 7.0));
  Generator generator(5);
  init_glorot_uniform(net, generator);
  // fans 9 * 8 and 9 * 16: limit sqrt(6 / 216) = 1/6; the deviation of a uniform number is limit / sqrt(3).
  const Moments weight = moments_of(state_of(net, "conv.weight"));
  CHECK(weight.largest <= 1.0 / 6.0);
  CHECK(weight.largest > 0.164);
  CHECK(weight.std == Approx(1.0 / 6.0 / std::sqrt(3.0)).epsilon(0.06));
  CHECK(moments_of(state_of(net, "norm.weight")).std == 0.0);
  CHECK(state_of(net, "norm.weight").to_doubles().front() == 1.0);
}

TEST_CASE("init_he_normal: the deviation is gain over the root of fan_in") {
  Context context;
  Dense dense(context, {.in_features = 50, .out_features = 100});
  Generator generator(5);
  init_he_normal(dense, generator);
  CHECK(moments_of(state_of(dense, "weight")).std == Approx(std::sqrt(2.0 / 50.0)).epsilon(0.05));
  init_he_normal(dense, generator, 0.1);
  CHECK(moments_of(state_of(dense, "weight")).std == Approx(0.1 / std::sqrt(50.0)).epsilon(0.05));
}

TEST_CASE("init: the same generator gives the same weights on the plain kernels and in float64") {
  Context context;
  ContextOptions plain;
  plain.reference_kernels = true;
  Context reference(plain);
  Dense first(context, {.in_features = 5, .out_features = 3});
  Dense second(reference, {.in_features = 5, .out_features = 3});
  Dense wide(context, {.in_features = 5, .out_features = 3});
  wide.to(DType::float64);
  Generator a(9);
  Generator b(9);
  Generator c(9);
  init_normal(first, a);
  init_normal(second, b);
  init_normal(wide, c);
  CHECK(state_of(first, "weight").to_doubles() == state_of(second, "weight").to_doubles());
  CHECK(state_of(first, "weight").to_doubles() == state_of(wide, "weight").to_doubles());
  CHECK(a.state().offset == 4);  // 15 numbers, four to a counter
  Generator other(10);
  init_normal(second, other);
  CHECK(state_of(first, "weight").to_doubles() != state_of(second, "weight").to_doubles());
}

TEST_CASE("init: layers start with Glorot weights from the context's generator") {
  ContextOptions seeded;
  seeded.seed = 3;
  Context context(seeded);
  Context same(seeded);
  Conv2d a(context, {.in_channels = 2, .out_channels = 4, .kernel = 3});
  Conv2d b(same, {.in_channels = 2, .out_channels = 4, .kernel = 3});
  CHECK(state_of(a, "weight").to_doubles() == state_of(b, "weight").to_doubles());
  CHECK(moments_of(state_of(a, "weight")).std > 0.1);  // limit sqrt(6 / 54) = 0.33
  CHECK(moments_of(state_of(a, "bias")).largest == 0.0);
}

TEST_CASE("init: a weight without fans has no Glorot limit") {
  CHECK_THROWS_AS(glorot_limit({ParameterRole::weight}), Error);
}
