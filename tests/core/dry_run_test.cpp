// The memory that a dry run counts is the memory that the run then holds.
#include "core/dry_run.h"

#include <catch2/catch.hpp>

#include "core/ops.h"

using namespace dg;

namespace {

// Padding, strides, both directions, direct and Winograd's, and temporaries that die on the way.
Tensor some_network(Context& context, std::int64_t side) {
  const NoGrad no_grad(context);
  Tensor x = Tensor::zeros(context, {1, side, side, 3});
  const Tensor w1 = Tensor::zeros(context, {16, 3, 3, 3});
  const Tensor w2 = Tensor::zeros(context, {16, 3, 3, 8});
  const Tensor w3 = Tensor::zeros(context, {32, 3, 3, 32});
  x = relu(conv2d(x, w1, {}, {.padding = Padding2d::all(1)}));
  x = instance_norm(x, {}, {});
  x = conv_transpose2d(x, w2, {}, {.stride_h = 2, .stride_w = 2, .padding = Padding2d::all(1)});
  x = conv2d(concat({x, x, x, x}, 3), w3, {}, {.padding = Padding2d::all(1)});
  return mean(square(x));
}

}  // namespace

TEST_CASE("dry run: counts what the device then holds") {
  for (const std::int64_t side : {64, 250}) {
    Context context({.threads = 1});
    std::int64_t predicted = 0;
    {
      DryRun dry(context);
      some_network(context, side);
      predicted = dry.peak_bytes();
    }
    CHECK(context.allocator().stats().reserved == 0);
    some_network(context, side);
    const std::int64_t held = context.allocator().stats().reserved + context.backend().workspace_bytes();
    CHECK(static_cast<double>(predicted) == Approx(static_cast<double>(held)).epsilon(0.02));
  }
}

TEST_CASE("dry run: takes no memory, computes nothing and leaves no trace") {
  Context context({.threads = 1, .seed = 3});
  int observed = 0;
  context.set_module_observer([&](const Module&, const Tensor&, const Tensor&) { ++observed; });
  const Tensor before = Tensor::ones(context, {2});
  const PhiloxState random = context.random().state();
  {
    DryRun dry(context);
    // Terabytes, of numbers that nobody draws.
    const Tensor x = Tensor::normal(context, {1, 1 << 20, 1 << 20, 1});
    CHECK(dry.peak_bytes() >= std::int64_t{4} << 40);
    CHECK(slice(x, 1, 0, 1).dim(1) == 1);
    CHECK(sum(Tensor::ones(context, {5})).item() == 0.0);
  }
  CHECK(context.random().state().offset == random.offset);
  CHECK(context.module_observer() != nullptr);
  CHECK(observed == 0);
  CHECK(add(before, before).to_floats() == std::vector<float>{2.0F, 2.0F});
}
