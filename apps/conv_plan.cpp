#include "apps/conv_plan.h"

#include <fmt/format.h>
#include <map>
#include <optional>

#include "core/ops.h"
#include "layers/conv.h"
#include "models/train_options.h"

namespace dg::apps {

namespace {

// A layer's convolution as the kernels see it.
struct SeenConv {
  Conv2dShape shape;
  bool transposed = false;  // its forward is the gradient of `shape`'s input
};

std::optional<SeenConv> conv_of(const Module& module, const Tensor& x, const Tensor& y) {
  if (const auto* conv = dynamic_cast<const Conv2d*>(&module)) return SeenConv{conv->shape_for(x.shape())};
  if (const auto* conv = dynamic_cast<const ConvTranspose2d*>(&module)) {
    return SeenConv{conv->shape_for(y.shape()), true};
  }
  return std::nullopt;
}

// dtype: of the maps in training; at inference the forward may see others.
PlannedConv plan(Context& asked, DType dtype, const SeenConv& seen, const Shape& input,
                 std::int64_t channels) {
  const auto algorithm = [&](ConvPass pass, DType type) {
    return asked.backend().conv2d_algorithm(pass, type, seen.shape);
  };
  PlannedConv planned;
  planned.shape = fmt::format("{}x{}x{}x{} -> {}, {}x{}{}", input[0], input[1], input[2], input[3], channels,
                              seen.shape.r, seen.shape.s, seen.transposed ? " transposed" : "");
  if (seen.shape.stride_h > 1) planned.shape += fmt::format(", stride {}", seen.shape.stride_h);
  planned.gflop = 2e-9 * static_cast<double>(seen.shape.multiply_adds());
  const NoGrad inference(asked);
  planned.forward =
      algorithm(seen.transposed ? ConvPass::grad_input : ConvPass::forward, compute_type(asked));
  planned.grad_input = algorithm(seen.transposed ? ConvPass::forward : ConvPass::grad_input, dtype);
  planned.grad_weight = algorithm(ConvPass::grad_weight, dtype);
  return planned;
}

}  // namespace

std::vector<PlannedConv> plan_convolutions(const PlanOptions& o) {
  const TrainOptions training = train_options_for(find_preset(o.preset));
  Context asked({.device = o.device, .precision = o.precision, .exact = o.exact});
  // The emulated GPU is asked for algorithms only: running the networks on it takes hours.
  Context context({.device = o.device == "cuda-emulated" ? "cpu" : o.device});
  const DType dtype = compute_type(asked);
  const NoGrad no_grad(context);
  std::vector<PlannedConv> convs;

  const auto look_at = [&](const std::string& network, Module& module) {
    std::map<const Module*, std::string> names;
    for (const NamedModule& named : module.modules()) names[named.module] = named.name;
    context.set_module_observer([&](const Module& layer, const Tensor& x, const Tensor& y) {
      const auto seen = conv_of(layer, x, y);
      if (!seen) return;
      convs.push_back(plan(asked, dtype, *seen, x.shape(), y.dim(3)));
      convs.back().network = network;
      convs.back().layer = names[&layer];
    });
    module.eval();
    module(Tensor::zeros(context, {o.batch, o.height, o.width, 3}));
    context.set_module_observer({});
  };

  look_at("generator", *make_generator(context, training.generator));
  if (training.objective.adversarial_weight != 0.0) {
    DiscriminatorOptions d = training.discriminator;
    d.height = o.height;
    d.width = o.width;
    look_at("discriminator", *make_discriminator(context, d));
  }
  if (training.objective.content == ContentLoss::perceptual) {
    VggFeatures features(context, training.vgg);
    look_at(to_string(training.vgg.depth), features);
  }
  return convs;
}

}  // namespace dg::apps
