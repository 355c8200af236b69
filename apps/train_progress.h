// What deblurgan-train shows while it runs: a bar on a terminal, lines elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "models/trainer.h"

namespace dg::apps {

class TrainProgress {
 public:
  explicit TrainProgress(bool quiet);

  // To be handed to a Trainer; the object must outlive it.
  TrainerEvents events();
  // Ends the bar's line.
  void finish();

 private:
  void message(const std::string& text);
  void step(const StepReport& report);
  void validation(const ValidationReport& report);

  bool quiet_;
  bool terminal_;
  bool bar_shown_ = false;
  std::chrono::steady_clock::time_point last_shown_;
};

}  // namespace dg::apps
