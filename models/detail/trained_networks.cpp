#include "models/detail/trained_networks.h"

#include <cmath>

#include "core/ops.h"
#include "models/trainer.h"
#include "models/weights.h"

namespace dg {

TrainedNetworks::TrainedNetworks(Context& context, const TrainOptions& o) {
  generator = make_generator(context, o.generator);
  if (o.objective.adversarial_weight != 0.0) {
    DiscriminatorOptions d = o.discriminator;
    const Shape image = training_image(o);
    d.height = image[1];
    d.width = image[2];
    discriminator = make_discriminator(context, d);
  }
  if (o.objective.content == ContentLoss::perceptual)
    features = make_vgg_features(context, o.vgg, o.vgg_weights);
  objective.emplace(o.objective, features.get());
  const AdamConfig adam{o.learning_rate, o.beta1, o.beta2, o.epsilon};
  generator_optimizer.emplace(generator->parameters(), adam);
  if (discriminator) discriminator_optimizer.emplace(discriminator->parameters(), adam);
  step.emplace(*generator, discriminator.get(), *objective, *generator_optimizer,
               discriminator_optimizer ? &*discriminator_optimizer : nullptr,
               TrainStepOptions{o.critic_updates, weight_clip_of(o), o.cuda_graph});
  if (o.ema_decay > 0.0) ema.emplace(*generator, o.ema_decay);
}

void TrainedNetworks::start_from(const std::string& weights, double ema_decay) {
  load_weights(weights, *generator);
  if (ema) ema.emplace(*generator, ema_decay);
}

TrainingState TrainedNetworks::state(Context& context) {
  return {.context = &context,
          .generator = generator.get(),
          .discriminator = discriminator.get(),
          .ema = ema ? &*ema : nullptr,
          .generator_optimizer = &*generator_optimizer,
          .discriminator_optimizer = discriminator_optimizer ? &*discriminator_optimizer : nullptr};
}

std::string TrainedNetworks::broken_weights() const {
  for (const Module* network : {generator.get(), discriminator.get()}) {
    if (network == nullptr) continue;
    for (const NamedTensor& p : network->state()) {
      if (std::isfinite(sum(square(p.tensor.detach())).item())) continue;
      return p.name + " of the " + (network == generator.get() ? "generator" : "discriminator");
    }
  }
  return {};
}

}  // namespace dg
