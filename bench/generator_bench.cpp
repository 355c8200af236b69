// Whole networks on both cores: forward as at test time, and training steps. Memory in MB: `tensors_MB` at the peak,
// `workspace_MB` held by the kernels, `process_MB` resident at the peak so far (benchmarks of one run share it).
#include "bench/bench_support.h"
#include "core/autograd.h"
#include "core/ops.h"
#include "layers/adam.h"
#include "layers/losses.h"
#include "models/presets.h"

namespace dg::bench {
namespace {

struct Size {
  std::int64_t batch = 1, pixels = 256;
  Shape shape() const { return {batch, pixels, pixels, 3}; }
};

void report_memory(benchmark::State& state, Context& context) {
  state.SetLabel(context.backend().description());
  state.counters["tensors_MB"] = static_cast<double>(context.allocator().stats().peak) * 1e-6;
  state.counters["workspace_MB"] = static_cast<double>(context.backend().workspace_bytes()) * 1e-6;
  state.counters["process_MB"] = peak_rss_mb();
}

// The same network on a small image, fast kernels against the plain loops.
void verify(const std::string& name, const GeneratorOptions& options) {
  std::vector<std::vector<float>> results;
  for (const bool reference : {false, true}) {
    Context context({.reference_kernels = reference, .seed = 1});
    const auto generator = make_generator(context, options);
    generator->eval();
    const NoGrad no_grad(context);
    results.push_back((*generator)(Tensor::normal(context, {1, 16, 24, 3}) * 0.3).to_floats());
  }
  require_correct(name, relative_difference(results[0], results[1]), 1e-4);
}

void forward(benchmark::State& state, const std::string& preset, Size size) {
  const GeneratorOptions options = find_preset(preset).generator;
  verify(preset, options);
  Context context({.seed = 1});
  const auto generator = make_generator(context, options);
  generator->eval();
  const NoGrad no_grad(context);
  const Tensor image = Tensor::normal(context, size.shape()) * 0.3;
  const auto run = [&] { benchmark::DoNotOptimize((*generator)(image).array().data); };
  run();
  context.allocator().reset_peak();
  for (auto _ : state) run();
  report_memory(state, context);
}

void training_step(benchmark::State& state, const std::string& preset, Size size, bool with_adam) {
  const GeneratorOptions options = find_preset(preset).generator;
  verify(preset, options);
  Context context({.seed = 1});
  const auto generator = make_generator(context, options);
  Adam adam(generator->parameters());
  const Tensor blurred = Tensor::normal(context, size.shape()) * 0.3;
  const Tensor sharp = Tensor::normal(context, size.shape()) * 0.3;
  const auto run = [&] {
    generator->zero_grad();
    backward(l1_loss((*generator)(blurred), sharp));
    if (with_adam) adam.step();
  };
  run();
  context.allocator().reset_peak();
  for (auto _ : state) run();
  report_memory(state, context);
  state.counters["images/s"] = per_second(static_cast<double>(size.batch));
}

void deblurgan_forward(benchmark::State& state) { forward(state, "deblurgan", {1, 256}); }
void small_forward(benchmark::State& state) { forward(state, "small", {4, 128}); }
void small_step(benchmark::State& state) { training_step(state, "small", {4, 128}, true); }
void deblurgan_forward_backward(benchmark::State& state) {
  training_step(state, "deblurgan", {1, 256}, false);
}

const int kRegistered = [] {
  const auto add = [](const char* name, benchmark::internal::Function* function, int repetitions,
                      double seconds) {
    report_median(benchmark::RegisterBenchmark(name, function), repetitions)->MinTime(seconds);
  };
  add("small_4x128x128/forward", small_forward, 7, 0.1);
  add("small_4x128x128/step", small_step, 7, 0.2);
  add("deblurgan_1x256x256/forward", deblurgan_forward, 7, 0.2);
  add("deblurgan_1x256x256/forward_backward", deblurgan_forward_backward, 5, 0.2);
  return 0;
}();

}  // namespace
}  // namespace dg::bench
