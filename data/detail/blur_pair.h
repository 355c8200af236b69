// One pair of a data set of data/blur_dataset.h, as its files will hold it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/blur_dataset.h"
#include "data/detail/blur_manifest.h"
#include "data/detail/blur_plan.h"

namespace dg {

struct BlurPair {
  BlurRecord record;
  std::vector<std::uint8_t> blurred;
  std::vector<std::uint8_t> sharp;
  std::vector<std::uint8_t> psf;  // empty: none is wanted
};

// A pure function of the options, the job and the job's files. `split` is train, test or empty. Throws Error
// that names the file which cannot be read or blurred.
BlurPair make_blur_pair(const BlurDatasetOptions& options, const BlurJob& job, const std::string& split);

// The stream of random numbers that belongs to a name.
std::uint64_t stream_of(std::string_view name);

}  // namespace dg
