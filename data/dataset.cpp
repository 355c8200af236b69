// From a spec to a checked source: list (dataset_layout), check (dataset_check), serve (dataset_sources).
#include "data/dataset.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "data/detail/dataset_check.h"
#include "data/detail/dataset_layout.h"
#include "data/detail/dataset_sources.h"

namespace dg {
namespace {

std::vector<DatasetProblem> all_problems(const DatasetListing& listing, const DatasetOptions& options) {
  std::vector<DatasetProblem> problems = listing.problems;
  for (DatasetProblem& problem : check_files(listing, options)) {
    problems.push_back(std::move(problem));
  }
  return problems;
}

// One sentence of the first few errors, or nothing.
std::optional<std::string> summary(const std::vector<DatasetProblem>& problems) {
  constexpr std::size_t kShown = 3;
  std::string text;
  std::size_t errors = 0;
  for (const DatasetProblem& problem : problems) {
    if (problem.severity == DatasetProblem::Severity::error && ++errors <= kShown) {
      text += (errors == 1 ? "" : "; ") + problem.message;
    }
  }
  if (errors > kShown) {
    text += "; and " + std::to_string(errors - kShown) + " more problems";
  }
  return errors == 0 ? std::nullopt : std::optional(text);
}

std::unique_ptr<PairSource> open_with_cache(const std::string& spec, const DatasetOptions& options,
                                            const std::shared_ptr<PictureCache>& cache) {
  if (spec == kProceduralSpec) {
    return make_procedural_source(options.procedural, options.synthesis, options.split);
  }
  DatasetListing listing = list_dataset(spec, options);
  const std::vector<DatasetProblem> problems = all_problems(listing, options);
  if (const auto errors = summary(problems)) {
    fail("data set '", spec, "' cannot be used: ", *errors);
  }
  for (const DatasetProblem& problem : problems) {
    if (options.on_warning) {
      options.on_warning("data set '" + spec + "': " + problem.message);
    }
  }
  return make_file_source(std::move(listing), options.synthesis, cache);
}

}  // namespace

Split parse_split(const std::string& name) {
  if (name == "train") {
    return Split::train;
  }
  if (name == "val" || name == "validation") {
    return Split::validation;
  }
  check(name == "test", "split: got '", name, "', expected train, val, validation or test");
  return Split::test;
}

const char* name_of(Split split) {
  switch (split) {
    case Split::train: return "train";
    case Split::validation: return "val";
    case Split::test: return "test";
  }
  return "unknown";
}

std::vector<DatasetProblem> check_dataset(const std::string& spec, const DatasetOptions& options) {
  if (spec == kProceduralSpec) {
    return {};
  }
  try {
    return all_problems(list_dataset(spec, options), options);
  } catch (const Error& error) {
    return {{DatasetProblem::Severity::error, error.what()}};
  }
}

std::unique_ptr<PairSource> open_dataset(const std::string& spec, const DatasetOptions& options) {
  return open_with_cache(spec, options, std::make_shared<PictureCache>(options.cache_bytes));
}

std::unique_ptr<PairSource> open_mixture(const std::vector<WeightedSpec>& specs,
                                         const DatasetOptions& options) {
  const auto cache = std::make_shared<PictureCache>(options.cache_bytes);
  std::vector<WeightedSource> sources;
  sources.reserve(specs.size());
  for (const WeightedSpec& weighted : specs) {
    sources.push_back({open_with_cache(weighted.spec, options, cache), weighted.weight});
  }
  if (sources.size() == 1) {
    return std::move(sources[0].source);
  }
  return make_mixture_source(std::move(sources));
}

}  // namespace dg
