// Summaries: counts by hand, and that looking changes nothing.
#include "layers/summary.h"

#include "layer_checks.h"
#include "layers/activation.h"
#include "layers/container.h"
#include "layers/conv.h"
#include "layers/dense.h"
#include "layers/dropout.h"
#include "layers/norm.h"

using namespace dg;
using namespace dg::test;

namespace {

void build(Sequential& net) {
  net.add<Conv2d>("conv", {.in_channels = 3, .out_channels = 4, .kernel = 3, .same = true});
  net.add<BatchNorm2d>("norm", {.channels = 4});
  net.add<Dropout>("drop", {.rate = 0.5, .always = true});
  net.add<Flatten>("flatten");
  net.add<Dense>("dense", {.in_features = 256, .out_features = 10});
}

}  // namespace

TEST_CASE("summary: parameters and multiply-adds by hand") {
  Context context;
  Sequential net(context);
  build(net);
  const Summary table = summary(net, {1, 8, 8, 3});
  REQUIRE(table.rows.size() == 6);
  CHECK(table.rows[0].depth == 0);
  CHECK(table.rows[0].parameters == 0);
  const SummaryRow& conv = table.rows[1];
  CHECK(conv.name == "conv");
  CHECK(conv.kind == "Conv2d");
  CHECK(conv.details == "3->4, 3x3, same");
  CHECK(conv.output == Shape{1, 8, 8, 4});
  CHECK(conv.parameters == 4 * 27 + 4);
  CHECK(conv.multiply_adds == 64 * 4 * 27);
  CHECK(table.rows[5].output == Shape{1, 10});
  CHECK(table.trained == 112 + 8 + 2570);
  CHECK(table.not_trained == 8);
  CHECK(table.parameters == net.parameter_count());
  CHECK(table.multiply_adds == 6912 + 2560);
}

TEST_CASE("summary: frozen parameters are not trained") {
  Context context;
  Sequential net(context);
  build(net);
  net[0].set_requires_grad(false);
  const Summary table = summary(net, {1, 8, 8, 3});
  CHECK(table.not_trained == 8 + 112);
  CHECK(table.trained == 8 + 2570);
}

TEST_CASE("summary: modes and generator and observer and statistics are as before") {
  Context context;
  Sequential net(context);
  build(net);
  net[1].eval();
  int observed = 0;
  context.set_module_observer([&](const Module&, const Tensor&, const Tensor&) { ++observed; });
  const std::uint64_t offset = context.random().state().offset;
  summary(net, {1, 8, 8, 3});
  CHECK(net.training());
  CHECK_FALSE(net[1].training());
  CHECK(net[2].training());
  CHECK(context.random().state().offset == offset);
  CHECK(context.grad_enabled());
  CHECK(observed == 0);
  net(Tensor::ones(context, {1, 8, 8, 3}));
  CHECK(observed == 6);
}

TEST_CASE("summary: everything is restored after an input that does not fit") {
  Context context;
  Sequential net(context);
  build(net);
  CHECK_THROWS_AS(summary(net, {1, 8, 8, 2}), Error);
  CHECK(net[1].training());
  CHECK(context.grad_enabled());
  CHECK_FALSE(context.module_observer());
}

TEST_CASE("summary: the table holds names and totals") {
  Context context;
  Sequential net(context);
  net.add<Conv2d>("head", {.in_channels = 3, .out_channels = 64, .kernel = 7, .same = true});
  net.add<ReLU>("relu");
  const std::string text = to_string(summary(net, {1, 16, 16, 3}));
  CHECK_THAT(text, Catch::Contains("head") && Catch::Contains("Conv2d (3->64, 7x7, same)") &&
                       Catch::Contains("(1, 16, 16, 64)") && Catch::Contains("  direct  ") &&
                       Catch::Contains("9,472") && Catch::Contains("0.002 GMAC = 0.005 GFLOP"));
}
