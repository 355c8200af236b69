// The command line of deblurgan-eval.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/context.h"
#include "data/dataset.h"
#include "models/evaluation.h"
#include "models/weights.h"

namespace dg::apps {

inline constexpr const char* kEvalProgram = "deblurgan-eval";

struct EvalArguments {
  std::string data;
  DatasetOptions dataset;
  std::filesystem::path weights;  // or
  std::string restored;           // a folder of restored pictures
  LoadOptions load;
  std::filesystem::path output;
  std::filesystem::path save;  // restored pictures go here; empty: nowhere
  EvaluationOptions evaluation;
  std::string device = "cpu";
  Precision precision = Precision::float32;
  bool exact = false;
  int threads = 0;
  bool json = false;
  bool quiet = false;
};

// Nothing: go on; else the exit code. Throws UsageError for arguments that contradict each other.
std::optional<int> parse_eval_arguments(int argc, char** argv, EvalArguments& arguments);

}  // namespace dg::apps
