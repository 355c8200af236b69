// deblurgan-eval: scores of a generator over a data set. Exit codes: apps/common.h.
#include <chrono>
#include <fmt/core.h>
#include <memory>
#include <new>
#include <optional>
#include <span>

#include "apps/common.h"
#include "apps/eval_arguments.h"
#include "data/atomic_file.h"
#include "data/checksum.h"
#include "kernels/check.h"
#include "models/evaluation_files.h"

namespace fs = std::filesystem;
using namespace dg;
using namespace dg::apps;

namespace {

// The network of --weights, with all that it needs to live.
struct Network {
  Context context;
  LoadedGenerator generator;
  Restorer restorer;

  explicit Network(const EvalArguments& a)
      : context({.device = a.device, .precision = a.precision, .threads = a.threads, .exact = a.exact}),
        generator(load_generator(context, a.weights, a.load)),
        restorer(*generator.network, options_of(generator)) {
    check(!a.load.dropout_at_test || generator.options.dropout > 0.0, a.weights.string(),
          ": its network has no dropout; leave --dropout-at-test away");
    // A large picture takes minutes: Ctrl-C is heard between layers.
    context.set_module_observer([](const Module&, const Tensor&, const Tensor&) {
      if (interrupted()) throw Interrupted("interrupted");
    });
  }

  static RestorerOptions options_of(const LoadedGenerator& generator) {
    const Preset preset = find_preset(generator.options.preset);
    return {.size_multiple = preset.size_multiple, .minimum_size = preset.minimum_size};
  }
};

EvaluationFacts facts_of(const EvalArguments& a, const Network* network) {
  EvaluationFacts facts{{"program", version_line(kEvalProgram)}};
  if (network == nullptr) {
    facts.emplace_back("restored pictures", a.restored);
    return facts;
  }
  const LoadedGenerator& generator = network->generator;
  facts.emplace_back("weights", a.weights.string());
  facts.emplace_back("weights crc32", crc32_of_file(a.weights));
  facts.emplace_back("preset", generator.options.preset);
  if (const auto step = generator.metadata.find("step"); step != generator.metadata.end())
    facts.emplace_back("step", step->second);
  if (generator.from_checkpoint)
    facts.emplace_back("of the checkpoint", generator.from_ema ? "averages" : "last weights");
  facts.emplace_back("dropout at test",
                     a.load.dropout_at_test ? fmt::format("on, seed {}", a.evaluation.seed) : "off");
  facts.emplace_back("device", a.device);
  facts.emplace_back("precision", name_of(a.precision));
  return facts;
}

// Long work must not end with a folder that cannot be written.
void check_writable(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": cannot be created: ", error.message(), "; choose another folder");
  const AtomicFile probe(folder / "metrics.json");
}

void save_picture(const fs::path& folder, const MeasuredPair& pair) {
  const fs::path path = folder / (pair.image.name + ".png");
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  check(!error, path.string(), ": its folder cannot be created: ", error.message(),
        "; choose another --save");
  write_file_atomically(path, std::as_bytes(std::span(pair.png)));
}

// ---- what the user sees ----

std::string text_of(std::optional<double> value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "-";
}

std::string text_of(const Spread& spread) {
  return fmt::format("{:.4f} s (quartiles {:.4f} to {:.4f})", spread.median, spread.first_quartile,
                     spread.third_quartile);
}

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  return whole < 3600 ? fmt::format("{}:{:02}", whole / 60, whole % 60)
                      : fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

class Progress {
 public:
  Progress(const EvalArguments& arguments, const Evaluator& evaluator)
      : stream_(arguments.json ? stderr : stdout), quiet_(arguments.quiet), evaluator_(evaluator) {}

  void measured(std::int64_t i, const EvaluatedImage& image) {
    if (quiet_) return;
    const std::string& metric = evaluator_.protocol().metrics.front();
    const PairScore& score = image.scores.front();
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
    const double left =
        passed.count() / static_cast<double>(i + 1) * static_cast<double>(evaluator_.size() - i - 1);
    fmt::print(stream_, "[{}/{}] {}  {} {} -> {}{}  {} left\n", i + 1, evaluator_.size(), image.name, metric,
               text_of(score.blurred, score_digits(metric)), text_of(score.restored, score_digits(metric)),
               image.seconds.restore ? fmt::format("  {:.2f} s", *image.seconds.restore) : "",
               duration(left));
    std::fflush(stream_);
  }

 private:
  std::FILE* stream_;
  bool quiet_;
  const Evaluator& evaluator_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void print_summary(const Evaluation& evaluation, const fs::path& folder) {
  const std::vector<std::string>& metrics = evaluation.protocol.metrics;
  const std::vector<MeanScore> means = mean_scores(evaluation);
  fmt::print("mean of {} images, protocol {}, blurred -> restored:\n", evaluation.images.size(),
             evaluation.protocol.name);
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    fmt::print("  {:<20} {} -> {}{}\n", metrics[m], text_of(means[m].blurred, score_digits(metrics[m])),
               text_of(means[m].restored, score_digits(metrics[m])),
               means[m].images < static_cast<std::int64_t>(evaluation.images.size())
                   ? fmt::format("  (of {} images that are large enough)", means[m].images)
                   : "");
  }
  const SecondsSpread seconds = seconds_spread(evaluation);
  if (seconds.restore) fmt::print("per image: network {}\n", text_of(*seconds.restore));
  if (seconds.decode) fmt::print("           decoding both pictures {}\n", text_of(*seconds.decode));
  if (seconds.encode) fmt::print("           encoding PNG {}\n", text_of(*seconds.encode));
  fmt::print("wrote {}, metrics.csv and report.html\n", (folder / "metrics.json").string());
}

// ---- the run ----

// What has been found so far, also when the run is cut short.
struct Results {
  Evaluation evaluation;
  EvaluationGallery gallery;
};

// Nothing where the pair cannot be measured: told, and kept as a failure.
std::optional<MeasuredPair> measure(const Evaluator& evaluator, std::int64_t i, Evaluation& evaluation) {
  std::string failure;
  try {
    return evaluator.measure(i);
  } catch (const Error& error) {
    failure = error.what();
  } catch (const std::bad_alloc&) {
    failure = fmt::format("pair number {}: not enough memory; close other programs", i + 1);
  }
  tell(kEvalProgram, failure);
  evaluation.failures.push_back(std::move(failure));
  return std::nullopt;
}

void measure_all(const EvalArguments& a, const Evaluator& evaluator, Network* network, Results& results) {
  Progress progress(a, evaluator);
  for (std::int64_t i = 0; i < evaluator.size(); ++i) {
    if (interrupted()) throw Interrupted("interrupted");
    // A picture's dropout does not depend on those before it, as in deblurgan-deblur.
    if (network != nullptr) network->context.random().set_state({a.evaluation.seed, 0});
    std::optional<MeasuredPair> pair = measure(evaluator, i, results.evaluation);
    if (!pair) continue;
    if (!a.save.empty()) save_picture(a.save, *pair);
    progress.measured(i, pair->image);
    results.gallery.add(*pair);
    results.evaluation.images.push_back(std::move(pair->image));
  }
}

int evaluate(const EvalArguments& a) {
  check_writable(a.output);
  DatasetOptions dataset = a.dataset;
  dataset.on_warning = [](const std::string& text) { tell(kEvalProgram, "warning: " + text); };
  const std::unique_ptr<PairSource> source = open_dataset(a.data, dataset);
  watch_interrupts();
  const auto network = a.weights.empty() ? nullptr : std::make_unique<Network>(a);
  const Evaluator evaluator(*source, network ? restored_by(network->restorer) : restored_in(a.restored),
                            a.evaluation);
  const EvaluationFacts facts = facts_of(a, network.get());

  Results results;
  Evaluation& evaluation = results.evaluation;
  evaluation.protocol = evaluator.protocol();
  evaluation.data = source->describe();
  evaluation.requested = evaluator.size();
  const auto write = [&] { write_evaluation(a.output, evaluation, facts, results.gallery); };
  try {
    measure_all(a, evaluator, network.get(), results);
  } catch (const Interrupted&) {
    write();
    throw Interrupted(fmt::format("interrupted after {} of {} images; what was measured is in {}",
                                  evaluation.images.size(), evaluator.size(), a.output.string()));
  } catch (const Error&) {
    write();
    throw;
  }
  write();
  if (a.json) {
    fmt::print("{}", evaluation_summary_json(evaluation, facts));
  } else if (!evaluation.images.empty()) {
    print_summary(evaluation, a.output);
  }
  if (evaluation.failures.empty()) return 0;
  tell(kEvalProgram, fmt::format("{} of {} pairs could not be measured, see above",
                                 evaluation.failures.size(), evaluator.size()));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kEvalProgram, [&] {
    EvalArguments arguments;
    if (const auto code = parse_eval_arguments(argc, argv, arguments)) return *code;
    return evaluate(arguments);
  });
}
