#include "apps/train_progress.h"

#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "apps/common.h"
#include "models/run_folder.h"

namespace dg::apps {
namespace {

// Seconds between updates: a bar may move often, a log file should stay short.
constexpr double kBarInterval = 0.2;
constexpr double kLineInterval = 10.0;

std::string bar(double share) {
  constexpr int kWidth = 20;
  const int full = static_cast<int>(std::lround(share * kWidth));
  return "[" + std::string(static_cast<std::size_t>(full), '#') +
         std::string(static_cast<std::size_t>(kWidth - full), '.') + "]";
}

// A line that wraps could not be overwritten by the next.
std::string cut_to_terminal(const std::string& line) {
  winsize size = {};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return line;
  return line.substr(0, size.ws_col - 1U);
}

}  // namespace

TrainProgress::TrainProgress(bool quiet) : quiet_(quiet), terminal_(isatty(STDOUT_FILENO) != 0) {}

TrainerEvents TrainProgress::events() {
  TrainerEvents events;
  events.should_stop = [] { return interrupted(); };
  if (quiet_) return events;
  events.on_message = [this](const std::string& text) { message(text); };
  events.on_step = [this](const StepReport& report) { step(report); };
  events.on_validation = [this](const ValidationReport& report) { validation(report); };
  return events;
}

void TrainProgress::finish() {
  if (bar_shown_) std::fputs("\n", stdout);
  bar_shown_ = false;
  std::fflush(stdout);
}

void TrainProgress::message(const std::string& text) {
  finish();
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

void TrainProgress::step(const StepReport& r) {
  const auto now = std::chrono::steady_clock::now();
  const double since = std::chrono::duration<double>(now - last_shown_).count();
  if (since < (terminal_ ? kBarInterval : kLineInterval) && r.step != r.total_steps) return;
  last_shown_ = now;
  std::string losses;
  for (const auto& [name, value] : r.losses) losses += fmt::format("  {} {:.4g}", name, value);
  const std::string total = r.total_steps > 0 ? std::to_string(r.total_steps) : "?";
  const std::string left = r.total_steps > 0 ? clock_text(r.seconds_left) + " left" : "measuring speed";
  const double share =
      r.total_steps > 0 ? static_cast<double>(r.step) / static_cast<double>(r.total_steps) : 0.0;
  const std::string text = fmt::format("step {}/{}  epoch {:.2f}  {:.1f} images/s  {}  lr {:.3g}{}", r.step,
                                       total, r.epoch, r.images_per_second, left, r.learning_rate, losses);
  if (terminal_) {
    fmt::print("\r\033[K{}", cut_to_terminal(bar(share) + " " + text));
    bar_shown_ = true;
  } else {
    fmt::print("{}\n", text);
  }
  std::fflush(stdout);
}

void TrainProgress::validation(const ValidationReport& v) {
  const ValidationResult& s = v.scores;
  message(
      fmt::format("step {}: held-out {} pairs, PSNR {:.2f} -> {:.2f} dB ({:+.2f}), SSIM {:.4f} -> {:.4f}{}",
                  v.step, s.images, s.psnr_blurred, s.psnr_restored, s.psnr_restored - s.psnr_blurred,
                  s.ssim_blurred, s.ssim_restored, v.best ? "  best so far" : ""));
}

}  // namespace dg::apps
