// Trains a preset in a run folder.
//   config.json        every option, as train_options.h writes it
//   command.txt        how the run was started and resumed
//   lock               held while a process trains in the folder
//   metrics.csv/.jsonl losses, learning rate, images/s, validation scores
//   report.html     curves, newest strips, configuration: models/report.h
//   status.json     how the run stands, where it runs, what it said: models/run_folder.h
//   networks.txt    the layers of both networks, and how a forward without gradients computes them
//   tensorboard/    event files, with --tensorboard: data/tensorboard.h
//   checkpoints/       step-<number>.safetensors: everything the next step depends on
//   generator.safetensors   the newest generator for restoring pictures (the averages where --ema is on)
//   best.safetensors        the one with the highest validation PSNR so far
//   strips/            blurred | restored | sharp of the first validation pairs
//
// One step, as in both papers: restore a batch; update the discriminator `critic_updates` times on it; then update the
// generator through the discriminator it has just trained.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/context.h"
#include "data/pair_source.h"
#include "layers/module.h"
#include "models/train_options.h"
#include "models/validation.h"

namespace dg {

struct StepReport {
  std::int64_t step = 0;         // generator updates made
  std::int64_t total_steps = 0;  // 0: not decided yet
  double epoch = 0.0;
  double learning_rate = 0.0;
  double images_per_second = 0.0;  // since the last report
  double seconds_left = 0.0;       // estimate
  std::vector<std::pair<std::string, double>> losses;
};

struct ValidationReport {
  std::int64_t step = 0;
  ValidationResult scores;
  bool best = false;
};

// All optional; called from the thread that runs the trainer.
struct TrainerEvents {
  std::function<void(const std::string&)> on_message = {};  // what was detected, saved, skipped
  std::function<void(const StepReport&)> on_step = {};
  std::function<void(const ValidationReport&)> on_validation = {};
  std::function<bool()> should_stop = {};  // asked before each step
};

struct TrainResult {
  std::int64_t step = 0;
  bool finished = false;  // false: stopped on request; the run can be resumed
  double seconds = 0.0;
  std::filesystem::path checkpoint;
};

// What a resumed run may change: none of it is part of the result, but for `steps`, which prolongs the run.
struct ResumeOverrides {
  std::int64_t steps = 0;  // 0: as configured
  int threads = -1;        // -1: as configured
  int workers = -1;
};

class Trainer {
 public:
  // A new run in `folder`, which is created. Throws Error if the options or the data are wrong, if the folder
  // already holds a run, or if another Trainer is at work in it; so does resume. config.json gets absolute paths, so
  // that the run can be resumed from any working directory.
  static std::unique_ptr<Trainer> start(const TrainOptions& options, const std::filesystem::path& folder,
                                        const std::string& command_line, TrainerEvents events);
  // Continues the run in `folder` from its newest intact checkpoint; the result is the one an uninterrupted run would
  // have had, bit for bit.
  static std::unique_ptr<Trainer> resume(const std::filesystem::path& folder,
                                         const ResumeOverrides& overrides, const std::string& command_line,
                                         TrainerEvents events);
  virtual ~Trainer() = default;

  // Trains until the last step or until should_stop. A loss that is not finite or beyond divergence_limit throws Error
  // with the step, the term and the last good checkpoint; nothing of that step is saved.
  virtual TrainResult run() = 0;
  virtual const TrainOptions& options() const = 0;
};

// Opens the training data of `options`, checks included.
std::unique_ptr<PairSource> open_training_data(const TrainOptions& options, const TrainerEvents& events);
// The validation data; null where there is no held-out data, which is said through on_message.
std::unique_ptr<PairSource> open_validation_data(const TrainOptions& options, const TrainerEvents& events);

// A training image of these options, (1,H,W,3).
Shape training_image(const TrainOptions& options);
// The layers of both networks as tables (layers/summary.h), for an image (1,H,W,3). The discriminator may be null.
std::string describe_networks(const Shape& image, Module& generator, Module* discriminator);

// What is wrong with the data, every file decoded; for --check-data. An empty list: nothing.
std::vector<DatasetProblem> check_data(const TrainOptions& options);

}  // namespace dg
