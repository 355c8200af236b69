// Adam by hand, clipping, schedules, EMA.
#include "layer_checks.h"
#include "layers/adam.h"
#include "layers/dense.h"
#include "layers/ema.h"
#include "layers/norm.h"
#include "layers/schedule.h"

using namespace dg;
using namespace dg::test;

namespace {

NamedTensor scalar_parameter(Context& context, double value) {
  Tensor p = values(context, {1}, {value});
  p.set_requires_grad(true);
  return {"p", p};
}

void step_with(Adam& adam, NamedTensor& parameter, double gradient) {
  parameter.tensor.set_grad(values(parameter.tensor.context(), {1}, {gradient}));
  adam.step();
}

std::vector<double> first_values(const Schedule& schedule, std::int64_t count) {
  std::vector<double> result;
  for (std::int64_t step = 0; step < count; ++step) result.push_back(schedule(step));
  return result;
}

}  // namespace

TEST_CASE("Adam: three steps by hand") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p}, {.learning_rate = 0.42, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 1.0});
  step_with(adam, p, 1.0);  // m/(1-b1) = 1, v/(1-b2) = 1: 0.42 * 1 / (1 + 1)
  CHECK(p.tensor.item() == Approx(0.79).epsilon(1e-12));
  step_with(adam, p, -1.0);  // m = -1/4, corrected -1/3; v corrected 1
  CHECK(p.tensor.item() == Approx(0.86).epsilon(1e-12));
  step_with(adam, p, 3.0);  // m = 11/8, corrected 11/7; v = 2.578125, divided by 1 - 27/64
  CHECK(p.tensor.item() ==
        Approx(0.86 - 0.42 * (11.0 / 7.0) / (std::sqrt(2.578125 / 0.578125) + 1.0)).epsilon(1e-12));
  CHECK(adam.step_count() == 3);
}

TEST_CASE("Adam: the bias correction makes the first steps as long as the learning rate") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p}, {.learning_rate = 0.125});
  for (int i = 1; i <= 3; ++i) {
    step_with(adam, p, 1000.0);
    CHECK(p.tensor.item() == Approx(1.0 - 0.125 * i).epsilon(1e-9));
  }
}

TEST_CASE("Adam: the learning rate may change between steps") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p}, {.learning_rate = 0.125});
  adam.set_learning_rate(0.0);
  step_with(adam, p, 1.0);
  CHECK(p.tensor.item() == 1.0);
  CHECK_THROWS_AS(adam.set_learning_rate(-1.0), Error);
}

TEST_CASE("Adam: moments and step saved and loaded continue bit for bit") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p}, {.learning_rate = 0.1});
  step_with(adam, p, 0.3);
  step_with(adam, p, -0.7);

  NamedTensor q = scalar_parameter(context, p.tensor.item());
  Adam resumed({q}, {.learning_rate = 0.1});
  CHECK(names_of(adam.state()) == std::vector<std::string>{"m.p", "v.p"});
  CHECK(resumed.load(adam.state(), adam.step_count()).empty());
  step_with(adam, p, 0.2);
  step_with(resumed, q, 0.2);
  CHECK(p.tensor.item() == q.tensor.item());
}

TEST_CASE("Adam: moments that do not fit are reported and nothing changes") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p});
  step_with(adam, p, 1.0);
  const double m = adam.state()[0].tensor.item();
  const StateMismatch mismatch =
      adam.load({{"m.p", Tensor::zeros(context, {1})}, {"v.other", Tensor::zeros(context, {1})}}, 7);
  CHECK(mismatch.missing == std::vector<std::string>{"v.p"});
  CHECK(mismatch.unexpected == std::vector<std::string>{"v.other"});
  CHECK(adam.state()[0].tensor.item() == m);
  CHECK(adam.step_count() == 1);
}

TEST_CASE("Adam: a parameter without a gradient is named") {
  Context context;
  NamedTensor p = scalar_parameter(context, 1.0);
  Adam adam({p});
  CHECK_THROWS_WITH(adam.step(), Catch::Contains("'p' has no gradient"));
  p.tensor.set_grad(Tensor::ones(context, {1}, DType::float64));
  adam.zero_grad();
  CHECK_FALSE(p.tensor.grad().defined());
  CHECK(adam.step_count() == 0);
}

TEST_CASE("Adam: frozen parameters and no parameters are refused") {
  Context context;
  Dense dense(context, {.in_features = 1, .out_features = 1});
  dense.set_requires_grad(false);
  CHECK_THROWS_WITH(Adam(dense.parameters()), Catch::Contains("weight"));
  CHECK_THROWS_AS(Adam({}), Error);
}

TEST_CASE("clip_weights: parameters are clamped in place and buffers are not") {
  Context context;
  BatchNorm2d norm(context, {.channels = 3});
  set_state(norm, "weight", {-2, 0.25, 2});
  set_state(norm, "running_mean", {-2, 0.25, 2});
  clip_weights(norm, 0.5);
  CHECK(state_of(norm, "weight").to_doubles() == std::vector<double>{-0.5, 0.25, 0.5});
  CHECK(state_of(norm, "running_mean").to_doubles() == std::vector<double>{-2, 0.25, 2});
  CHECK(state_of(norm, "weight").requires_grad());
}

TEST_CASE("schedules: constant then linear decay to 0") {
  const Schedule schedule =
      make_schedule(ConstantThenLinearDecay{.base = 8, .constant_steps = 3, .decay_steps = 4});
  CHECK(first_values(schedule, 9) == std::vector<double>{8, 8, 8, 8, 6, 4, 2, 0, 0});
  CHECK(schedule(1'000'000'000'000) == 0);
  CHECK_THROWS_AS(schedule(-1), Error);
}

TEST_CASE("schedules: cosine and constant") {
  const Schedule cosine = make_schedule(CosineDecay{.base = 3, .final = 1, .steps = 4});
  CHECK(cosine(0) == 3);
  CHECK(cosine(1) == Approx(2 + std::sqrt(0.5)));
  CHECK(cosine(2) == Approx(2));
  CHECK(cosine(4) == 1);
  CHECK(cosine(5) == 1);
  CHECK(first_values(constant_schedule(0.5), 2) == std::vector<double>{0.5, 0.5});
  CHECK_THROWS_AS(make_schedule(CosineDecay{.steps = 0}), Error);
}

TEST_CASE("Ema: averages parameters and copies buffers") {
  Context context;
  BatchNorm2d norm(context, {.channels = 1});
  set_state(norm, "weight", {0});
  Ema ema(norm, 0.75);
  set_state(norm, "weight", {4});
  set_state(norm, "running_mean", {9});
  ema.update();
  CHECK(ema.state()[0].tensor.item() == Approx(1));
  ema.update();
  CHECK(ema.state()[0].tensor.item() == Approx(1.75));
  CHECK(names_of(ema.state()) == names_of(norm.state()));
  CHECK(ema.state()[2].tensor.item() == 9);
}

TEST_CASE("Ema: a scope evaluates with the averages and gives the weights back") {
  Context context;
  Dense dense(context, {.in_features = 1, .out_features = 1});
  set_state(dense, "weight", {1});
  Ema ema(dense, 0.75);
  set_state(dense, "weight", {0.1});
  const double live = state_of(dense, "weight").item();
  {
    const EmaScope scope(ema);
    CHECK(dense(Tensor::ones(context, {1, 1})).item() == 1);
    CHECK_THROWS_AS(ema.update(), Error);
    CHECK_THROWS_AS(EmaScope(ema), Error);
  }
  CHECK(state_of(dense, "weight").item() == live);
  ema.update();
  CHECK(ema.state()[0].tensor.item() == Approx(0.75 + 0.25 * 0.1));
}

TEST_CASE("Ema: saved averages load by name") {
  Context context;
  Dense dense(context, {.in_features = 1, .out_features = 1, .bias = false});
  Ema ema(dense);
  CHECK(ema.load({{"weight", Tensor::full(context, {1, 1}, 5.0)}}).empty());
  CHECK(ema.state()[0].tensor.item() == 5);
  CHECK_FALSE(ema.load({{"weight", Tensor::ones(context, {2, 1})}}).empty());
  CHECK(ema.state()[0].tensor.item() == 5);
}
