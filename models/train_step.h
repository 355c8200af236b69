// One training step, as in both papers: restore a batch; update the discriminator `critic_updates` times on it; then
// update the generator through the discriminator it has just trained. Op by op, or, on a device that has graphs, recorded
// once and replayed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/op_graph.h"
#include "layers/adam.h"
#include "models/objective.h"

namespace dg {

struct TrainStepOptions {
  int critic_updates = 5;
  double weight_clip = 0.0;  // of the discriminator, after each of its updates; 0: off
  // Steps of equal shape are captured as one graph once two of them have been made op by op; another shape goes op by
  // op. The results are the same, bit for bit.
  bool graph = false;
};

// What a step minimised, in the order in which it did. The values live on the device until they are read.
struct StepLosses {
  std::vector<LossTerm> generator;
  std::vector<std::vector<LossTerm>> critic;  // one entry per update
};

class TrainStep {
 public:
  // discriminator and its optimizer may be null. All must outlive this object. Throws Error for a graph on a device
  // that has none.
  TrainStep(Module& generator, Module* discriminator, const Objective& objective, Adam& generator_optimizer,
            Adam* discriminator_optimizer, TrainStepOptions options);
  ~TrainStep();

  // blurred and sharp (N,H,W,3) in [-1, 1], on the host. adversarial: whether the discriminator takes part.
  StepLosses operator()(const Shape& shape, std::span<const float> blurred, std::span<const float> sharp,
                        double learning_rate, bool adversarial);

 private:
  struct Captured;

  StepLosses train(const Tensor& blurred, const Tensor& sharp, bool adversarial);
  const StepLosses& replay(const Shape& shape, std::span<const float> blurred, std::span<const float> sharp,
                           bool adversarial);
  bool worth_capturing(const Shape& shape, bool adversarial);

  Module& generator_;
  Module* discriminator_;
  const Objective& objective_;
  Adam& generator_optimizer_;
  Adam* discriminator_optimizer_;
  TrainStepOptions options_;
  std::unique_ptr<Captured> captured_;
  Shape last_shape_;
  bool last_adversarial_ = false;
  int equal_steps_ = 0;  // in a row, op by op
};

}  // namespace dg
