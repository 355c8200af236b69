// deblurgan-blur: pairs of blurred and sharp pictures. Exit codes: apps/common.h; 1 also where some pairs
// failed and the others were made.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>

#include "apps/blur_arguments.h"
#include "apps/common.h"

using namespace dg;
using namespace dg::apps;

namespace {

std::string duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  return s < 3600 ? fmt::format("{}:{:02}", s / 60, s % 60)
                  : fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

// One line that is overwritten on a terminal; elsewhere a line every ten seconds.
class Progress {
 public:
  explicit Progress(const BlurArguments& arguments)
      : stream_(arguments.json ? stderr : stdout),
        quiet_(arguments.quiet),
        terminal_(isatty(fileno(stream_)) != 0) {}

  void show(const BlurDatasetProgress& progress) {
    const double now = seconds();
    if (quiet_ || now - last_shown_ < (terminal_ ? 0.2 : 10.0)) return;
    last_shown_ = now;
    const double left =
        now / static_cast<double>(progress.done) * static_cast<double>(progress.total - progress.done);
    const std::string text =
        fmt::format("[{}/{}] {} left  {}", progress.done, progress.total, duration(left), progress.name);
    if (terminal_) {
      fmt::print(stream_, "\r\033[K{:.78}", text);
      line_open_ = true;
    } else {
      fmt::print(stream_, "{}\n", text);
    }
    std::fflush(stream_);
  }

  // Ends the line that is being overwritten.
  void finish() {
    if (line_open_) fmt::print(stream_, "\r\033[K");
    line_open_ = false;
    std::fflush(stream_);
  }

  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::FILE* stream_;
  bool quiet_;
  bool terminal_;
  bool line_open_ = false;
  double last_shown_ = 0.0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void print_json(const BlurDatasetOptions& options, const BlurDatasetResult& result, double seconds) {
  nlohmann::ordered_json json{{"program", version_line(kBlurProgram)},
                              {"output", options.output.string()},
                              {"manifest", (options.output / "manifest.jsonl").string()},
                              {"complete", !result.stopped && result.failures.empty()},
                              {"pairs", result.pairs},
                              {"made", result.made},
                              {"kept", result.kept}};
  if (result.train + result.test > 0) {
    json["train"] = result.train;
    json["test"] = result.test;
  }
  json["failures"] = result.failures;
  json["seconds"] = seconds;
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_summary(const BlurDatasetOptions& options, const BlurDatasetResult& result, double seconds) {
  fmt::print(
      "{} pairs in {}{}: {} made in {}, {} were there already\n", result.pairs, options.output.string(),
      result.train + result.test > 0 ? fmt::format(" ({} train, {} test)", result.train, result.test) : "",
      result.made, duration(seconds), result.kept);
}

int blur(const BlurArguments& a) {
  watch_interrupts();
  Progress progress(a);
  BlurDatasetEvents events;
  events.on_progress = [&](const BlurDatasetProgress& p) { progress.show(p); };
  events.on_failure = [&](const std::string& sentence) {
    progress.finish();
    tell(kBlurProgram, sentence);
  };
  events.should_stop = [] { return interrupted(); };
  BlurDatasetResult result;
  try {
    result = make_blur_dataset(a.dataset, events);
  } catch (...) {
    progress.finish();
    throw;
  }
  progress.finish();
  if (a.json) {
    print_json(a.dataset, result, progress.seconds());
  } else if (!a.quiet) {
    print_summary(a.dataset, result, progress.seconds());
  }
  if (result.stopped) {
    throw Interrupted(
        fmt::format("interrupted after {} pairs; none is half written, the same command goes on",
                    result.made + result.kept));
  }
  if (result.failures.empty()) return 0;
  tell(kBlurProgram, fmt::format("{} {} could not be made, see above", result.failures.size(),
                                 result.failures.size() == 1 ? "pair or sequence" : "pairs or sequences"));
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kBlurProgram, [&] {
    BlurArguments arguments;
    if (const auto code = parse_blur_arguments(argc, argv, arguments)) return *code;
    return blur(arguments);
  });
}
