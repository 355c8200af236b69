// Runs small enough for tests: 4 channels, one block, crops of 32 pixels from procedural scenes.
#pragma once

#include <filesystem>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "data/safetensors.h"
#include "models/checkpoint.h"
#include "models/trainer.h"
#include "tests/data/temp_folder.h"
#include "tests/models/tiny_network.h"

namespace dg::test {

inline TrainOptions tiny_training(const char* preset = "small") {
  TrainOptions o = train_options_for(find_preset(preset));
  o.generator = tiny_generator(preset);
  o.discriminator.ndf = 4;
  o.objective.content = ContentLoss::l1;
  if (o.discriminator.family == DiscriminatorFamily::patch) o.objective.gan_type = GanType::wgan_gp;
  o.critic_updates = 1;
  o.augment.crop_size = o.augment.load_width = o.augment.load_height = 32;
  o.batch_size = 2;
  o.data = {{"procedural", 1.0}};
  o.max_blur = 8.0;
  o.steps = 4;
  o.seed = 7;
  o.workers = 0;
  o.threads = 1;
  o.log_every = 1;
  o.validate_every = 0;
  o.validation_images = 2;
  o.checkpoint_every = 1;
  return o;
}

// Asks for a stop before the step after `steps` more.
inline TrainerEvents stop_after(int steps) {
  TrainerEvents events;
  events.should_stop = [left = steps]() mutable { return left-- == 0; };
  return events;
}

inline TrainResult train(const TrainOptions& options, const std::filesystem::path& folder,
                         TrainerEvents events = {}) {
  return Trainer::start(options, folder, "test", std::move(events))->run();
}

inline TrainResult resume(const std::filesystem::path& folder, ResumeOverrides overrides = {},
                          TrainerEvents events = {}) {
  return Trainer::resume(folder, overrides, "test", std::move(events))->run();
}

inline std::filesystem::path checkpoint_of(const std::filesystem::path& folder, std::int64_t step) {
  return checkpoint_path(folder / "checkpoints", step);
}

inline std::vector<std::int64_t> checkpoint_steps(const std::filesystem::path& folder) {
  std::vector<std::int64_t> steps;
  for (const CheckpointFile& file : list_checkpoints(folder / "checkpoints")) steps.push_back(file.step);
  return steps;
}

// Rewrites a run's config.json.
inline void change_config(const std::filesystem::path& folder,
                          const std::function<void(TrainOptions&)>& change) {
  TrainOptions options = train_options_from_json(read_text(folder / "config.json"), "config.json");
  change(options);
  write_text(folder / "config.json", to_json(options));
}

// First cells of the rows of metrics.csv, without the header.
inline std::vector<std::string> logged_steps(const std::filesystem::path& folder) {
  std::istringstream csv(read_text(folder / "metrics.csv"));
  std::vector<std::string> steps;
  std::string line;
  std::getline(csv, line);
  while (std::getline(csv, line)) steps.push_back(line.substr(0, line.find(',')));
  return steps;
}

}  // namespace dg::test
