#include "models/train_step.h"

#include <utility>

#include "core/autograd.h"
#include "core/ops.h"

namespace dg {
namespace {

// Steps made op by op before a graph is captured: they load kernels and size the scratch memory.
constexpr int kStepsBeforeCapture = 2;

// Gradients of one loss with respect to one network: the other network's weights are not touched.
void set_gradients(const Tensor& loss, Module& network) {
  std::vector<Tensor> parameters;
  for (const NamedTensor& p : network.parameters()) parameters.push_back(p.tensor);
  const std::vector<Tensor> gradients = grad({&loss, 1}, parameters);
  for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].set_grad(gradients[i]);
}

// The values alone, so that the step's activations can go.
std::vector<LossTerm> without_history(const std::vector<LossTerm>& terms) {
  std::vector<LossTerm> values;
  for (const LossTerm& term : terms) values.push_back({term.name, term.value.detach()});
  return values;
}

}  // namespace

struct TrainStep::Captured {
  Tensor blurred, sharp;
  bool adversarial = false;
  StepLosses losses;
  std::unique_ptr<OpGraph> graph;
};

TrainStep::TrainStep(Module& generator, Module* discriminator, const Objective& objective,
                     Adam& generator_optimizer, Adam* discriminator_optimizer, TrainStepOptions options)
    : generator_(generator),
      discriminator_(discriminator),
      objective_(objective),
      generator_optimizer_(generator_optimizer),
      discriminator_optimizer_(discriminator_optimizer),
      options_(options) {
  const Backend& backend = generator.context().backend();
  check(!options_.graph || backend.has_graphs(), "a training step cannot be a graph on the device ",
        backend.name(), "; drop --cuda-graph, or use --device cuda");
}

TrainStep::~TrainStep() = default;

StepLosses TrainStep::operator()(const Shape& shape, std::span<const float> blurred,
                                 std::span<const float> sharp, double learning_rate, bool adversarial) {
  generator_optimizer_.set_learning_rate(learning_rate);
  if (adversarial) discriminator_optimizer_->set_learning_rate(learning_rate);
  if (options_.graph && worth_capturing(shape, adversarial))
    return replay(shape, blurred, sharp, adversarial);
  Context& context = generator_.context();
  return train(Tensor::from_host(context, shape, blurred), Tensor::from_host(context, shape, sharp),
               adversarial);
}

StepLosses TrainStep::train(const Tensor& blurred, const Tensor& sharp, bool adversarial) {
  StepLosses losses;
  const Tensor restored = generator_(blurred);

  if (adversarial) {
    const Tensor fake = restored.detach();
    for (int update = 0; update < options_.critic_updates; ++update) {
      const Loss loss = objective_.discriminator_loss(*discriminator_, sharp, fake);
      set_gradients(loss.total, *discriminator_);
      discriminator_optimizer_->step();
      if (options_.weight_clip > 0.0) clip_weights(*discriminator_, options_.weight_clip);
      losses.critic.push_back(without_history(loss.terms));
    }
    discriminator_optimizer_->zero_grad();
  }

  const Loss loss = objective_.generator_loss(adversarial ? discriminator_ : nullptr, restored, sharp);
  set_gradients(loss.total, generator_);
  generator_optimizer_.step();
  generator_optimizer_.zero_grad();
  losses.generator = without_history(loss.terms);
  return losses;
}

// Whether the captured graph fits, or enough equal steps have gone by to capture one.
bool TrainStep::worth_capturing(const Shape& shape, bool adversarial) {
  if (captured_ && captured_->blurred.shape() == shape && captured_->adversarial == adversarial) return true;
  const bool equal = shape == last_shape_ && adversarial == last_adversarial_;
  equal_steps_ = equal ? equal_steps_ + 1 : 0;
  last_shape_ = shape;
  last_adversarial_ = adversarial;
  return equal_steps_ >= kStepsBeforeCapture;
}

const StepLosses& TrainStep::replay(const Shape& shape, std::span<const float> blurred,
                                    std::span<const float> sharp, bool adversarial) {
  Context& context = generator_.context();
  const std::int64_t critic_updates = adversarial ? options_.critic_updates : 0;
  const bool fits = captured_ && captured_->blurred.shape() == shape && captured_->adversarial == adversarial;
  if (!fits) {
    captured_.reset();  // before another: a context holds one graph
    auto fresh = std::make_unique<Captured>();
    fresh->blurred = Tensor::empty(context, shape);
    fresh->sharp = Tensor::empty(context, shape);
    fresh->adversarial = adversarial;
    fresh->graph = std::make_unique<OpGraph>(
        context, [&] { fresh->losses = train(fresh->blurred, fresh->sharp, adversarial); });
    // Recording counted the steps that the replay is about to make.
    generator_optimizer_.count_steps(-1);
    if (adversarial) discriminator_optimizer_->count_steps(-critic_updates);
    captured_ = std::move(fresh);
  }

  captured_->blurred.copy_from(Tensor::from_host(context, shape, blurred));
  captured_->sharp.copy_from(Tensor::from_host(context, shape, sharp));
  std::vector<AdamOptions> steps;
  for (std::int64_t i = 0; i < critic_updates; ++i)
    steps.push_back(discriminator_optimizer_->options_of_step(i));
  steps.push_back(generator_optimizer_.options_of_step());
  captured_->graph->replay(steps);
  generator_optimizer_.count_steps(1);
  if (adversarial) discriminator_optimizer_->count_steps(critic_updates);
  return captured_->losses;
}

}  // namespace dg
