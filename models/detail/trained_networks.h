// The networks of a training run with all that its steps change or need: losses, optimizers, averages.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/context.h"
#include "layers/adam.h"
#include "layers/ema.h"
#include "models/checkpoint.h"
#include "models/objective.h"
#include "models/train_options.h"
#include "models/train_step.h"
#include "models/vgg.h"

namespace dg {

// Its parts point at each other: it stays where it was made.
struct TrainedNetworks {
  // First weights are drawn from the context. Throws Error for options that contradict each other and for VGG files
  // that cannot be read.
  TrainedNetworks(Context& context, const TrainOptions& options);
  TrainedNetworks(const TrainedNetworks&) = delete;
  TrainedNetworks& operator=(const TrainedNetworks&) = delete;

  // Generator and averages start from these weights.
  void start_from(const std::string& weights, double ema_decay);

  // What a checkpoint holds of them.
  TrainingState state(Context& context);

  // "g.conv.weight of the generator": the first one whose values are not finite, or so large that the sum of their
  // squares is not, from which no network recovers; "" where all are sound.
  std::string broken_weights() const;

  std::unique_ptr<Module> generator;
  std::unique_ptr<Module> discriminator;  // none without an adversarial loss
  std::unique_ptr<VggFeatures> features;  // none but for the perceptual loss
  std::optional<Objective> objective;
  std::optional<Adam> generator_optimizer;
  std::optional<Adam> discriminator_optimizer;
  std::optional<TrainStep> step;
  std::optional<Ema> ema;
};

}  // namespace dg
