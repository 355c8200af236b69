#include <thread>

#include "tests/core/core_checks.h"

using namespace dg;
using namespace dg::test;

TEST_CASE("autograd: backward accumulates into leaves") {
  Context ctx;
  Tensor x = f64(ctx, {2}, {3, 4});
  x.set_requires_grad(true);
  backward(sum(x * x));
  CHECK(x.grad().to_doubles() == std::vector<double>{6, 8});
  backward(sum(x * x));
  CHECK(x.grad().to_doubles() == std::vector<double>{12, 16});
}

TEST_CASE("autograd: a tensor used twice gets both gradients") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {2});
  x.set_requires_grad(true);
  const Tensor y = x * 3.0;
  backward(sum(y * y + y * x));  // 9x^2 + 3x^2
  CHECK(x.grad().item() == 48.0);
}

TEST_CASE("autograd: grad leaves the leaves' own gradients alone, and gives zeros where nothing depends") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {2});
  Tensor unused = f64(ctx, {2}, {1, 1});
  x.set_requires_grad(true);
  unused.set_requires_grad(true);
  const auto g = grad(x * x, {x, unused});
  CHECK(g[0].item() == 4.0);
  CHECK(g[1].to_doubles() == std::vector<double>{0, 0});
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("autograd: grad with respect to an intermediate result") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {3});
  x.set_requires_grad(true);
  const Tensor y = x * x;
  const auto g = grad(y * y + x, {y, x});
  CHECK(g[0].item() == 18.0);            // 2 y
  CHECK(g[1].item() == 4 * 27.0 + 1.0);  // 4 x^3 + 1
}

TEST_CASE("autograd: third derivative of x^4") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {2});
  x.set_requires_grad(true);
  Tensor y = square(square(x));
  for (const double expected : {32.0, 48.0, 48.0}) {
    y = grad(y, {x}, {.create_graph = true})[0];
    CHECK(y.item() == expected);
  }
}

TEST_CASE("autograd: nothing is recorded under NoGrad or for tensors without gradients") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {2});
  CHECK_FALSE((x * x).requires_grad());
  x.set_requires_grad(true);
  CHECK((x * x).requires_grad());
  {
    const NoGrad guard(ctx);
    CHECK_FALSE((x * x).requires_grad());
  }
  CHECK((x * x).requires_grad());
  CHECK_FALSE((x.detach() * 2.0).requires_grad());
}

TEST_CASE("autograd: a freed graph says so") {
  Context ctx;
  Tensor x = f64(ctx, {1}, {2});
  x.set_requires_grad(true);
  const Tensor y = x * x;
  backward(y);
  CHECK_THROWS_WITH(backward(y), Catch::Contains("retain_graph"));
  const Tensor z = x * x;
  backward(z, {.retain_graph = true});
  CHECK_NOTHROW(backward(z));
}

TEST_CASE("autograd: wrong uses are refused") {
  Context ctx;
  Tensor x = f64(ctx, {2}, {2, 3});
  CHECK_THROWS_WITH(backward(sum(x)), Catch::Contains("does not require a gradient"));
  x.set_requires_grad(true);
  CHECK_THROWS_WITH(backward(x * x), Catch::Contains("(2)"));
  CHECK_THROWS_WITH(grad(sum(x), {f64(ctx, {1}, {1})}), Catch::Contains("does not require a gradient"));
  Tensor y = x * x;
  CHECK_THROWS_WITH(y.set_requires_grad(false), Catch::Contains("detach()"));
}

TEST_CASE("autograd: the sweep frees activations as it passes") {
  Context ctx;
  const Shape shape{1024, 256};
  Tensor x = Tensor::ones(ctx, shape);
  x.set_requires_grad(true);
  const auto run = [&](int depth) {
    Tensor y = x;
    for (int i = 0; i < depth; ++i) y = square(y);
    const std::int64_t before = ctx.allocator().stats().current;
    ctx.allocator().reset_peak();
    const Tensor loss = mean(y);
    y = Tensor();
    backward(loss);
    return ctx.allocator().stats().peak - before;
  };
  // Beside the activations there are a few gradients at a time, however deep the chain is.
  const std::int64_t shallow = run(4);
  x.set_grad({});
  const std::int64_t deep = run(40);
  CHECK(deep == shallow);
}

TEST_CASE("autograd: all memory returns when tensors and graphs are gone") {
  Context ctx;
  {
    Tensor x = leaf(ctx, {1, 6, 6, 3});
    Tensor w = leaf(ctx, {4, 3, 3, 3});
    const Tensor y = tanh(instance_norm(conv2d(x, w, {}), {}, {}));
    const auto g = grad(sum(y), {x}, {.create_graph = true});
    backward(sum(square(g[0])));
  }
  CHECK(ctx.allocator().stats().current == 0);
  CHECK(ctx.allocator().stats().reserved > 0);
  ctx.allocator().trim();
  CHECK(ctx.allocator().stats().reserved == 0);
}

TEST_CASE("autograd: a graph of 200,000 nodes is destroyed without deep recursion") {
  Context ctx({.threads = 1});
  Tensor x = f64(ctx, {1}, {1});
  x.set_requires_grad(true);
  Tensor y = x;
  for (int i = 0; i < 200'000; ++i) y = affine(y, 1.0, 0.0);
  SECTION("after a backward") {
    backward(y);
    CHECK(x.grad().item() == 1.0);
  }
  SECTION("without one") {
    y = Tensor();
    CHECK(ctx.allocator().stats().current > 0);  // x is still there
  }
}

TEST_CASE("autograd: two contexts on two threads do not meet", "[threads]") {
  const auto work = [](std::uint64_t seed) {
    Context ctx({.threads = 2, .seed = seed});
    double total = 0.0;
    for (int i = 0; i < 5; ++i) {
      Tensor x = Tensor::normal(ctx, {1, 40, 40, 3});
      Tensor w = Tensor::normal(ctx, {8, 3, 3, 3});
      w.set_requires_grad(true);
      backward(mean(square(dropout(relu(conv2d(x, w, {})), 0.5))));
      total += sum(square(w.grad())).item();
    }
    return total;
  };
  const double alone_1 = work(1);
  const double alone_2 = work(2);
  double together_1 = 0.0;
  double together_2 = 0.0;
  std::thread first([&] { together_1 = work(1); });
  std::thread second([&] { together_2 = work(2); });
  first.join();
  second.join();
  CHECK(together_1 == alone_1);
  CHECK(together_2 == alone_2);
  CHECK(alone_1 != alone_2);
}

TEST_CASE("gradcheck: finds a wrong derivative") {
  Context ctx;
  const auto wrong = [](const std::vector<Tensor>& in) {
    return record(
        "wrong", square(in[0].detach()), {in[0]},
        [x = in[0]](const BackwardCall& call) -> std::vector<Tensor> { return {call.grad * x * 2.001}; });
  };
  const auto result = gradcheck(wrong, {f64(ctx, {1}, {2}).set_requires_grad(true)});
  CHECK_FALSE(result.passed);
  CHECK_THAT(result.message, Catch::Contains("input 0, element 0"));
}

TEST_CASE("gradgradcheck: finds a derivative that treats a dependent value as constant") {
  Context ctx({.seed = 3});
  // The first derivative of x * exp(x) is right, but exp(x) in it is cut off the tape.
  const auto wrong = [](const std::vector<Tensor>& in) {
    return record("wrong", (in[0] * exp(in[0])).detach(), {in[0]},
                  [x = in[0]](const BackwardCall& call) -> std::vector<Tensor> {
                    return {call.grad * (x + 1.0) * exp(x).detach()};
                  });
  };
  const std::vector<Tensor> x{leaf(ctx, {3})};
  CHECK(gradcheck(wrong, x).passed);
  CHECK_FALSE(gradgradcheck(wrong, x).passed);
}
