// A training step of models/train_step.h taken apart: the same work, with a stop watch and a wait between the parts.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "layers/adam.h"
#include "models/objective.h"

namespace dg::bench {

// Everything that a step works on.
struct StepParts {
  Context& context;
  Module& generator;
  Module* discriminator;  // null: no adversarial loss
  Objective& objective;
  Adam& generator_optimizer;
  Adam* discriminator_optimizer;
  int critic_updates = 5;
  double weight_clip = 0.0;
};

// Seconds by phase, in order:
//   data         the batch goes to the device
//   generator    restoring it
//   critic       losses of the discriminator and their gradients, all updates
//   content      the generator's content loss, with VGG where it is perceptual
//   adversarial  the discriminator's judgement of the restored batch
//   backward     gradients of the generator
//   optimizer    Adam for both networks
using PhaseTimes = std::vector<std::pair<std::string, double>>;
PhaseTimes timed_step(StepParts& parts, const Shape& shape, const std::vector<float>& blurred,
                      const std::vector<float>& sharp);

}  // namespace dg::bench
