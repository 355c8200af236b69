// Everything that decides a training run, and its text form. A run folder holds it as config.json; --config reads the
// same file. Two runs with equal options, data and build produce the same weights, bit for bit.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "models/objective.h"
#include "models/presets.h"
#include "models/validation.h"

namespace dg {

enum class ScheduleKind : std::uint8_t { constant, linear, cosine };

struct TrainOptions {
  // ---- networks and objective: see train_options_for ----
  GeneratorOptions generator;
  DiscriminatorOptions discriminator;
  ObjectiveOptions objective;
  VggOptions vgg;
  std::string vgg_weights;  // path; for the perceptual loss
  int critic_updates = 5;   // per generator update, on the same batch
  // Discriminator weights stay in [-c, c]; 0: off; not given: see weight_clip_of.
  std::optional<double> weight_clip;
  std::string init_weights;    // path: the generator starts from these weights instead of random ones
  std::int64_t gan_start = 0;  // steps that minimise the content loss alone before the discriminator joins
  double ema_decay = 0.0;      // of the generator's weights; 0: off

  // ---- optimisation ----
  double learning_rate = 1e-4;
  double beta1 = 0.5;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  ScheduleKind schedule = ScheduleKind::linear;
  std::int64_t steps = 0;  // generator updates; 0: from the epochs
  double minutes = 0.0;    // with steps 0: as many as fit, decided from the first steps' speed
  int epochs = 150;        // at the constant rate
  int decay_epochs = 150;  // on the straight line to 0; with `steps` or `minutes` only the ratio counts
  std::uint64_t seed = 0;
  Precision precision = Precision::float32;  // of activations and products

  // ---- data ----
  std::vector<WeightedSpec> data;
  std::vector<WeightedSpec> validation_data;  // empty: the validation split of `data` where it has one
  DatasetLayout layout = DatasetLayout::automatic;
  std::string blur_key = "blur";
  double min_blur = 2.0;  // extent of synthesised shakes, pixels
  double max_blur = 20.0;
  double noise = 0.0;  // most sensor noise of synthesised pictures: read noise, linear 0..1
  std::int64_t batch_size = 1;
  AugmentOptions augment;
  int workers = 1;

  // ---- reports ----
  std::int64_t log_every = 10;          // steps
  bool tensorboard = true;              // write event files, too
  std::int64_t validate_every = 500;    // steps; 0: never
  std::int64_t checkpoint_every = 500;  // steps
  std::int64_t keep_checkpoints = 2;
  std::int64_t validation_images = 16;
  std::int64_t validation_crop = 0;  // centred; 0: crop_size
  double divergence_limit = 1e7;     // a loss term beyond this stops the run

  // ---- machine: not part of the result ----
  std::string device = "cpu";
  int threads = 0;
  ConvBackend conv_backend = ConvBackend::own;  // whose convolutions a GPU computes with
  bool exact = false;       // no algorithm that rounds more for speed: on the CPU, no Winograd
  bool cuda_graph = false;  // record the step once, replay it: see models/train_step.h
};

// A preset's own choices.
TrainOptions train_options_for(const Preset& preset);

// The limit on the discriminator's weights that is in force: the one given, else 0.01 for wgan, which diverges without
// any (Arjovsky et al. 2017, algorithm 1), and none for other objectives. None for the preset keras either: its
// reference does not clip, and its discriminator bounds the score by a sigmoid.
double weight_clip_of(const TrainOptions& options);

// How a run scores its generator.
ValidationOptions validation_options(const TrainOptions& options);

// The same run from any working directory: data folders and weight files by absolute path.
TrainOptions with_absolute_paths(TrainOptions options);

// Throws Error naming the first option that is out of range or does not go with another.
void check_options(const TrainOptions& options);

// JSON with one key per option, named as on the command line. Reading starts from `base`, or from the preset that the
// file names; an unknown key or a value of the wrong kind throws Error naming it.
std::string to_json(const TrainOptions& options);
TrainOptions train_options_from_json(const std::string& text, const std::string& file_name);

const char* name_of(ScheduleKind kind);
ScheduleKind parse_schedule(std::string_view name);

}  // namespace dg
