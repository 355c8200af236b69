// What a run tells about itself while it trains: metrics.csv and .jsonl, tensorboard/, status.json and report.html in its
// folder. Throws Error where one of the first three cannot be written. A training of days does not end because of its
// report: what is wrong with that or with status.json is told as a message.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/metrics_log.h"
#include "data/tensorboard.h"
#include "models/run_folder.h"
#include "models/trainer.h"

namespace dg {

class RunLog {
 public:
  using Tell = std::function<void(const std::string&)>;

  // Rows of steps beyond `step`, the last one of the checkpoint that is resumed, are removed. `device`: a line about what
  // computes. `tell` is called with warnings.
  RunLog(RunFolder run, const TrainOptions& options, const std::string& device, std::int64_t step, Tell tell);

  // A message, for status.json and the report.
  void note(const std::string& text);
  // A row of losses; `seconds` since this process began to train.
  void losses(const StepReport& report, double seconds);
  // A row of scores and the pictures of the strip, `width` x `height` pixels as a PNG file.
  void validation(const ValidationReport& report, std::int64_t width, std::int64_t height,
                  std::span<const std::uint8_t> strip);

  // After each step: status and report anew where it is time. That is half a minute after the last one, or at once where
  // something has happened (`news`: a validation, a checkpoint); but never more often than costs half a percent of the
  // time.
  void step_made(const StepReport& report, bool news);
  // The last words. Of a failed run: what went wrong.
  void end(RunState state, const std::string& problem = {});

 private:
  void write();

  RunFolder run_;
  MetricsLog metrics_;
  std::optional<TensorBoardWriter> tensorboard_;
  Tell tell_;
  std::string last_problem_;  // told once
  RunStatus status_;
  std::chrono::steady_clock::time_point written_;
  std::chrono::duration<double> cost_{0.0};  // of the last writing
};

}  // namespace dg
