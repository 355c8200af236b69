// The pictures of a run's report: its newest validation strips, taken apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "data/metrics_log.h"
#include "models/run_folder.h"

namespace dg {

struct ReportPictureOptions {
  std::size_t steps = 6;           // newest validations
  std::int64_t side = 320;         // the middle of larger pictures
  std::size_t budget = 1'350'000;  // bytes of JPEG: older validations that do not fit are left out
};

// The pictures of one held-out pair. JPEG files, all of width x height pixels.
struct ReportPair {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> blurred;
  std::vector<std::uint8_t> sharp;
  std::vector<std::vector<std::uint8_t>> restored;  // newest first
};

struct ReportPictures {
  std::vector<std::int64_t> steps;  // newest first
  std::vector<ReportPair> pairs;
  std::int64_t whole_side = 0;        // of the strips' pictures
  std::vector<std::string> problems;  // strips that could not be read
};

// Strips of steps that metrics.csv does not know are passed over: a resumed run has yet to make them again.
ReportPictures report_pictures(const RunFolder& run, const std::vector<MetricsColumn>& columns,
                               const ReportPictureOptions& options = {});

}  // namespace dg
