// Normalisation layers: values with an eps that makes roots whole, running statistics, derivatives.
#include "layers/norm.h"

#include "layer_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

using Doubles = std::vector<double>;

// mean 2, variance 4 (biased), 16/3 (unbiased); with eps 12 the deviation is 4.
Tensor two_and_two(Context& context, const Shape& shape) {
  return values(context, shape, {0, 0, 4, 4}, DType::float32);
}

}  // namespace

TEST_CASE("InstanceNorm2d: each image and channel has its own statistics") {
  Context context;
  InstanceNorm2d norm(context, {.channels = 1, .eps = 3.0});
  const Tensor x = values(context, {2, 2, 1, 1}, {1, 3, 101, 103}, DType::float32);
  CHECK(norm(x).to_doubles() == Doubles{-0.5, 0.5, -0.5, 0.5});
  CHECK(norm.state().empty());
}

TEST_CASE("InstanceNorm2d: affine scales and shifts each channel") {
  Context context;
  InstanceNorm2d norm(context, {.channels = 2, .eps = 3.0, .affine = true});
  set_state(norm, "weight", {2, 4});
  set_state(norm, "bias", {10, 20});
  const Tensor x = values(context, {1, 2, 1, 2}, {1, 3, 3, 1}, DType::float32);
  CHECK(norm(x).to_doubles() == Doubles{9, 22, 11, 18});
}

TEST_CASE("InstanceNorm2d: tracked buffers exist for checkpoints but images keep their own statistics") {
  Context context;
  InstanceNorm2d norm(context, {.channels = 1, .eps = 12.0, .track_running_stats = true});
  CHECK(names_of(norm.buffers()) == std::vector<std::string>{"running_mean", "running_var"});
  set_state(norm, "running_mean", {50});
  const Tensor x = two_and_two(context, {1, 2, 2, 1});
  norm.eval();
  CHECK(norm(x).to_doubles() == Doubles{-0.5, -0.5, 0.5, 0.5});
  norm.train();
  norm(x);
  CHECK(state_of(norm, "running_mean").item() == 50);
}

TEST_CASE("InstanceNorm2d: running statistics are moved in training and used in eval on request") {
  Context context;
  InstanceNorm2d norm(context, {.channels = 1,
                                .eps = 12.0,
                                .track_running_stats = true,
                                .use_running_stats_in_eval = true,
                                .momentum = 0.75});
  norm(two_and_two(context, {1, 2, 2, 1}));
  CHECK(state_of(norm, "running_mean").item() == Approx(0.25 * 2));
  CHECK(state_of(norm, "running_var").item() == Approx(0.75 + 0.25 * 16.0 / 3.0));
  set_state(norm, "running_mean", {2});
  set_state(norm, "running_var", {4});
  norm.eval();
  CHECK(norm(values(context, {1, 1, 1, 1}, {10}, DType::float32)).item() == Approx(2));
}

TEST_CASE("BatchNorm2d: training normalises over the batch and moves the running statistics") {
  Context context;
  for (const bool unbiased : {false, true}) {
    for (const Shape& shape : {Shape{4, 1}, Shape{2, 2, 1, 1}}) {
      BatchNorm2d norm(context,
                       {.channels = 1, .eps = 12.0, .momentum = 0.75, .unbiased_running_variance = unbiased});
      CHECK(norm(two_and_two(context, shape)).to_doubles() == Doubles{-0.5, -0.5, 0.5, 0.5});
      CHECK(state_of(norm, "running_mean").item() == Approx(0.25 * 2));
      CHECK(state_of(norm, "running_var").item() == Approx(0.75 + 0.25 * (unbiased ? 16.0 / 3.0 : 4.0)));
    }
  }
}

TEST_CASE("BatchNorm2d: eval uses the running statistics and leaves them alone") {
  Context context;
  BatchNorm2d norm(context, {.channels = 1, .eps = 12.0});
  set_state(norm, "running_mean", {2});
  set_state(norm, "running_var", {4});
  set_state(norm, "weight", {3});
  set_state(norm, "bias", {1});
  norm.eval();
  CHECK(norm(values(context, {1, 1}, {10}, DType::float32)).item() == Approx(7));
  CHECK(norm(values(context, {1, 1, 1, 1}, {-2}, DType::float32)).item() == Approx(-2));
  CHECK(state_of(norm, "running_mean").item() == 2);
}

TEST_CASE("norm layers: derivatives match central differences") {
  Context context;
  InstanceNorm2d instance(context, {.channels = 2, .affine = true});
  CHECK(worst_layer_error(instance, {2, 3, 3, 2}) < 1e-7);
  BatchNorm2d batch(context, {.channels = 2});
  CHECK(worst_layer_error(batch, {2, 3, 2, 2}) < 1e-7);
  CHECK(worst_layer_error(batch, {5, 2}) < 1e-7);
  batch.eval();
  CHECK(worst_layer_error(batch, {2, 3, 2, 2}) < 1e-7);
}

TEST_CASE("norm layers: what cannot be normalised is refused") {
  Context context;
  CHECK_THROWS_AS(BatchNorm2d(context, {.channels = 0}), Error);
  CHECK_THROWS_AS(BatchNorm2d(context, {.channels = 1, .momentum = 1.5}), Error);
  CHECK_THROWS_AS(InstanceNorm2d(context, {.channels = 1, .use_running_stats_in_eval = true}), Error);
  BatchNorm2d norm(context, {.channels = 2, .unbiased_running_variance = true});
  CHECK_THROWS_WITH(norm(Tensor::ones(context, {4, 3})), Catch::Contains("3 channels"));
  CHECK_THROWS_WITH(norm(Tensor::ones(context, {1, 2})), Catch::Contains("larger batch"));
}
