// The command line of deblurgan-deblur.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "apps/deblur_plan.h"
#include "apps/option_values.h"
#include "core/context.h"
#include "models/restorer.h"
#include "models/weights.h"

namespace dg::apps {

inline constexpr const char* kDeblurProgram = "deblurgan-deblur";

struct DeblurArguments {
  PlanOptions plan;

  std::filesystem::path weights;
  LoadOptions load;
  std::uint64_t seed = 0;

  std::string device = "cpu";
  Precision precision = Precision::float32;
  ConvBackend conv_backend = ConvBackend::own;
  bool exact = false;
  int threads = 0;

  RestorerOptions restorer;  // without the preset's numbers
  std::int64_t batch = 1;
  int jpeg_quality = 95;

  bool video = false;
  std::optional<PixelSize> raw;  // rgb24 frames

  bool dry_run = false;
  bool json = false;
  bool quiet = false;
};

// Nothing: go on. Else the exit code (apps/common.h).
std::optional<int> parse_deblur_arguments(int argc, char** argv, DeblurArguments& arguments);

}  // namespace dg::apps
