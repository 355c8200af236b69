// deblurgan-train: parse, train, print.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <fmt/format.h>
#include <string>
#include <string_view>

#include "apps/common.h"
#include "apps/train_arguments.h"
#include "apps/train_progress.h"
#include "models/report.h"
#include "models/run_folder.h"

using namespace dg;
using namespace dg::apps;

namespace {

constexpr const char* kProgram = "deblurgan-train";

// As a POSIX shell takes it back: words with anything unusual in them stand in single quotes.
std::string quoted(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("_-+=.,:/@%").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string command_line(int argc, char** argv) {
  std::string text;
  for (int i = 0; i < argc; ++i) text += (i == 0 ? "" : " ") + quoted(argv[i]);
  return text;
}

int report_data_problems(const TrainOptions& options) {
  check(!options.data.empty(), "no data given; pass --data DIR");
  const auto problems = check_data(options);
  const auto errors = std::count_if(problems.begin(), problems.end(), [](const DatasetProblem& p) {
    return p.severity == DatasetProblem::Severity::error;
  });
  for (const DatasetProblem& p : problems) {
    fmt::print("{}: {}\n", p.severity == DatasetProblem::Severity::error ? "error" : "warning", p.message);
  }
  fmt::print("{} errors, {} warnings\n", errors, static_cast<std::int64_t>(problems.size()) - errors);
  return errors == 0 ? 0 : 1;
}

int print_summaries(const TrainOptions& options) {
  Context context({.device = options.device, .threads = options.threads});
  const Shape image = training_image(options);
  DiscriminatorOptions d = options.discriminator;
  d.height = image[1];
  d.width = image[2];
  const auto generator = make_generator(context, options.generator);
  const auto discriminator = make_discriminator(context, d);
  fmt::print("{}", describe_networks(image, *generator, discriminator.get()));
  return 0;
}

int make_report(const TrainArguments& a) {
  write_report(a.report);
  if (!a.quiet) fmt::print("wrote {}\n", RunFolder{a.report}.report().string());
  return 0;
}

void export_held_out(const TrainArguments& a) {
  const auto source = open_validation_data(a.options, {});
  check(source != nullptr, "--export-validation: there is no held-out data; pass --val DIR");
  const auto folder = std::filesystem::path(a.out) / "held-out";
  const std::int64_t written = export_pairs(*source, validation_options(a.options), folder);
  if (!a.quiet) fmt::print("{} held-out pairs are in {}\n", written, folder.string());
}

int train(const TrainArguments& a, const std::string& command) {
  watch_interrupts();
  TrainProgress progress(a.quiet);
  const std::string folder = a.resume.empty() ? a.out : a.resume;
  const auto trainer = a.resume.empty() ? Trainer::start(a.options, folder, command, progress.events())
                                        : Trainer::resume(folder, a.overrides, command, progress.events());
  if (a.export_validation) export_held_out(a);
  TrainResult result;
  try {
    result = trainer->run();
  } catch (...) {
    progress.finish();
    throw;
  }
  progress.finish();
  if (!result.finished) {
    throw Interrupted(fmt::format("stopped at step {}, saved as {}; continue with --resume {}", result.step,
                                  result.checkpoint.string(), folder));
  }
  if (!a.quiet) {
    const RunFolder run{folder};
    fmt::print("finished {} steps in {}; the generator is {}, the report {}\n", result.step,
               clock_text(result.seconds), run.newest_generator().string(), run.report().string());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    TrainArguments arguments;
    if (const auto code = parse_train_arguments(argc, argv, arguments)) return *code;
    if (!arguments.report.empty()) return make_report(arguments);
    if (arguments.check_data) return report_data_problems(arguments.options);
    if (arguments.summary) return print_summaries(arguments.options);
    return train(arguments, command_line(argc, argv));
  });
}
