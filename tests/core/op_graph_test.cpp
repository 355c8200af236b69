// A captured training step against the same steps made one op at a time, on the emulated device.
#include "core/op_graph.h"

#include "tests/core/core_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

// A linear model with dropout under Adam: everything that changes from one replay to the next.
struct TinyTraining {
  explicit TinyTraining(Context& context)
      : x(Tensor::normal(context, {2, 4})),
        w(Tensor::normal(context, {4, 3}).set_requires_grad(true)),
        m(Tensor::zeros(context, {4, 3})),
        v(Tensor::zeros(context, {4, 3})) {}

  void step(const AdamOptions& options) {
    loss = mean(square(dropout(matmul(x, w), 0.5)));
    const Tensor gradient = grad(loss, {w}).front();
    const AdamTensor tensor{w.mutable_array(), gradient.array(), m.mutable_array(), v.mutable_array(),
                            w.numel()};
    w.backend().adam({&tensor, 1}, options);
  }

  Tensor x, w, m, v, loss;
};

// These tests need a device that has graphs.
bool without_emulator() {
  if (!has_cuda_emulator()) WARN("not run: this build has no emulator");
  return !has_cuda_emulator();
}

AdamOptions options_at(std::int64_t step) {
  return {.learning_rate = 0.1 / static_cast<double>(step), .step = step};
}

}  // namespace

TEST_CASE("op graph: replays draw, step and lose as separate ops do") {
  if (without_emulator()) return;
  Context eager({.device = "cuda-emulated", .seed = 3});
  Context captured({.device = "cuda-emulated", .seed = 3});
  TinyTraining a(eager), b(captured);
  OpGraph graph(captured, [&] { b.step(options_at(1)); });
  for (std::int64_t step = 1; step <= 4; ++step) {
    a.step(options_at(step));
    const AdamOptions options = options_at(step);
    graph.replay({&options, 1});
    CHECK(a.loss.item() == b.loss.item());
    CHECK(a.w.to_floats() == b.w.to_floats());
    CHECK(eager.random().state().offset == captured.random().state().offset);
  }
}

TEST_CASE("op graph: its memory is not lent to anybody between replays") {
  if (without_emulator()) return;
  Context context({.device = "cuda-emulated", .seed = 4});
  TinyTraining t(context);
  OpGraph graph(context, [&] { t.step(options_at(1)); });
  const AdamOptions options = options_at(1);
  graph.replay({&options, 1});
  std::vector<Tensor> mine;
  for (int i = 0; i < 16; ++i) mine.push_back(Tensor::full(context, {2, 3}, 7.0));
  graph.replay({&options, 1});
  for (const Tensor& tensor : mine) CHECK(tensor.to_floats() == std::vector<float>(6, 7.0F));
}

TEST_CASE("op graph: what cannot be recorded is refused, and the context goes on") {
  if (without_emulator()) return;
  Context context({.device = "cuda-emulated", .seed = 5});
  TinyTraining t(context);
  CHECK_THROWS_WITH(OpGraph(context, [&] { static_cast<void>(t.w.to_floats()); }),
                    Catch::Contains("cannot be part of a graph"));
  const auto offset = context.random().state().offset;
  t.step(options_at(1));
  CHECK(context.random().state().offset > offset);
  OpGraph graph(context, [&] { t.step(options_at(2)); });
  CHECK_THROWS_WITH(graph.replay({}), Catch::Contains("1 optimizer steps") && Catch::Contains("0"));
  CHECK_THROWS_WITH(OpGraph(context, [] {}), Catch::Contains("one captured graph"));
  Context cpu;
  CHECK_THROWS_WITH(OpGraph(cpu, [] {}), Catch::Contains("'cpu' cannot capture"));
}
