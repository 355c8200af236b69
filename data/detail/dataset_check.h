// What is wrong with the files of a listing, found before training instead of hours into it.
#pragma once

#include <vector>

#include "data/dataset.h"
#include "data/detail/dataset_layout.h"

namespace dg {

// Opens every file's header, compares the two files of each pair, and decodes as many
// as the options' budget allows.
std::vector<DatasetProblem> check_files(const DatasetListing& listing, const DatasetOptions& options);

}  // namespace dg
