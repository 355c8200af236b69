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
  if (const auto* conv = dynamic_cast<const Conv2d*>(&module)) {
    const Conv2dConfig& c = conv->config();
    return SeenConv{
        {.n = x.dim(0),
         .h = x.dim(1),
         .w = x.dim(2),
         .c = c.in_channels,
         .k = c.out_channels,
         .r = c.kernel_h,
         .s = c.kernel_w,
         .stride_h = c.stride,
         .stride_w = c.stride,
         .padding = c.same ? same_padding(x.dim(1), x.dim(2), c.kernel_h, c.kernel_w, c.stride) : c.padding}};
  }
  if (const auto* conv = dynamic_cast<const ConvTranspose2d*>(&module)) {
    const ConvTranspose2dConfig& c = conv->config();
    return SeenConv{{.n = y.dim(0),
                     .h = y.dim(1),
                     .w = y.dim(2),
                     .c = c.out_channels,
                     .k = c.in_channels,
                     .r = c.kernel_h,
                     .s = c.kernel_w,
                     .stride_h = c.stride,
                     .stride_w = c.stride,
                     .padding = c.padding},
                    true};
  }
  return std::nullopt;
}

PlannedConv plan(const Backend& backend, DType dtype, const SeenConv& seen, const Shape& input,
                 std::int64_t channels) {
  const auto algorithm = [&](ConvPass pass) { return backend.conv2d_algorithm(pass, dtype, seen.shape); };
  PlannedConv planned;
  planned.shape = fmt::format("{}x{}x{}x{} -> {}, {}x{}{}", input[0], input[1], input[2], input[3], channels,
                              seen.shape.r, seen.shape.s, seen.transposed ? " transposed" : "");
  if (seen.shape.stride_h > 1) planned.shape += fmt::format(", stride {}", seen.shape.stride_h);
  planned.gflop = 2e-9 * static_cast<double>(seen.shape.multiply_adds());
  planned.forward = algorithm(seen.transposed ? ConvPass::grad_input : ConvPass::forward);
  planned.grad_input = algorithm(seen.transposed ? ConvPass::forward : ConvPass::grad_input);
  planned.grad_weight = algorithm(ConvPass::grad_weight);
  return planned;
}

}  // namespace

std::vector<PlannedConv> plan_convolutions(const PlanOptions& o) {
  const TrainOptions training = train_options_for(find_preset(o.preset));
  Context asked({.device = o.device, .precision = o.precision, .exact = o.exact});
  // The emulated GPU is asked for algorithms only: running the networks on it takes hours.
  Context context({.device = o.device == "cuda-emulated" ? "cpu" : o.device});
  const Backend& backend = asked.backend();
  const DType dtype = o.precision == Precision::bf16 ? DType::bfloat16 : DType::float32;
  const NoGrad no_grad(context);
  std::vector<PlannedConv> convs;

  const auto look_at = [&](const std::string& network, Module& module) {
    std::map<const Module*, std::string> names;
    for (const NamedModule& named : module.modules()) names[named.module] = named.name;
    context.set_module_observer([&](const Module& layer, const Tensor& x, const Tensor& y) {
      const auto seen = conv_of(layer, x, y);
      if (!seen) return;
      convs.push_back(plan(backend, dtype, *seen, x.shape(), y.dim(3)));
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
