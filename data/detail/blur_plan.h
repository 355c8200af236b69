// Which pairs a data set of data/blur_dataset.h consists of. Looks at names only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/blur_dataset.h"

namespace dg {

struct BlurJob {
  std::string name;   // of the pair, '/' between parts, without extension
  std::string group;  // what must not be divided between train and test: photograph, sequence or scene
  std::vector<std::filesystem::path> files;  // the photograph, the frames, or nothing
  std::int64_t scene = 0;

  // The picture that is the sharp one of the pair.
  const std::filesystem::path& sharp() const { return files.at(files.size() / 2); }
};

struct BlurPlan {
  std::vector<BlurJob> jobs;          // sorted by name
  std::vector<std::string> problems;  // sequences that are too short, one sentence each
};

// Throws Error where there is nothing to do, or where two pairs would have one name.
BlurPlan plan_blur_dataset(const BlurDatasetOptions& options);

// "frame2" before "frame10": runs of digits compare as numbers.
bool natural_less(const std::string& a, const std::string& b);

}  // namespace dg
