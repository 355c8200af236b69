#include "apps/deblur_network.h"

#include <algorithm>

#include "apps/common.h"
#include "kernels/check.h"
#include "models/presets.h"

namespace dg::apps {
namespace {

// With several pictures on their way at a time, a part of what the user allows is for those beside the one in the
// network.
std::int64_t in_flight_bytes(const DeblurArguments& arguments) {
  const bool limited = arguments.restorer.max_memory > 0 && arguments.device == "cpu";
  return limited ? std::max<std::int64_t>(arguments.restorer.max_memory / 8, 1)
                 : PipelineOptions().in_flight_bytes;
}

RestorerOptions options_of(const DeblurArguments& arguments, const LoadedGenerator& generator,
                           bool one_picture) {
  const Preset preset = find_preset(generator.options.preset);
  RestorerOptions options = arguments.restorer;
  options.size_multiple = preset.size_multiple;
  options.minimum_size = preset.minimum_size;
  if (options.max_memory > 0 && arguments.device == "cpu" && !one_picture)
    options.max_memory -= in_flight_bytes(arguments);
  return options;
}

}  // namespace

void hear_interrupt() {
  if (interrupted()) throw Interrupted("interrupted");
}

DeblurNetwork::DeblurNetwork(const DeblurArguments& a, bool one_picture)
    : context({.device = a.device,
               .precision = a.precision,
               .conv_backend = a.conv_backend,
               .threads = a.threads,
               .exact = a.exact}),
      generator(load_generator(context, a.weights, a.load)),
      restorer(*generator.network, options_of(a, generator, one_picture)) {
  check(!a.load.dropout_at_test || generator.options.dropout > 0.0, a.weights.string(),
        ": its network has no dropout; leave --dropout-at-test away");
  // A large picture takes minutes: Ctrl-C is heard between layers.
  context.set_module_observer([](const Module&, const Tensor&, const Tensor&) { hear_interrupt(); });
}

std::string DeblurNetwork::description() const {
  std::string text = "preset " + generator.options.preset;
  const auto step = generator.metadata.find("step");
  if (step != generator.metadata.end()) text += ", step " + step->second;
  if (generator.from_checkpoint) text += generator.from_ema ? ", averaged weights" : ", last weights";
  return text;
}

PipelineOptions DeblurNetwork::pipeline_options(const DeblurArguments& arguments) {
  PipelineOptions options{.batch = arguments.batch, .plan = true};
  options.in_flight_bytes = in_flight_bytes(arguments);
  options.meanwhile = hear_interrupt;
  options.before_forward = [this, seed = arguments.seed] {
    hear_interrupt();
    context.random().set_state({seed, 0});  // a picture's dropout does not depend on those before it
  };
  return options;
}

}  // namespace dg::apps
