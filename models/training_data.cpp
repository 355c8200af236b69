// From a run's options to its data sets.
#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "models/trainer.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

// Of pairs in two folders, the blurred ones; see data/dataset.h.
const std::set<std::string> kPairFolders{"a", "blur", "blurred", "blur_gamma", "input", "input_crops"};

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Names of the folders in a folder, in lower case: data sets are recognised in any case.
std::set<std::string> subfolders(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) names.insert(lower_case(it->path().filename().string()));
  }
  return names;
}

// Of SPEC/train, SPEC/val, ..., or of SPEC/A/train, SPEC/A/val, ...
std::set<std::string> parts_of(const fs::path& spec) {
  const std::set<std::string> own = subfolders(spec);
  std::set<std::string> all = own;
  if (own.contains("train")) return all;
  std::error_code error;
  for (fs::directory_iterator it(spec, error); !error && it != fs::directory_iterator();
       it.increment(error)) {
    if (kPairFolders.contains(lower_case(it->path().filename().string()))) all.merge(subfolders(it->path()));
  }
  return all;
}

// The side that every training example has to offer, where crops are cut.
std::int64_t smallest_side(const TrainOptions& o) {
  return o.augment.preprocess == Preprocess::crop ? o.augment.crop_size : 0;
}

DatasetOptions dataset_options(const TrainOptions& o, const TrainerEvents& events) {
  DatasetOptions d;
  d.layout = o.layout;
  d.blur_key = o.blur_key;
  d.synthesis.shake.min_length = o.min_blur;
  d.synthesis.shake.max_length = o.max_blur;
  d.synthesis.max_noise = {o.noise, o.noise};
  d.procedural.seed = o.seed;
  d.min_width = d.min_height = smallest_side(o);
  d.on_warning = [on_message = events.on_message](const std::string& text) {
    if (on_message) on_message("warning: " + text);
  };
  return d;
}

// The held-out split that a spec offers: its val or test folder, or other procedural scenes.
std::optional<Split> held_out_split(const std::string& spec) {
  if (spec == kProceduralSpec) return Split::validation;
  const std::set<std::string> parts = parts_of(spec);
  if (parts.contains("val") || parts.contains("validation")) return Split::validation;
  if (parts.contains("test")) return Split::test;
  return std::nullopt;
}

// What is named as validation data, else the first of the training data that has a held-out part; empty: none.
std::vector<WeightedSpec> validation_specs(const TrainOptions& o) {
  if (!o.validation_data.empty()) return o.validation_data;
  for (const WeightedSpec& spec : o.data) {
    if (held_out_split(spec.spec)) return {spec};
  }
  return {};
}

DatasetOptions held_out_options(const TrainOptions& o, const std::vector<WeightedSpec>& specs,
                                const TrainerEvents& events) {
  DatasetOptions d = dataset_options(o, events);
  // Smaller pictures are refused here, not at the first validation, an hour into the run.
  d.min_width = d.min_height = validation_options(o).crop;
  if (d.layout == DatasetLayout::sharp_only) d.layout = DatasetLayout::automatic;
  // A folder without parts was named as validation data: all of it is.
  d.split = held_out_split(specs.front().spec).value_or(Split::validation);
  return d;
}

}  // namespace

std::unique_ptr<PairSource> open_training_data(const TrainOptions& options, const TrainerEvents& events) {
  auto source = open_mixture(options.data, dataset_options(options, events));
  if (events.on_message) events.on_message("training data: " + source->describe());
  return source;
}

std::unique_ptr<PairSource> open_validation_data(const TrainOptions& options, const TrainerEvents& events) {
  if (options.validate_every == 0) return nullptr;
  const std::vector<WeightedSpec> specs = validation_specs(options);
  if (specs.empty()) {
    if (events.on_message)
      events.on_message("no validation: the data has no val or test part; pass --val DIR for one");
    return nullptr;
  }
  auto source = open_mixture(specs, held_out_options(options, specs, events));
  if (events.on_message) events.on_message("validation data: " + source->describe());
  return source;
}

std::vector<DatasetProblem> check_data(const TrainOptions& options) {
  std::vector<DatasetProblem> problems;
  const auto look_at = [&](const std::vector<WeightedSpec>& specs, DatasetOptions d) {
    d.decode_budget_megapixels = -1.0;
    for (const WeightedSpec& spec : specs) {
      const auto found = check_dataset(spec.spec, d);
      problems.insert(problems.end(), found.begin(), found.end());
    }
  };
  look_at(options.data, dataset_options(options, {}));
  const std::vector<WeightedSpec> held_out = validation_specs(options);
  if (options.validate_every > 0 && !held_out.empty())
    look_at(held_out, held_out_options(options, held_out, {}));
  return problems;
}

Shape training_image(const TrainOptions& options) {
  const AugmentOptions& o = options.augment;
  const bool resized = o.preprocess == Preprocess::resize;
  return {1, resized ? o.load_height : o.crop_size, resized ? o.load_width : o.crop_size, 3};
}

}  // namespace dg
