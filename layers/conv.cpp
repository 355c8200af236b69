// Conv2d and ConvTranspose2d: configs are checked once here, inputs by the ops.
#include "layers/conv.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "core/ops.h"
#include "layers/activation.h"
#include "layers/init.h"

namespace dg {

namespace {

// Fills in kernel_h and kernel_w, and refuses what makes no sense.
template <typename Config>
Config checked(const char* layer, Config config) {
  check(config.in_channels > 0 && config.out_channels > 0, layer, ": got in_channels ", config.in_channels,
        " and out_channels ", config.out_channels, ", give both a positive number");
  const bool square = config.kernel > 0 && config.kernel_h == 0 && config.kernel_w == 0;
  const bool rectangle = config.kernel == 0 && config.kernel_h > 0 && config.kernel_w > 0;
  check(square || rectangle, layer, ": got kernel ", config.kernel, ", kernel_h ", config.kernel_h,
        " and kernel_w ", config.kernel_w,
        ", give either a positive kernel or positive kernel_h and kernel_w");
  if (square) {
    config.kernel_h = config.kernel;
    config.kernel_w = config.kernel;
  }
  check(config.stride > 0, layer, ": got stride ", config.stride, ", give a positive one");
  const Padding2d& pad = config.padding;
  check(pad.top >= 0 && pad.bottom >= 0 && pad.left >= 0 && pad.right >= 0, layer, ": got padding ", pad.top,
        ", ", pad.bottom, ", ", pad.left, ", ", pad.right, ", give four numbers that are not negative");
  return config;
}

// A KRSC weight; of a transposed convolution the K channels are the ones that come in.
Tensor glorot_weight(Context& context, const Shape& shape, const ParameterInfo& info) {
  Tensor weight = Tensor::empty(context, shape);
  const double limit = glorot_limit(info);
  fill_uniform(weight, context.random(), -limit, limit);
  return weight;
}

template <typename Config>
ParameterInfo weight_info(const Config& config) {
  const std::int64_t area = config.kernel_h * config.kernel_w;
  return {ParameterRole::weight, area * config.in_channels, area * config.out_channels};
}

void print_padding(std::ostream& out, const Padding2d& pad) {
  if (pad == Padding2d::all(0)) return;
  if (pad == Padding2d::all(pad.top)) {
    out << ", pad " << pad.top;
  } else {
    out << ", pad " << pad.top << "/" << pad.bottom << "/" << pad.left << "/" << pad.right;
  }
}

// A convolution of an image (N,H,W,in_channels).
template <typename Config>
Conv2dShape kernel_shape(const Config& config, const Shape& image, const Padding2d& padding) {
  return {.n = image[0],
          .h = image[1],
          .w = image[2],
          .c = config.in_channels,
          .k = config.out_channels,
          .r = config.kernel_h,
          .s = config.kernel_w,
          .stride_h = config.stride,
          .stride_w = config.stride,
          .padding = padding};
}

std::int64_t same_total(std::int64_t in, std::int64_t kernel, std::int64_t stride) {
  const std::int64_t out = (in + stride - 1) / stride;
  return std::max<std::int64_t>((out - 1) * stride + kernel - in, 0);
}

}  // namespace

Padding2d same_padding(std::int64_t height, std::int64_t width, std::int64_t kernel_h, std::int64_t kernel_w,
                       std::int64_t stride) {
  check(height > 0 && width > 0 && kernel_h > 0 && kernel_w > 0 && stride > 0,
        "same_padding: got an input of ", height, "x", width, ", a kernel of ", kernel_h, "x", kernel_w,
        " and stride ", stride, ", give positive numbers");
  const std::int64_t vertical = same_total(height, kernel_h, stride);
  const std::int64_t horizontal = same_total(width, kernel_w, stride);
  return {vertical / 2, vertical - vertical / 2, horizontal / 2, horizontal - horizontal / 2};
}

// ---- Conv2d ----

Conv2d::Conv2d(Context& context, Conv2dConfig config)
    : Module(context),
      config_(checked("Conv2d", config)),
      weight_(register_parameter(
          "weight",
          glorot_weight(context,
                        {config_.out_channels, config_.kernel_h, config_.kernel_w, config_.in_channels},
                        weight_info(config_)),
          weight_info(config_))) {
  check(!config_.same || config_.padding == Padding2d{},
        "Conv2d: got both padding and same, give one of them: same computes the padding");
  if (config_.bias) {
    bias_ =
        &register_parameter("bias", Tensor::zeros(context, {config_.out_channels}), {ParameterRole::bias});
  }
}

Padding2d Conv2d::padding_for(std::int64_t height, std::int64_t width) const {
  if (!config_.same) return config_.padding;
  return same_padding(height, width, config_.kernel_h, config_.kernel_w, config_.stride);
}

Tensor Conv2d::forward(const Tensor& x) {
  check(x.rank() == 4, "Conv2d: got an input of shape ", x.shape(), ", expected (N,H,W,C), reshape it");
  return convolve(x, padding_for(x.dim(1), x.dim(2)));
}

Tensor Conv2d::convolve(const Tensor& x, const Padding2d& padding) const {
  return conv2d(x, cast(weight_, x.dtype()), bias_ != nullptr ? cast(*bias_, x.dtype()) : Tensor(),
                Conv2dOptions::same_stride(config_.stride, padding), config_.epilogue);
}

Tensor Conv2d::fused(const Tensor& x, const ScaleShift& before, std::int64_t reflect,
                     ChannelMoments* moments) const {
  Padding2d padding = padding_for(x.dim(1) + 2 * reflect, x.dim(2) + 2 * reflect);
  check(reflect == 0 || padding == Padding2d{},
        "Conv2d: got a layer with a padding of zeros and a mirrored input, expected one of the two");
  if (reflect > 0) padding = Padding2d::all(reflect);
  return conv2d_fused(x, before, cast(weight_, x.dtype()),
                      bias_ != nullptr ? cast(*bias_, x.dtype()) : Tensor(),
                      Conv2dOptions::same_stride(config_.stride, padding),
                      reflect > 0 ? PadMode::reflect : PadMode::zero, config_.epilogue, moments);
}

std::string Conv2d::details() const {
  std::ostringstream out;
  out << config_.in_channels << "->" << config_.out_channels << ", " << config_.kernel_h << "x"
      << config_.kernel_w;
  if (config_.stride != 1) out << ", stride " << config_.stride;
  if (config_.same) out << ", same";
  print_padding(out, config_.padding);
  if (!config_.bias) out << ", no bias";
  print_epilogue(out, config_.epilogue);
  return out.str();
}

Conv2dShape Conv2d::shape_for(const Shape& input) const {
  return kernel_shape(config_, input, padding_for(input[1], input[2]));
}

std::string Conv2d::algorithm(const Tensor& x, const Tensor& /*y*/) const {
  return context().backend().conv2d_algorithm(ConvPass::forward, x.dtype(), shape_for(x.shape()));
}

std::int64_t Conv2d::multiply_adds(const Shape& /*input*/, const Shape& output) const {
  return output.numel() * config_.kernel_h * config_.kernel_w * config_.in_channels;
}

// ---- ConvTranspose2d ----

ConvTranspose2d::ConvTranspose2d(Context& context, ConvTranspose2dConfig config)
    : Module(context),
      config_(checked("ConvTranspose2d", config)),
      weight_(register_parameter(
          "weight",
          glorot_weight(context,
                        {config_.in_channels, config_.kernel_h, config_.kernel_w, config_.out_channels},
                        weight_info(config_)),
          weight_info(config_))) {
  check(config_.output_padding >= 0 && config_.output_padding < config_.stride,
        "ConvTranspose2d: got output_padding ", config_.output_padding, " with stride ", config_.stride,
        ", give 0 to stride - 1");
  if (config_.bias) {
    bias_ =
        &register_parameter("bias", Tensor::zeros(context, {config_.out_channels}), {ParameterRole::bias});
  }
}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  return convolve(x, {config_.padding, config_.output_padding});
}

Tensor ConvTranspose2d::convolve(const Tensor& x, const Margin& margin) const {
  ConvTranspose2dOptions options;
  options.stride_h = config_.stride;
  options.stride_w = config_.stride;
  options.padding = margin.cut;
  options.output_padding_h = margin.added_rows;
  options.output_padding_w = config_.output_padding;
  const Tensor y = conv_transpose2d(x, cast(weight_, x.dtype()),
                                    bias_ != nullptr ? cast(*bias_, x.dtype()) : Tensor(), options);
  return activate(y, config_.epilogue);
}

std::string ConvTranspose2d::details() const {
  std::ostringstream out;
  out << config_.in_channels << "->" << config_.out_channels << ", " << config_.kernel_h << "x"
      << config_.kernel_w;
  if (config_.stride != 1) out << ", stride " << config_.stride;
  print_padding(out, config_.padding);
  if (config_.output_padding != 0) out << ", output pad " << config_.output_padding;
  if (!config_.bias) out << ", no bias";
  print_epilogue(out, config_.epilogue);
  return out.str();
}

Conv2dShape ConvTranspose2d::shape_for(const Shape& output) const {
  Conv2dShape shape = kernel_shape(config_, output, config_.padding);
  std::swap(shape.c, shape.k);
  return shape;
}

std::string ConvTranspose2d::algorithm(const Tensor& x, const Tensor& y) const {
  return context().backend().conv2d_algorithm(ConvPass::grad_input, x.dtype(), shape_for(y.shape()));
}

std::int64_t ConvTranspose2d::multiply_adds(const Shape& input, const Shape& /*output*/) const {
  // Every input element meets every weight of its channel;
  // products that fall into the cut margin are counted.
  return input.numel() * config_.kernel_h * config_.kernel_w * config_.out_channels;
}

}  // namespace dg
