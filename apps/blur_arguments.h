// The command line of deblurgan-blur.
#pragma once

#include <optional>

#include "data/blur_dataset.h"

namespace dg::apps {

inline constexpr const char* kBlurProgram = "deblurgan-blur";

struct BlurArguments {
  BlurDatasetOptions dataset;
  bool json = false;
  bool quiet = false;
};

// Nothing: go on; else the exit code. Throws UsageError for arguments that contradict each other.
std::optional<int> parse_blur_arguments(int argc, char** argv, BlurArguments& arguments);

}  // namespace dg::apps
