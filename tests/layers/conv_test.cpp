// Conv2d and ConvTranspose2d: TensorFlow's SAME, parameter shapes, values by hand, derivatives.
#include "layers/conv.h"

#include "layer_checks.h"
#include "layers/init.h"

using namespace dg;
using namespace dg::test;

namespace {

// A column 1, 2, ..., height under a kernel of ones: each output is the sum of what the window sees.
std::vector<double> window_sums(std::int64_t height, std::int64_t kernel, std::int64_t stride) {
  Context context;
  Conv2d conv(context, {.in_channels = 1,
                        .out_channels = 1,
                        .kernel_h = kernel,
                        .kernel_w = 1,
                        .stride = stride,
                        .bias = false,
                        .same = true});
  set_state(conv, "weight", std::vector<double>(static_cast<std::size_t>(kernel), 1.0));
  return conv(count_up(context, {1, height, 1, 1}, DType::float32)).to_doubles();
}

using Doubles = std::vector<double>;

}  // namespace

TEST_CASE("same_padding: the odd pixel goes to the bottom and the right") {
  CHECK(same_padding(5, 5, 3, 3, 1) == Padding2d{1, 1, 1, 1});
  CHECK(same_padding(4, 5, 3, 3, 2) == Padding2d{0, 1, 1, 1});
  CHECK(same_padding(5, 4, 4, 4, 1) == Padding2d{1, 2, 1, 2});
  CHECK(same_padding(4, 5, 4, 4, 2) == Padding2d{1, 1, 1, 2});
  CHECK(same_padding(4, 3, 1, 1, 2) == Padding2d{0, 0, 0, 0});
  CHECK(same_padding(7, 8, 7, 3, 1) == Padding2d{3, 3, 1, 1});
}

TEST_CASE("Conv2d same: windows lie where TensorFlow puts them") {
  CHECK(window_sums(4, 3, 1) == Doubles{3, 6, 9, 7});
  CHECK(window_sums(4, 3, 2) == Doubles{6, 7});
  CHECK(window_sums(5, 3, 2) == Doubles{3, 9, 9});
  CHECK(window_sums(4, 4, 1) == Doubles{6, 10, 9, 7});
  CHECK(window_sums(5, 4, 2) == Doubles{6, 14, 9});
  CHECK(window_sums(4, 4, 2) == Doubles{6, 9});
}

TEST_CASE("Conv2d: weight is KRSC and the bias is added") {
  Context context;
  Conv2d conv(context, {.in_channels = 2, .out_channels = 2, .kernel_h = 1, .kernel_w = 2});
  CHECK(state_of(conv, "weight").shape() == Shape{2, 1, 2, 2});
  set_state(conv, "weight", {1, 0, 0, 1, 0, 10, 100, 0});
  set_state(conv, "bias", {0.5, -0.5});
  const Tensor x = values(context, {1, 1, 2, 2}, {1, 2, 3, 4}, DType::float32);
  CHECK(conv(x).to_doubles() == Doubles{1 + 4 + 0.5, 20 + 300 - 0.5});
}

TEST_CASE("ConvTranspose2d: stride 2 with padding and output padding doubles the size") {
  Context context;
  ConvTranspose2d conv(context, {.in_channels = 1,
                                 .out_channels = 1,
                                 .kernel = 3,
                                 .stride = 2,
                                 .padding = Padding2d::all(1),
                                 .output_padding = 1});
  set_state(conv, "weight", {1, 2, 3, 4, 5, 6, 7, 8, 9});
  set_state(conv, "bias", {100});
  const Tensor y = conv(count_up(context, {1, 2, 2, 1}, DType::float32));
  CHECK(y.shape() == Shape{1, 4, 4, 1});
  CHECK(y.to_doubles() == Doubles{105, 114, 110, 112,  //
                                  114, 136, 124, 130,  //
                                  115, 134, 120, 124,  //
                                  124, 155, 132, 136});
}

TEST_CASE("ConvTranspose2d: the first extent of the weight is the input's channels") {
  Context context;
  ConvTranspose2d conv(context, {.in_channels = 2, .out_channels = 3, .kernel = 1, .bias = false});
  CHECK(state_of(conv, "weight").shape() == Shape{2, 1, 1, 3});
  set_state(conv, "weight", {1, 2, 3, 10, 20, 30});
  CHECK(conv(values(context, {1, 1, 1, 2}, {1, 2}, DType::float32)).to_doubles() == Doubles{21, 42, 63});
}

TEST_CASE("Conv2d: derivatives match central differences") {
  Context context;
  Conv2d strided(context,
                 {.in_channels = 2, .out_channels = 3, .kernel = 3, .stride = 2, .padding = {1, 0, 2, 1}});
  CHECK(worst_layer_error(strided, {2, 5, 4, 2}) < 1e-8);
  Conv2d same(context, {.in_channels = 1, .out_channels = 2, .kernel = 4, .stride = 2, .same = true});
  CHECK(worst_layer_error(same, {1, 5, 6, 1}) < 1e-8);
}

TEST_CASE("ConvTranspose2d: derivatives match central differences") {
  Context context;
  ConvTranspose2d conv(context, {.in_channels = 2,
                                 .out_channels = 3,
                                 .kernel = 3,
                                 .stride = 2,
                                 .padding = Padding2d::all(1),
                                 .output_padding = 1});
  CHECK(worst_layer_error(conv, {2, 2, 3, 2}) < 1e-8);
}

TEST_CASE("conv layers: multiply_adds counts every product once") {
  Context context;
  const Conv2d conv(context,
                    {.in_channels = 3, .out_channels = 64, .kernel = 7, .padding = Padding2d::all(3)});
  CHECK(conv.multiply_adds({1, 256, 256, 3}, {1, 256, 256, 64}) == std::int64_t{256} * 256 * 64 * 7 * 7 * 3);
  const ConvTranspose2d up(context, {.in_channels = 256, .out_channels = 128, .kernel = 3, .stride = 2});
  CHECK(up.multiply_adds({1, 64, 64, 256}, {1, 129, 129, 128}) == std::int64_t{64} * 64 * 256 * 3 * 3 * 128);
}

TEST_CASE("conv layers: details name what is not the default") {
  Context context;
  CHECK(Conv2d(context, {.in_channels = 3, .out_channels = 64, .kernel = 7}).details() == "3->64, 7x7");
  CHECK(Conv2d(context,
               {.in_channels = 1, .out_channels = 2, .kernel = 4, .stride = 2, .bias = false, .same = true})
            .details() == "1->2, 4x4, stride 2, same, no bias");
}

TEST_CASE("conv layers: configs that make no sense are refused") {
  Context context;
  CHECK_THROWS_AS(Conv2d(context, {.in_channels = 0, .out_channels = 1, .kernel = 3}), Error);
  CHECK_THROWS_AS(Conv2d(context, {.in_channels = 1, .out_channels = 1}), Error);
  CHECK_THROWS_AS(Conv2d(context, {.in_channels = 1, .out_channels = 1, .kernel = 3, .kernel_h = 3}), Error);
  CHECK_THROWS_AS(Conv2d(context, {.in_channels = 1, .out_channels = 1, .kernel = 3, .stride = 0}), Error);
  CHECK_THROWS_AS(
      Conv2d(context,
             {.in_channels = 1, .out_channels = 1, .kernel = 3, .padding = Padding2d::all(1), .same = true}),
      Error);
  CHECK_THROWS_AS(
      ConvTranspose2d(context,
                      {.in_channels = 1, .out_channels = 1, .kernel = 3, .stride = 2, .output_padding = 2}),
      Error);
}

TEST_CASE("Conv2d: an input with other channels is refused with both numbers") {
  Context context;
  Conv2d conv(context, {.in_channels = 5, .out_channels = 1, .kernel = 1});
  CHECK_THROWS_WITH(conv(Tensor::ones(context, {1, 2, 2, 3})), Catch::Contains("5") && Catch::Contains("3"));
}
