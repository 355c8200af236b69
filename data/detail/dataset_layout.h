// Which files of a folder form pairs: finds the split, recognises the layout
// (see data/dataset.h), matches names.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace dg {

enum class ListingKind : std::uint8_t { pairs, strips, sharp_only };

struct PairFiles {
  std::string name;               // relative to the data folder, '/' between parts, without extension
  std::filesystem::path blurred;  // the strip itself for strips, empty for sharp-only
  std::filesystem::path sharp;
};

struct DatasetListing {
  ListingKind kind = ListingKind::pairs;
  std::string description;       // one line for the log
  std::vector<PairFiles> pairs;  // sorted by name
  std::vector<DatasetProblem> problems;
};

// Looks at names only. Throws Error where no layout can be told: no such folder, no pictures, several
// layouts. Missing partners and doubled names are listed as problems.
DatasetListing list_dataset(const std::string& spec, const DatasetOptions& options);

// "a, b, c and 17 more": up to five names in quotes.
std::string name_some(const std::vector<std::string>& names);

}  // namespace dg
