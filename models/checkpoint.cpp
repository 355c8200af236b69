#include "models/checkpoint.h"

#include <algorithm>
#include <charconv>

#include "data/safetensors.h"
#include "models/weights.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

// Every tensor of the state under its name in the file.
std::vector<NamedTensor> all_tensors(const TrainingState& s) {
  std::vector<NamedTensor> out;
  const auto append = [&](const std::string& prefix, const std::vector<NamedTensor>& tensors) {
    for (const NamedTensor& t : tensors) out.push_back({prefix + t.name, t.tensor});
  };
  append("generator.", s.generator->state());
  if (s.discriminator != nullptr) append("discriminator.", s.discriminator->state());
  if (s.ema != nullptr) append("ema.", s.ema->state());
  append("adam_g.", s.generator_optimizer->state());
  if (s.discriminator_optimizer != nullptr) append("adam_d.", s.discriminator_optimizer->state());
  return out;
}

template <typename Number>
Number number_at(const Metadata& metadata, const std::string& key, const fs::path& path) {
  const auto found = metadata.find(key);
  check(found != metadata.end(), path.string(), ": not a training checkpoint: its metadata has no '", key,
        "'");
  Number value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  check(error == std::errc() && stop == end, path.string(), ": metadata '", key, "' is '", found->second,
        "', expected a number");
  return value;
}

// Reads back as the same number.
std::string shortest_text(double value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  check(error == std::errc(), "checkpoint: a number could not be written");
  return {text, end};
}

std::vector<NamedTensor> with_prefix(const std::vector<NamedTensor>& all, const std::string& prefix) {
  std::vector<NamedTensor> out;
  for (const NamedTensor& t : all) {
    if (t.name.starts_with(prefix)) out.push_back({t.name.substr(prefix.size()), t.tensor});
  }
  return out;
}

}  // namespace

void save_checkpoint(const fs::path& path, const TrainingState& s, const GeneratorOptions& options) {
  const std::vector<NamedTensor> tensors = all_tensors(s);
  std::vector<std::vector<float>> values;
  std::vector<SafeTensorToWrite> entries;
  values.reserve(tensors.size());
  for (const NamedTensor& t : tensors) {
    check(t.tensor.dtype() == DType::float32, "checkpoint: ", t.name, " is ", name_of(t.tensor.dtype()),
          ", expected float32");
    values.push_back(t.tensor.to_floats());
    entries.push_back({t.name,
                       SafeDType::F32,
                       {t.tensor.shape().begin(), t.tensor.shape().end()},
                       std::as_bytes(std::span(values.back()))});
  }
  Metadata metadata = weights_metadata(to_metadata(options));
  const PhiloxState random = s.context->random().state();
  metadata["step"] = std::to_string(s.step);
  metadata["total_steps"] = std::to_string(s.total_steps);
  metadata["random_seed"] = std::to_string(random.seed);
  metadata["random_offset"] = std::to_string(random.offset);
  metadata["best_psnr"] = shortest_text(s.best_psnr);
  metadata["adam_g_step"] = std::to_string(s.generator_optimizer->step_count());
  if (s.discriminator_optimizer != nullptr) {
    metadata["adam_d_step"] = std::to_string(s.discriminator_optimizer->step_count());
  }
  write_safetensors(path, entries, metadata);
}

void load_checkpoint(const fs::path& path, TrainingState& s) {
  const SafeTensorsFile file(path);
  const Metadata& metadata = file.metadata();
  const auto step = number_at<std::int64_t>(metadata, "step", path);
  const auto total_steps = number_at<std::int64_t>(metadata, "total_steps", path);
  const PhiloxState random{number_at<std::uint64_t>(metadata, "random_seed", path),
                           number_at<std::uint64_t>(metadata, "random_offset", path)};
  const auto best_psnr = number_at<double>(metadata, "best_psnr", path);
  const auto adam_g_step = number_at<std::int64_t>(metadata, "adam_g_step", path);
  const auto adam_d_step =
      s.discriminator_optimizer == nullptr ? 0 : number_at<std::int64_t>(metadata, "adam_d_step", path);

  std::vector<NamedTensor> stored;
  for (const SafeTensorEntry& entry : file.entries()) {
    const std::vector<float> values = file.read_as_float(entry.name);
    stored.push_back(
        {entry.name, Tensor::from_host(*s.context, Shape(std::span<const std::int64_t>(entry.shape)),
                                       std::span<const float>(values))});
  }
  // All names and shapes are compared before the first value is written.
  const StateMismatch mismatch = copy_state(all_tensors(s), stored);
  check(mismatch.empty(), path.string(),
        ": the checkpoint does not fit this run's configuration: ", to_string(mismatch));
  const auto load_optimizer = [&](Adam* optimizer, const char* prefix, std::int64_t count) {
    if (optimizer == nullptr) return;
    const StateMismatch wrong = optimizer->load(with_prefix(stored, prefix), count);
    check(wrong.empty(), path.string(), ": ", to_string(wrong));
  };
  load_optimizer(s.generator_optimizer, "adam_g.", adam_g_step);
  load_optimizer(s.discriminator_optimizer, "adam_d.", adam_d_step);
  s.context->random().set_state(random);
  s.step = step;
  s.total_steps = total_steps;
  s.best_psnr = best_psnr;
}

fs::path checkpoint_path(const fs::path& folder, std::int64_t step) {
  std::string number = std::to_string(step);
  number.insert(0, 8 - std::min<std::size_t>(number.size(), 8), '0');
  return folder / ("step-" + number + ".safetensors");
}

std::vector<CheckpointFile> list_checkpoints(const fs::path& folder) {
  std::vector<CheckpointFile> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("step-") || !name.ends_with(".safetensors")) continue;
    const std::string digits = name.substr(5, name.size() - 5 - std::string(".safetensors").size());
    std::int64_t step = 0;
    const auto [end, wrong] = std::from_chars(digits.data(), digits.data() + digits.size(), step);
    if (wrong == std::errc() && end == digits.data() + digits.size()) out.push_back({entry.path(), step});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.step < b.step; });
  return out;
}

}  // namespace dg
