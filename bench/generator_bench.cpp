// generator_bench: whole generators on the CPU, forward as at test time, and training steps. Options of Google Benchmark
// follow ours. A case's network is made and warmed up once; each repetition is one run, and the JSON file has them all.
// Memory in MB: `tensors_MB` at the peak, `workspace_MB` held by the kernels, and of the whole process (cases of one run
// share it) `process_MB` at the peak and `growth_MB`, by which that exceeds what was resident when the program began.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <sstream>

#include "bench/bench_support.h"
#include "core/autograd.h"
#include "core/ops.h"
#include "kernels/host_memory.h"
#include "layers/adam.h"
#include "layers/losses.h"
#include "models/presets.h"
#include "models/weights.h"

namespace dg::bench {
namespace {

enum class Pass : std::uint8_t {
  forward,           // as at test time
  forward_backward,  // gradients of an L1 loss
  step,              // and Adam
};

struct Case {
  std::string name, preset;
  Shape shape;
  Pass pass = Pass::forward;
};

Pass parse_pass(const std::string& text) {
  if (text == "forward") return Pass::forward;
  if (text == "forward_backward") return Pass::forward_backward;
  check(text == "step", "the pass is '", text, "', expected forward, forward_backward or step");
  return Pass::step;
}

// "deblurgan/1x720x1280/forward": preset, pictures x height x width, pass.
Case parse_case(const std::string& text) {
  std::istringstream words(text);
  Case c{.name = text, .preset = {}, .shape = {}};
  std::string pass;
  std::int64_t n = 0;
  std::int64_t h = 0;
  std::int64_t w = 0;
  char first = 0;
  char second = 0;
  std::getline(words, c.preset, '/');
  words >> n >> first >> h >> second >> w;
  check(words.good() && first == 'x' && second == 'x' && words.get() == '/' && n > 0 && h > 0 && w > 0,
        "--case is '", text,
        "', expected preset/PICTURESxHEIGHTxWIDTH/pass, such as "
        "deblurgan/1x256x256/forward");
  std::getline(words, pass);
  c.shape = {n, h, w, 3};
  c.pass = parse_pass(pass);
  return c;
}

// The same network on a small image, fast kernels against the plain loops.
void verify(const std::string& name, const GeneratorOptions& options, int threads) {
  std::vector<std::vector<float>> results;
  for (const bool reference : {false, true}) {
    Context context({.threads = threads, .reference_kernels = reference, .seed = 1});
    const auto generator = make_generator(context, options);
    generator->eval();
    const NoGrad no_grad(context);
    results.push_back((*generator)(Tensor::normal(context, {1, 16, 24, 3}) * 0.3).to_floats());
  }
  require_correct(name, relative_difference(results[0], results[1]), 1e-4);
}

// A network and what one repetition of a case does with it; warm when it is made.
class Workload {
 public:
  Workload(const Case& c, const GeneratorOptions& options, int threads)
      : pass_(c.pass),
        context_({.threads = threads, .seed = 1}),
        generator_(make_generator(context_, options)) {
    blurred_ = Tensor::normal(context_, c.shape) * 0.3;
    if (pass_ == Pass::forward) {
      generator_->eval();
      no_grad_.emplace(context_);
    } else {
      sharp_ = Tensor::normal(context_, c.shape) * 0.3;
    }
    if (pass_ == Pass::step) adam_.emplace(generator_->parameters());
    run();
    context_.allocator().reset_peak();
  }

  void run() {
    if (pass_ == Pass::forward) {
      benchmark::DoNotOptimize((*generator_)(blurred_).array().data);
      return;
    }
    generator_->zero_grad();
    backward(l1_loss((*generator_)(blurred_), sharp_));
    if (adam_) adam_->step();
  }

  Context& context() { return context_; }

 private:
  Pass pass_;
  Context context_;
  std::unique_ptr<Module> generator_;
  std::optional<NoGrad> no_grad_;
  std::optional<Adam> adam_;
  Tensor blurred_, sharp_;
};

class Cases {
 public:
  Cases(int threads, int samples) : threads_(threads), samples_(samples) {}

  void add(const Case& c) {
    report_median(benchmark::RegisterBenchmark(c.name.c_str(),
                                               [this, c](benchmark::State& state) { repetition(state, c); }),
                  samples_);
  }

 private:
  void repetition(benchmark::State& state, const Case& c) {
    if (current_ != c.name) {
      workload_.reset();
      const GeneratorOptions options = find_preset(c.preset).generator;
      verify(c.preset, options, threads_);
      workload_ = std::make_unique<Workload>(c, options, threads_);
      current_ = c.name;
    }
    for (auto _ : state) workload_->run();
    report(state, c, workload_->context());
  }

  void report(benchmark::State& state, const Case& c, Context& context) const {
    const std::int64_t peak = peak_resident_memory();
    state.SetLabel(context.backend().description());
    state.counters["tensors_MB"] = static_cast<double>(context.allocator().stats().peak) * 1e-6;
    state.counters["workspace_MB"] = static_cast<double>(context.backend().workspace_bytes()) * 1e-6;
    state.counters["process_MB"] = static_cast<double>(peak) * 1e-6;
    state.counters["growth_MB"] = static_cast<double>(peak - at_start_) * 1e-6;
    state.counters["images/s"] = per_second(static_cast<double>(c.shape[0]));
  }

  int threads_, samples_;
  std::int64_t at_start_ = resident_memory();
  std::string current_;
  std::unique_ptr<Workload> workload_;
};

// Random weights of the preset, as every case has them.
void save_random_weights(const std::filesystem::path& path, const std::string& preset) {
  const GeneratorOptions options = find_preset(preset).generator;
  Context context({.seed = 1});
  const auto generator = make_generator(context, options);
  save_weights(path, *generator, to_metadata(options));
}

int run(int argc, char** argv) {
  std::vector<std::string> names{"small/4x128x128/forward", "small/4x128x128/step",
                                 "deblurgan/1x256x256/forward", "deblurgan/1x256x256/forward_backward"};
  int threads = 0;
  int samples = 7;
  std::string weights;
  CLI::App app("Measures whole generators on the CPU.", "generator_bench");
  app.allow_extras();
  app.footer("Other options go to Google Benchmark: --benchmark_filter=REGEX, --benchmark_out=FILE, ...");
  app.add_option("--case", names,
                 "preset/PICTURESxHEIGHTxWIDTH/pass; several, separated by commas; a pass is "
                 "forward, forward_backward or step")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--threads", threads, "CPU threads; 0: all")->capture_default_str();
  app.add_option("--samples", samples, "runs of a case")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--save-weights", weights,
                 "instead: write random weights of the first case's preset, a "
                 "safetensors file");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }

  std::vector<Case> parsed;
  for (const std::string& name : names) parsed.push_back(parse_case(name));
  if (!weights.empty()) {
    save_random_weights(weights, parsed.front().preset);
    return 0;
  }
  Cases cases(threads, samples);
  for (const Case& c : parsed) cases.add(c);
  return run_benchmarks(argv[0], app.remaining());
}

}  // namespace
}  // namespace dg::bench

int main(int argc, char** argv) {
  try {
    return dg::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "generator_bench: %s\n", error.what());
    return 1;
  }
}
