// The command line of deblurgan-train.
#pragma once

#include <optional>
#include <string>

#include "models/trainer.h"

namespace dg::apps {

struct TrainArguments {
  TrainOptions options;
  std::string out;     // the run folder
  std::string resume;  // continue this run instead
  ResumeOverrides overrides;
  std::string report;  // write this run's report and do nothing else
  bool check_data = false;
  bool summary = false;
  bool export_validation = false;
  bool quiet = false;
};

// Fills `arguments`; nothing: go on. Else the exit code, after --help, --version or an error that has been told.
std::optional<int> parse_train_arguments(int argc, char** argv, TrainArguments& arguments);

}  // namespace dg::apps
