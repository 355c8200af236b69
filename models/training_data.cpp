// From a run's options to its data sets.
#include <optional>

#include "models/trainer.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

bool has_subfolder(const std::string& spec, const char* name) {
  std::error_code error;
  return fs::is_directory(fs::path(spec) / name, error);
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
  if (spec == "procedural" || has_subfolder(spec, "val") || has_subfolder(spec, "validation")) return Split::validation;
  if (has_subfolder(spec, "test")) return Split::test;
  return std::nullopt;
}

}  // namespace

std::unique_ptr<PairSource> open_training_data(const TrainOptions& options, const TrainerEvents& events) {
  auto source = open_mixture(options.data, dataset_options(options, events));
  if (events.on_message) events.on_message("training data: " + source->describe());
  return source;
}

std::unique_ptr<PairSource> open_validation_data(const TrainOptions& options, const TrainerEvents& events) {
  if (options.validate_every == 0) return nullptr;
  DatasetOptions d = dataset_options(options, events);
  d.min_width = d.min_height = options.validation_crop;
  if (d.layout == DatasetLayout::sharp_only) d.layout = DatasetLayout::automatic;
  std::vector<WeightedSpec> specs = options.validation_data;
  if (specs.empty()) {
    for (const WeightedSpec& spec : options.data) {
      if (held_out_split(spec.spec)) {
        specs = {spec};
        break;
      }
    }
    if (specs.empty()) {
      if (events.on_message) events.on_message("no validation: the data has no val or test part; pass --val DIR for one");
      return nullptr;
    }
  }
  // A folder without parts was named as validation data: all of it is.
  d.split = held_out_split(specs.front().spec).value_or(Split::validation);
  auto source = open_mixture(specs, d);
  if (events.on_message) events.on_message("validation data: " + source->describe());
  return source;
}

std::vector<DatasetProblem> check_data(const TrainOptions& options) {
  DatasetOptions d = dataset_options(options, {});
  d.decode_budget_megapixels = -1.0;
  std::vector<DatasetProblem> problems;
  for (const auto* specs : {&options.data, &options.validation_data}) {
    d.split = specs == &options.data ? Split::train : Split::validation;
    for (const WeightedSpec& spec : *specs) {
      if (specs == &options.validation_data) d.split = held_out_split(spec.spec).value_or(Split::validation);
      const auto found = check_dataset(spec.spec, d);
      problems.insert(problems.end(), found.begin(), found.end());
    }
  }
  return problems;
}

}  // namespace dg
