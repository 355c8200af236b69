#include "models/run_log.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <unistd.h>
#include <utility>

#include "kernels/check.h"
#include "models/report.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

const std::vector<std::string> kColumns{
    "epoch",        "learning_rate", "images_per_second", "seconds",      "g_content",     "g_adversarial",
    "d_real",       "d_fake",        "d_penalty",         "psnr_blurred", "psnr_restored", "ssim_blurred",
    "ssim_restored"};

constexpr std::chrono::seconds kReportInterval{30};
// Writing the report may take this part of the time.
constexpr double kReportShare = 0.005;
constexpr std::size_t kNotes = 100;

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

// ---- what TensorBoard shows as text: Markdown ----

std::string table_of(const TrainOptions& options) {
  const auto json = nlohmann::ordered_json::parse(to_json(options));
  std::string table = "| option | value |\n|--|--|\n";
  for (const auto& [key, value] : json.items())
    table += "| " + key + " | `" + (value.is_string() ? value.get<std::string>() : value.dump()) + "` |\n";
  return table;
}

std::string verbatim(const std::string& text) { return "```\n" + text + "\n```\n"; }

void describe(TensorBoardWriter& writer, const RunFolder& run, const TrainOptions& options,
              std::int64_t step) {
  writer.text("configuration", step, table_of(options));
  if (fs::exists(run.command())) writer.text("command", step, verbatim(read_text_file(run.command())));
  if (fs::exists(run.networks())) writer.text("networks", step, verbatim(read_text_file(run.networks())));
}

}  // namespace

RunLog::RunLog(RunFolder run, const TrainOptions& options, const std::string& device, std::int64_t step,
               Tell tell)
    : run_(std::move(run)), metrics_(run_.path, kColumns, step), tell_(std::move(tell)) {
  if (options.tensorboard) {
    tensorboard_.emplace(run_.tensorboard(), step + 1);
    describe(*tensorboard_, run_, options, step);
  }
  if (auto before = read_status(run_)) status_ = std::move(*before);
  status_.state = RunState::training;
  status_.step = step;
  status_.host = host_name();
  status_.device = device;
  status_.version = DEBLURGAN_VERSION;
}

void RunLog::note(const std::string& text) {
  status_.notes.push_back({time_text(), text});
  if (status_.notes.size() > kNotes) status_.notes.erase(status_.notes.begin());
}

void RunLog::losses(const StepReport& report, double seconds) {
  MetricsRow row{report.step,
                 {{"epoch", report.epoch},
                  {"learning_rate", report.learning_rate},
                  {"images_per_second", report.images_per_second},
                  {"seconds", seconds}}};
  row.values.insert(row.values.end(), report.losses.begin(), report.losses.end());
  metrics_.write(row);
  if (!tensorboard_) return;
  std::vector<std::pair<std::string, double>> scalars;
  for (const auto& [name, value] : report.losses) scalars.emplace_back("loss/" + name, value);
  scalars.emplace_back("training/learning_rate", report.learning_rate);
  scalars.emplace_back("training/images_per_second", report.images_per_second);
  tensorboard_->scalars(report.step, scalars);
}

void RunLog::validation(const ValidationReport& report, std::int64_t width, std::int64_t height,
                        std::span<const std::uint8_t> strip) {
  const ValidationResult& scores = report.scores;
  const MetricsRow row{report.step,
                       {{"psnr_blurred", scores.psnr_blurred},
                        {"psnr_restored", scores.psnr_restored},
                        {"ssim_blurred", scores.ssim_blurred},
                        {"ssim_restored", scores.ssim_restored}}};
  metrics_.write(row);
  if (!tensorboard_) return;
  std::vector<std::pair<std::string, double>> scalars;
  for (const auto& [name, value] : row.values) scalars.emplace_back("validation/" + name, value);
  tensorboard_->scalars(report.step, scalars);
  tensorboard_->picture("blurred | restored | sharp", report.step, width, height, strip);
}

void RunLog::step_made(const StepReport& report, bool news) {
  status_.step = report.step;
  status_.total_steps = report.total_steps;
  status_.seconds_left = report.seconds_left;
  const auto affordable = cost_ / kReportShare;
  const auto wait = news ? affordable : std::max<std::chrono::duration<double>>(affordable, kReportInterval);
  if (Clock::now() - written_ >= wait) write();
}

void RunLog::end(RunState state, const std::string& problem) {
  status_.state = state;
  if (!problem.empty()) note("error: " + problem);
  write();
}

void RunLog::write() {
  const auto start = Clock::now();
  std::string problem;
  try {
    write_status(run_, status_);
    write_report(run_.path, status_.state == RunState::training);
  } catch (const Error& error) {
    problem = error.what();
  }
  if (!problem.empty() && problem != last_problem_)
    tell_("warning: the report could not be written: " + problem);
  last_problem_ = problem;
  written_ = Clock::now();
  cost_ = written_ - start;
}

}  // namespace dg
