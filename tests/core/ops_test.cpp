// Shapes, reductions, resampling, normalisation and dropout: values by hand, derivatives by differences.
#include <algorithm>
#include <cmath>

#include "core/dry_run.h"
#include "tests/core/core_checks.h"

using namespace dg;
using namespace dg::test;
using In = const std::vector<Tensor>&;

TEST_CASE("shape ops: concat and slice along every axis") {
  Context ctx;
  const Tensor a = f64(ctx, {2, 2}, {1, 2, 3, 4});
  const Tensor b = f64(ctx, {2, 1}, {9, 8});
  CHECK(concat({a, b}, 1).to_doubles() == std::vector<double>{1, 2, 9, 3, 4, 8});
  CHECK(concat({a, a}, 0).to_doubles() == std::vector<double>{1, 2, 3, 4, 1, 2, 3, 4});
  CHECK(slice(a, 1, 1, 2).to_doubles() == std::vector<double>{2, 4});
  CHECK(slice(a, 0, 1, 2).to_doubles() == std::vector<double>{3, 4});
  CHECK(slice(a, -1, 0, 0).numel() == 0);
  CHECK_THROWS_WITH(slice(a, 1, 1, 3), Catch::Contains("[1, 3)"));
  CHECK_THROWS_WITH(concat({a, b}, 0), Catch::Contains("(2, 1)"));
  CHECK_THROWS_WITH(reshape(a, {3}), Catch::Contains("4 elements"));
}

TEST_CASE("shape ops: derivatives") {
  Context ctx({.seed = 11});
  const std::vector<Tensor> ab{leaf(ctx, {2, 3, 2}), leaf(ctx, {2, 1, 2})};
  check_derivatives([](In in) { return square(concat({in[0], in[1], in[0]}, 1)); }, ab);
  check_derivatives([](In in) { return square(slice(in[0], 1, 1, 3)); }, {ab[0]});
  check_derivatives([](In in) { return square(reshape(in[0], {4, 3})); }, {ab[0]});
}

TEST_CASE("cast: float32 and bfloat16 round to nearest even, the gradient returns in the source's type") {
  Context ctx;
  Tensor x = f32(ctx, {3}, {1.0F, 1.00390625F, 1.01171875F});  // 1, 1 + 2^-8 (a tie), 1 + 3 * 2^-8 (a tie)
  x.set_requires_grad(true);
  const Tensor y = cast(x, DType::bfloat16);
  CHECK(y.to_floats() == std::vector<float>{1.0F, 1.0F, 1.015625F});
  backward(sum(cast(y, DType::float32)));
  CHECK(x.grad().dtype() == DType::float32);
  CHECK(x.grad().to_floats() == std::vector<float>{1, 1, 1});
}

TEST_CASE("reduce: sums over any set of axes") {
  Context ctx;
  const Tensor x = f64(ctx, {2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(sum(x).item() == 36);
  CHECK(mean(x).item() == 4.5);
  CHECK(sum(x, {0}).to_doubles() == std::vector<double>{6, 8, 10, 12});
  CHECK(sum(x, {1}).to_doubles() == std::vector<double>{4, 6, 12, 14});
  CHECK(sum(x, {2}).to_doubles() == std::vector<double>{3, 7, 11, 15});
  CHECK(sum(x, {0, 2}).to_doubles() == std::vector<double>{14, 22});
  CHECK(mean(x, {0, 1}).shape() == Shape{1, 1, 2});
  CHECK(sum_to(x, {2}).to_doubles() == std::vector<double>{16, 20});
  CHECK(expand_to(f64(ctx, {2, 1}, {1, 2}), {2, 2, 2}).to_doubles() ==
        std::vector<double>{1, 1, 2, 2, 1, 1, 2, 2});
  CHECK_THROWS_AS(mean(Tensor::zeros(ctx, {0})), Error);
}

TEST_CASE("reduce: ten million ones add up exactly in float32") {
  Context ctx;
  CHECK(sum(Tensor::ones(ctx, {10'000'000})).item() == 1e7);
}

TEST_CASE("reduce: derivatives") {
  Context ctx({.seed = 12});
  const std::vector<Tensor> x{leaf(ctx, {2, 3, 2, 2})};
  check_derivatives([](In in) { return square(sum(in[0], {1, 3})); }, x);
  check_derivatives([](In in) { return square(mean(in[0], {0, 2})); }, x);
  check_derivatives([](In in) { return square(sum(in[0])); }, x);
  check_derivatives([](In in) { return square(expand_to(in[0], {2, 3, 2, 2})); }, {leaf(ctx, {3, 1, 2})});
}

TEST_CASE("matmul: values and derivatives of all four storages") {
  Context ctx({.seed = 13});
  const Tensor a = f64(ctx, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = f64(ctx, {3, 1}, {1, 10, 100});
  CHECK(matmul(a, b).to_doubles() == std::vector<double>{321, 654});
  CHECK(matmul(b, a, {.transpose_a = true, .transpose_b = true}).to_doubles() ==
        std::vector<double>{321, 654});
  CHECK_THROWS_WITH(matmul(a, a), Catch::Contains("inner extents"));
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const Tensor left = leaf(ctx, ta ? Shape{3, 2} : Shape{2, 3});
      const Tensor right = leaf(ctx, tb ? Shape{4, 3} : Shape{3, 4});
      check_derivatives([=](In in) { return matmul(in[0], in[1], {ta, tb}); }, {left, right});
    }
  }
}

TEST_CASE("pad2d: zero, reflect and replicate a row") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 1, 3, 1}, {1, 2, 3});
  const Padding2d p{0, 0, 2, 1};
  CHECK(pad2d(x, p, PadMode::zero).to_doubles() == std::vector<double>{0, 0, 1, 2, 3, 0});
  CHECK(pad2d(x, p, PadMode::reflect).to_doubles() == std::vector<double>{3, 2, 1, 2, 3, 2});
  CHECK(pad2d(x, p, PadMode::replicate).to_doubles() == std::vector<double>{1, 1, 1, 2, 3, 3});
  CHECK(crop2d(x, {0, 0, 1, 1}).to_doubles() == std::vector<double>{2});
  CHECK_THROWS_WITH(pad2d(x, {1, 0, 0, 0}, PadMode::reflect), Catch::Contains("larger image"));
  CHECK_THROWS_WITH(crop2d(x, {0, 0, 2, 1}), Catch::Contains("leave nothing"));
}

TEST_CASE("resampling and pooling: values") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 2, 2, 1}, {1, 2, 4, 3});
  CHECK(upsample_nearest2d(x, 2).to_doubles() ==
        std::vector<double>{1, 1, 2, 2, 1, 1, 2, 2, 4, 4, 3, 3, 4, 4, 3, 3});
  CHECK(max_pool2d(x, 2, 2).to_doubles() == std::vector<double>{4});
  CHECK_THROWS_WITH(max_pool2d(x, 3, 2), Catch::Contains("smaller than the window"));
}

TEST_CASE("padding, resampling and pooling: derivatives") {
  Context ctx({.seed = 14});
  const std::vector<Tensor> x{leaf(ctx, {2, 4, 5, 2})};
  for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
    check_derivatives([=](In in) { return square(pad2d(in[0], {3, 1, 2, 4}, mode)); }, x);
  }
  check_derivatives([](In in) { return square(crop2d(in[0], {1, 0, 2, 1})); }, x);
  check_derivatives([](In in) { return square(upsample_nearest2d(in[0], 3)); }, x);
  check_derivatives([](In in) { return square(max_pool2d(in[0], 2, 2)); }, x);
  check_derivatives([](In in) { return square(max_pool2d(in[0], 3, 1)); }, x);
}

TEST_CASE("instance_norm: each plane gets mean 0 and variance 1") {
  Context ctx;
  const Tensor x = f64(ctx, {1, 1, 2, 2}, {1, 10, 3, 30});
  const auto y = instance_norm(x, {}, {}, {.eps = 0.0}).to_doubles();
  CHECK(y[0] == Approx(-1));
  CHECK(y[1] == Approx(-1));
  CHECK(y[2] == Approx(1));
  CHECK(y[3] == Approx(1));
}

TEST_CASE("instance_norm: a far offset does not cost accuracy") {
  Context ctx({.seed = 15});
  const Tensor noise = Tensor::normal(ctx, {1, 64, 64, 3}, DType::float64);
  const auto near = instance_norm(cast(noise, DType::float32), {}, {}).to_doubles();
  const auto far = instance_norm(cast(noise + 100.0, DType::float32), {}, {}).to_doubles();
  double worst = 0.0;
  for (std::size_t i = 0; i < near.size(); ++i) worst = std::max(worst, std::abs(near[i] - far[i]));
  CHECK(worst < 5e-5);  // 100 in float32 is known to 4e-6: measured 1.6e-5
}

TEST_CASE("norms: first and second derivatives") {
  Context ctx({.seed = 16});
  for (const Shape& shape : {Shape{1, 2, 3, 1}, Shape{2, 5, 3, 3}}) {
    const std::vector<Tensor> in{leaf(ctx, shape), leaf(ctx, {shape[3]}), leaf(ctx, {shape[3]})};
    check_derivatives([](In i) { return instance_norm(i[0], i[1], i[2]); }, in, 1e-6);
    check_derivatives([](In i) { return batch_norm(i[0], i[1], i[2]).output; }, in, 1e-6);
  }
  check_derivatives([](In i) { return instance_norm(i[0], {}, {}); }, {leaf(ctx, {2, 3, 3, 2})}, 1e-6);
  check_derivatives([](In i) { return batch_norm(i[0], {}, {}).output; }, {leaf(ctx, {5, 2})}, 1e-6);
}

TEST_CASE(
    "norms with activation and residual: first and second derivatives, and the same as ops of their own") {
  Context ctx({.seed = 26});
  for (const double slope : {0.0, 0.2}) {
    const NormOptions options{.epilogue = {Activation::leaky_relu, slope}};
    const std::vector<Tensor> in{leaf(ctx, {2, 3, 4, 3}), leaf(ctx, {3}), leaf(ctx, {3}),
                                 leaf(ctx, {2, 3, 4, 3})};
    check_derivatives([&](In i) { return instance_norm(i[0], i[1], i[2], options, i[3]); }, in, 1e-6);
    check_derivatives([&](In i) { return batch_norm(i[0], {}, {}, options, i[3]).output; }, in, 1e-6);
    const auto fused = instance_norm(in[0], in[1], in[2], options, in[3]).to_doubles();
    const auto composed = (leaky_relu(instance_norm(in[0], in[1], in[2]), slope) + in[3]).to_doubles();
    for (std::size_t i = 0; i < fused.size(); ++i) CHECK(fused[i] == Approx(composed[i]).margin(1e-12));
  }
  const Tensor x = leaf(ctx, {1, 2, 2, 1});
  CHECK_THROWS_WITH(instance_norm(x, {}, {}, {.epilogue = {Activation::tanh, 0.0}}),
                    Catch::Contains("leaky_relu"));
}

TEST_CASE("norms: the fused gradient equals the composed one") {
  Context ctx({.seed = 17});
  Tensor x = leaf(ctx, {2, 7, 5, 3});
  Tensor gamma = leaf(ctx, {3});
  Tensor beta = leaf(ctx, {3});
  const Tensor weight = Tensor::normal(ctx, x.shape(), DType::float64);
  const auto gradients = [&](bool create_graph) {
    return grad(sum(instance_norm(x, gamma, beta) * weight), {x, gamma, beta},
                {.create_graph = create_graph});
  };
  const auto fused = gradients(false);
  const auto composed = gradients(true);
  for (std::size_t i = 0; i < fused.size(); ++i) {
    const auto a = fused[i].to_doubles();
    const auto b = composed[i].to_doubles();
    for (std::size_t j = 0; j < a.size(); ++j) CHECK(a[j] == Approx(b[j]).margin(1e-12));
  }
}

TEST_CASE("batch_norm: reports the batch's mean and biased variance") {
  Context ctx;
  const auto r = batch_norm(f64(ctx, {4, 1}, {1, 2, 3, 6}), {}, {});
  CHECK(r.mean.item() == 3);
  CHECK(r.variance.item() == 3.5);
}

TEST_CASE("dropout: keeps the expected share, scales it, and repeats with the generator's state") {
  Context ctx({.seed = 18});
  const Tensor x = Tensor::ones(ctx, {100'000});
  const PhiloxState before = ctx.random().state();
  const auto first = dropout(x, 0.3).to_floats();
  const auto second = dropout(x, 0.3).to_floats();
  CHECK(first != second);
  ctx.random().set_state(before);
  CHECK(dropout(x, 0.3).to_floats() == first);
  const auto kept = std::count_if(first.begin(), first.end(), [](float v) { return v != 0.0F; });
  CHECK(std::abs(static_cast<double>(kept) / 1e5 - 0.7) < 0.006);  // four standard deviations
  CHECK(*std::max_element(first.begin(), first.end()) == Approx(1.0 / 0.7));
  CHECK_THROWS_WITH(dropout(x, 1.0), Catch::Contains("rate"));
}

TEST_CASE("dropout: derivatives") {
  Context ctx({.seed = 19});
  check_derivatives([](In in) { return square(dropout(in[0], 0.4)); }, {leaf(ctx, {3, 4})});
}

TEST_CASE("random: numbers depend on seed and position alone") {
  Context a({.threads = 1, .seed = 7});
  Context b({.threads = 2, .seed = 7});
  CHECK(Tensor::normal(a, {100'001}).to_floats() == Tensor::normal(b, {100'001}).to_floats());
  CHECK(Tensor::uniform(a, {3}).to_floats() == Tensor::uniform(b, {3}).to_floats());
  CHECK(a.random().state().offset == b.random().state().offset);
}

TEST_CASE("random: normal numbers have mean 0 and variance 1") {
  Context ctx({.seed = 20});
  const Tensor x = Tensor::normal(ctx, {1'000'000});
  CHECK(std::abs(mean(x).item()) < 4e-3);  // four standard deviations
  CHECK(std::abs(mean(square(x)).item() - 1.0) < 6e-3);
}

TEST_CASE("tensor: host round trip, clone and in-place writes") {
  Context ctx;
  Tensor x = f32(ctx, {2, 2}, {1, 2, 3, 4});
  const Tensor copy = x.clone();
  const Tensor same = x;
  x.fill_(7);
  CHECK(copy.to_floats() == std::vector<float>{1, 2, 3, 4});
  CHECK(same.to_floats() == std::vector<float>{7, 7, 7, 7});
  CHECK_THROWS_WITH(f32(ctx, {3}, {1, 2}), Catch::Contains("2 values for shape (3)"));
  CHECK_THROWS_WITH(x.item(), Catch::Contains("one element"));
  CHECK_THROWS_WITH(x.copy_from(Tensor::zeros(ctx, {4})), Catch::Contains("copy_from"));
}

TEST_CASE("context: unknown devices are refused") {
  CHECK_THROWS_WITH(Context({.device = "tpu"}), Catch::Contains("unknown device 'tpu'"));
  CHECK_THROWS_WITH(Context({.device = "cuda"}), Catch::Contains("cpu"));
}

TEST_CASE("context: cuDNN is refused on devices that are no GPU") {
  for (const char* device : {"cpu", "cuda-emulated"}) {
    CHECK_THROWS_WITH(Context({.device = device, .conv_backend = ConvBackend::cudnn}),
                      Catch::Contains("--conv-backend cudnn") && Catch::Contains(device) &&
                          Catch::Contains("--device cuda"));
  }
  CHECK_NOTHROW(check_conv_backend(ConvBackend::cudnn, "cuda:1"));
  CHECK_NOTHROW(check_conv_backend(ConvBackend::own, "cpu"));
  CHECK_THROWS_WITH(parse_conv_backend("cublas"), Catch::Contains("'cublas'; expected own or cudnn"));
}

TEST_CASE("to_compute_type: bfloat16 where ops are recorded, float32 at inference on a CPU") {
  Context context({.precision = Precision::bf16, .threads = 1});
  const Tensor x = Tensor::zeros(context, {4});
  CHECK(to_compute_type(x).dtype() == DType::bfloat16);
  const NoGrad inference(context);
  CHECK(to_compute_type(x).dtype() == DType::float32);
  const DryRun dry(context);
  CHECK(to_compute_type(x).dtype() == DType::float32);
}
