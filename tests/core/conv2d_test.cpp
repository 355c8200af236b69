#include "tests/core/core_checks.h"

using namespace dg;
using namespace dg::test;

TEST_CASE("conv2d: a row that can be done by hand") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 1, 4, 1}, {1, 2, 3, 4});
  const Tensor w = f64(ctx, {1, 1, 3, 1}, {1, 10, 100});
  CHECK(conv2d(x, w, {}).to_doubles() == std::vector<double>{321, 432});
  const Tensor bias = f64(ctx, {1}, {0.5});
  CHECK(conv2d(x, w, bias, {.padding = {0, 0, 1, 1}}).to_doubles() ==
        std::vector<double>{210.5, 321.5, 432.5, 43.5});
  // Stride 2 with padding on the right only, as TensorFlow's SAME does for an even width.
  CHECK(conv2d(x, w, {}, {.stride_w = 2, .padding = {0, 0, 0, 1}}).to_doubles() ==
        std::vector<double>{321, 43});
}

TEST_CASE("conv2d: channels and filters are KRSC") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 1, 1, 2}, {3, 5});
  const Tensor w = f64(ctx, {3, 1, 1, 2}, {1, 0, 0, 1, 1, 1});
  CHECK(conv2d(x, w, {}).to_doubles() == std::vector<double>{3, 5, 8});
}

TEST_CASE("conv_transpose2d: spreads each pixel; output padding adds the last row and column") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 1, 2, 1}, {1, 2});
  const Tensor w = f64(ctx, {1, 1, 3, 1}, {1, 10, 100});
  CHECK(conv_transpose2d(x, w, {}, {.stride_w = 2}).to_doubles() == std::vector<double>{1, 10, 102, 20, 200});
  const Tensor y = conv_transpose2d(x, w, f64(ctx, {1}, {0.25}),
                                    {.stride_w = 2, .padding = {0, 0, 1, 1}, .output_padding_w = 1});
  CHECK(y.shape() == Shape{1, 1, 4, 1});
  CHECK(y.to_doubles() == std::vector<double>{10.25, 102.25, 20.25, 200.25});
}

TEST_CASE("conv2d: derivatives over odd sizes, strides and paddings") {
  Context ctx({.seed = 5});
  struct Case {
    Shape x, w;
    Conv2dOptions options;
  };
  const std::vector<Case> cases{
      {{1, 5, 4, 2}, {3, 3, 3, 2}, {}},
      {{2, 5, 6, 1}, {2, 3, 2, 1}, {.stride_h = 2, .stride_w = 3, .padding = {1, 0, 2, 1}}},
      {{1, 4, 4, 3}, {1, 4, 4, 3}, {.stride_h = 2, .stride_w = 2, .padding = Padding2d::all(2)}},
      {{1, 3, 3, 2}, {2, 1, 1, 2}, {.stride_h = 2, .stride_w = 2}},
  };
  for (const Case& c : cases) {
    const auto f = [&](const std::vector<Tensor>& in) { return conv2d(in[0], in[1], in[2], c.options); };
    check_derivatives(f, {leaf(ctx, c.x), leaf(ctx, c.w), leaf(ctx, {c.w[0]})});
  }
}

TEST_CASE("conv_transpose2d: derivatives with output padding") {
  Context ctx({.seed = 6});
  const auto f = [](const std::vector<Tensor>& in) {
    return conv_transpose2d(in[0], in[1], in[2],
                            {.stride_h = 2,
                             .stride_w = 2,
                             .padding = Padding2d::all(1),
                             .output_padding_h = 1,
                             .output_padding_w = 1});
  };
  check_derivatives(f, {leaf(ctx, {1, 2, 3, 2}), leaf(ctx, {2, 3, 3, 3}), leaf(ctx, {3})});
}

TEST_CASE("conv2d: the gradients are ops with derivatives of their own") {
  Context ctx({.seed = 7});
  const Conv2dOptions options{.stride_h = 2, .stride_w = 1, .padding = {1, 1, 0, 1}};
  check_derivatives(
      [&](const std::vector<Tensor>& in) { return conv2d_grad_input(in[0], in[1], 5, 4, options); },
      {leaf(ctx, {1, 3, 3, 2}), leaf(ctx, {2, 3, 3, 3})});
  check_derivatives(
      [&](const std::vector<Tensor>& in) { return conv2d_grad_weight(in[0], in[1], 3, 3, options); },
      {leaf(ctx, {1, 5, 4, 3}), leaf(ctx, {1, 3, 3, 2})});
}

TEST_CASE("conv2d with an activation: first and second derivatives, and the same as an op of its own") {
  Context ctx({.seed = 8});
  for (const Epilogue epilogue : {Epilogue{Activation::leaky_relu, 0.2}, Epilogue{Activation::tanh, 0.0}}) {
    const std::vector<Tensor> in{leaf(ctx, {1, 4, 5, 2}), leaf(ctx, {3, 3, 3, 2}), leaf(ctx, {3})};
    check_derivatives(
        [&](const std::vector<Tensor>& i) { return conv2d(i[0], i[1], i[2], {.stride_w = 2}, epilogue); }, in,
        1e-6);
    const Tensor plain = conv2d(in[0], in[1], in[2], {.stride_w = 2});
    const Tensor composed = epilogue.activation == Activation::tanh ? tanh(plain) : leaky_relu(plain, 0.2);
    CHECK(conv2d(in[0], in[1], in[2], {.stride_w = 2}, epilogue).to_doubles() == composed.to_doubles());
  }
}

TEST_CASE("conv2d: operands that do not fit are named") {
  Context ctx;
  const Tensor x = Tensor::zeros(ctx, {1, 8, 8, 4});
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros(ctx, {2, 3, 3, 3}), {}),
                    Catch::Contains("C=4") && Catch::Contains("C=3"));
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros(ctx, {2, 9, 9, 4}), {}),
                    Catch::Contains("smaller than the kernel 9x9"));
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros(ctx, {2, 3, 3, 4}), Tensor::zeros(ctx, {3})),
                    Catch::Contains("bias"));
  CHECK_THROWS_WITH(conv2d(Tensor::zeros(ctx, {8, 8, 4}), Tensor::zeros(ctx, {2, 3, 3, 4}), {}),
                    Catch::Contains("(N, H, W, C)"));
  CHECK_THROWS_WITH(conv2d(x, Tensor::zeros(ctx, {2, 3, 3, 4}), {}, {.stride_h = 0}),
                    Catch::Contains("stride"));
  CHECK_THROWS_WITH(
      conv2d_grad_input(Tensor::zeros(ctx, {1, 5, 6, 2}), Tensor::zeros(ctx, {2, 3, 3, 4}), 8, 8),
      Catch::Contains("6x6"));
  CHECK_THROWS_WITH(conv_transpose2d(Tensor::zeros(ctx, {1, 4, 4, 2}), Tensor::zeros(ctx, {2, 3, 3, 4}), {},
                                     {.stride_h = 2, .stride_w = 2, .output_padding_h = 2}),
                    Catch::Contains("output padding"));
}
