// deblurgan-bench-step: a training step as a whole and by phase, images/s and memory, as JSON. bench/pytorch_step.py
// measures the same step in PyTorch; docs/benchmarks.md compares them. Weights and pictures are random.
#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/bench_device.h"
#include "bench/step_phases.h"
#include "core/ops.h"
#include "models/train_options.h"
#include "models/train_step.h"

namespace {

using namespace dg;
using namespace dg::bench;
using Json = nlohmann::ordered_json;

struct Options {
  std::string preset = "deblurgan";
  std::string device = "cpu";
  std::string precision = "float32";
  std::string size = "256";
  std::int64_t batch = 1;
  int threads = 0;
  bool graph = false;
  bool no_phases = false;
  Sampling sampling{.at_least = 3, .at_most = 20, .seconds = 10.0};
  std::string out;
  std::string commit = "unknown";
};

// "256" or "720x1280", height first.
std::pair<std::int64_t, std::int64_t> parse_size(const std::string& text) {
  const auto number = [&](std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    check(error == std::errc() && end == digits.data() + digits.size() && value > 0, "--size is '", text,
          "', expected pixels, such as 256 or 720x1280");
    return value;
  };
  const auto x = text.find('x');
  if (x == std::string::npos) return {number(text), number(text)};
  return {number(std::string_view(text).substr(0, x)), number(std::string_view(text).substr(x + 1))};
}

// Networks, objective and optimizers of a preset, with random weights.
class Training {
 public:
  Training(const Options& o, const TrainOptions& t, std::int64_t h, std::int64_t w)
      : context_(
            {.device = o.device, .precision = parse_precision(o.precision), .threads = o.threads, .seed = 1}),
        options_(t),
        generator_(make_generator(context_, t.generator)),
        shape_{o.batch, h, w, 3} {
    if (t.objective.adversarial_weight != 0.0) {
      DiscriminatorOptions d = t.discriminator;
      d.height = h;
      d.width = w;
      discriminator_ = make_discriminator(context_, d);
    }
    if (t.objective.content == ContentLoss::perceptual)
      features_ = std::make_unique<VggFeatures>(context_, t.vgg);
    objective_.emplace(t.objective, features_.get());
    const AdamConfig adam{t.learning_rate, t.beta1, t.beta2, t.epsilon};
    generator_optimizer_.emplace(generator_->parameters(), adam);
    if (discriminator_) discriminator_optimizer_.emplace(discriminator_->parameters(), adam);
    blurred_ = (Tensor::normal(context_, shape_) * 0.3).to_floats();
    sharp_ = (Tensor::normal(context_, shape_) * 0.3).to_floats();
  }

  Context& context() { return context_; }
  StepParts parts() {
    return {.context = context_,
            .generator = *generator_,
            .discriminator = discriminator_.get(),
            .objective = *objective_,
            .generator_optimizer = *generator_optimizer_,
            .discriminator_optimizer = discriminator_optimizer(),
            .critic_updates = options_.critic_updates,
            .weight_clip = weight_clip_of(options_)};
  }
  PhaseTimes phases() {
    StepParts p = parts();
    return timed_step(p, shape_, blurred_, sharp_);
  }
  // The step that deblurgan-train makes.
  TrainStep make_step(bool graph) {
    return {
        *generator_,
        discriminator_.get(),
        *objective_,
        *generator_optimizer_,
        discriminator_optimizer(),
        {.critic_updates = options_.critic_updates, .weight_clip = weight_clip_of(options_), .graph = graph}};
  }
  void run(TrainStep& step) {
    step(shape_, blurred_, sharp_, options_.learning_rate, discriminator_ != nullptr);
    context_.backend().synchronize();
  }

 private:
  Adam* discriminator_optimizer() { return discriminator_optimizer_ ? &*discriminator_optimizer_ : nullptr; }

  Context context_;
  TrainOptions options_;
  std::unique_ptr<Module> generator_, discriminator_;
  std::unique_ptr<VggFeatures> features_;
  std::optional<Objective> objective_;
  std::optional<Adam> generator_optimizer_, discriminator_optimizer_;
  Shape shape_;
  std::vector<float> blurred_, sharp_;
};

Json to_json(const Timing& t) {
  return {{"median_ms", t.median * 1e3},
          {"fastest_ms", t.fastest * 1e3},
          {"spread_percent", t.spread * 1e2},
          {"samples", t.samples}};
}

// The step's has each sample, too: bench/cpu_vs_pytorch.py puts those of several runs together.
Json with_samples(const Timing& t) {
  Json json = to_json(t);
  for (const double seconds : t.sorted) json["samples_ms"].push_back(seconds * 1e3);
  return json;
}

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

Timing time_steps(Training& training, const Options& o) {
  TrainStep step = training.make_step(o.graph);
  // A graph is captured in the third step.
  for (int warm_up = 0; warm_up < (o.graph ? 4 : 1); ++warm_up) training.run(step);
  training.context().allocator().reset_peak();
  return collect(o.sampling, [&] {
    const auto start = std::chrono::steady_clock::now();
    training.run(step);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  });
}

Json time_phases(Training& training, const Options& o) {
  training.phases();
  std::vector<std::string> names;
  std::map<std::string, std::vector<double>> seconds;
  collect(o.sampling, [&] {
    double sum = 0.0;
    names.clear();
    for (const auto& [name, time] : training.phases()) {
      names.push_back(name);
      seconds[name].push_back(time);
      sum += time;
    }
    return sum;
  });
  Json phases = Json::object();
  for (const std::string& name : names) phases[name] = to_json(summarize(seconds[name]));
  return phases;
}

Json measure(const Options& o) {
  const auto [h, w] = parse_size(o.size);
  const TrainOptions options = train_options_for(find_preset(o.preset));
  Training training(o, options, h, w);
  const Timing step = time_steps(training, o);
  const MemoryStats memory = training.context().allocator().stats();
  const std::int64_t workspace = training.context().backend().workspace_bytes();
  Json result{{"framework", "deblurgan"},
              {"mode", o.graph ? "graph" : "eager"},
              {"preset", o.preset},
              {"batch", o.batch},
              {"height", h},
              {"width", w},
              {"precision", o.precision},
              {"step", with_samples(step)},
              {"images_per_second", static_cast<double>(o.batch) / step.median},
              {"peak_MiB", mib(memory.peak + workspace)},
              {"reserved_MiB", mib(memory.reserved + workspace)}};
  // With a wait between the phases; a graph has none.
  if (!o.no_phases && !o.graph) result["phases"] = time_phases(training, o);
  return result;
}

Json context_of(const Options& o) {
  Json context{{"program", "deblurgan-bench-step"}, {"commit", o.commit}};
  for (const auto& [key, value] : make_bench_device(o.device)->facts()) context[key] = value;
  return context;
}

int run(int argc, char** argv) {
  Options o;
  CLI::App app("Measures one training step of deblurgan.", "deblurgan-bench-step");
  app.add_option("--preset", o.preset, "networks and objective")->capture_default_str();
  app.add_option("--device", o.device, "cpu, cuda, cuda:N")->capture_default_str();
  app.add_option("--precision", o.precision, "float32, tf32 or bf16")->capture_default_str();
  app.add_option("--size", o.size, "of the images: pixels, or HxW")->capture_default_str();
  app.add_option("--batch", o.batch, "images a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--threads", o.threads, "CPU threads; 0: all")->capture_default_str();
  app.add_flag("--cuda-graph", o.graph, "replay the step as one captured graph");
  app.add_flag("--no-phases", o.no_phases, "the whole step only");
  app.add_option("--samples", o.sampling.at_most, "most steps to measure")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--seconds", o.sampling.seconds, "of measuring")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--out", o.out, "JSON file; default: standard output");
  app.add_option("--commit", o.commit, "written into the JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  o.sampling.at_least = std::min(o.sampling.at_least, o.sampling.at_most);

  const Json report{{"context", context_of(o)}, {"steps", Json::array({measure(o)})}};
  if (o.out.empty()) {
    std::printf("%s\n", report.dump(2).c_str());
    return 0;
  }
  std::ofstream file(o.out);
  file << report.dump(2) << '\n' << std::flush;
  check(file.good(), o.out, ": cannot be written");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "deblurgan-bench-step: %s\n", error.what());
    return 1;
  }
}
