// The state of a training run on disk: everything that the next step depends on, in one safetensors file.
//   tensors    generator.<name>, discriminator.<name>, ema.<name>, adam_g.m.<name>, adam_g.v.<name>, adam_d.*
//   metadata   the generator's options and format (models/weights.h), step, total_steps, random_seed, random_offset,
//              adam_g_step, adam_d_step, best_psnr
// The data position is the step itself: batch b is a pure function of (seed, b). So are schedules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/context.h"
#include "layers/adam.h"
#include "layers/ema.h"
#include "layers/module.h"
#include "models/presets.h"

namespace dg {

// What a checkpoint saves and restores. Null pointers: the run has none.
struct TrainingState {
  Context* context = nullptr;
  Module* generator = nullptr;
  Module* discriminator = nullptr;
  Ema* ema = nullptr;
  Adam* generator_optimizer = nullptr;
  Adam* discriminator_optimizer = nullptr;
  std::int64_t step = 0;                                        // generator updates made
  std::int64_t total_steps = 0;                                 // 0: not decided yet
  double best_psnr = -std::numeric_limits<double>::infinity();  // of all validations so far, dB
};

// Written to a temporary file, synced and renamed: a kill at any moment leaves the old file or the new one.
void save_checkpoint(const std::filesystem::path& path, const TrainingState& state,
                     const GeneratorOptions& options);

// Restores all of it, element by element in the stored precision. Throws Error naming the file, and changes nothing,
// if it is damaged or belongs to another run configuration.
void load_checkpoint(const std::filesystem::path& path, TrainingState& state);

// Files "step-<number>.safetensors" in a run's checkpoint folder, oldest first.
struct CheckpointFile {
  std::filesystem::path path;
  std::int64_t step = 0;
};
std::vector<CheckpointFile> list_checkpoints(const std::filesystem::path& folder);
std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);

}  // namespace dg
