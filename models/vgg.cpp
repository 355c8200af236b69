// VGG's table and its forward.
#include "models/vgg.h"

#include <algorithm>
#include <array>

#include "core/ops.h"
#include "kernels/check.h"
#include "layers/activation.h"

namespace dg {

namespace {

constexpr std::array<std::int64_t, 5> kChannels{64, 128, 256, 512, 512};

int convs_in_block(VggDepth depth, int block) {
  if (block <= 2) return 2;
  return depth == VggDepth::vgg16 ? 3 : 4;
}

// "conv3_3" -> "block3_conv3".
std::string canonical(const std::string& layer) {
  if (layer.starts_with("conv") && layer.size() == 7 && layer[5] == '_') {
    return std::string("block") + layer[4] + "_conv" + layer[6];
  }
  return layer;
}

// The input convention as x * scale + shift per channel, after turning RGB into BGR where it says so.
struct Preparation {
  bool bgr = false;
  std::array<double, 3> scale{1.0, 1.0, 1.0};
  std::array<double, 3> shift{0.0, 0.0, 0.0};
};

Preparation preparation_for(VggInput input) {
  switch (input) {
    case VggInput::as_is: return {};
    case VggInput::imagenet: break;
    case VggInput::imagenet_torchvision: {  // ((x + 1) / 2 - mean) / std
      constexpr std::array<double, 3> kMean{0.485, 0.456, 0.406};
      constexpr std::array<double, 3> kStd{0.229, 0.224, 0.225};
      Preparation p;
      for (std::size_t c = 0; c < 3; ++c) {
        p.scale[c] = 0.5 / kStd[c];
        p.shift[c] = (0.5 - kMean[c]) / kStd[c];
      }
      return p;
    }
    case VggInput::imagenet_keras:  // BGR: 127.5 (x + 1) - mean
      return {true, {127.5, 127.5, 127.5}, {127.5 - 103.939, 127.5 - 116.779, 127.5 - 123.68}};
  }
  fail(
      "VggFeatures: got the input convention 'imagenet', which depends on the weight file, give "
      "imagenet-torchvision "
      "or imagenet-keras, or make the network together with its file");
}

}  // namespace

std::string to_string(VggDepth depth) { return depth == VggDepth::vgg16 ? "vgg16" : "vgg19"; }

std::string to_string(VggInput input) {
  switch (input) {
    case VggInput::as_is: return "as-is";
    case VggInput::imagenet: return "imagenet";
    case VggInput::imagenet_torchvision: return "imagenet-torchvision";
    case VggInput::imagenet_keras: return "imagenet-keras";
  }
  fail("VGG input: got the value ", static_cast<int>(input),
       " outside the enumeration, use one of its names");
}

VggDepth parse_vgg_depth(std::string_view name) {
  for (const VggDepth depth : {VggDepth::vgg16, VggDepth::vgg19}) {
    if (name == to_string(depth)) return depth;
  }
  fail("VGG: got '", name, "', expected vgg16 or vgg19");
}

VggInput parse_vgg_input(std::string_view name) {
  for (const VggInput input :
       {VggInput::as_is, VggInput::imagenet, VggInput::imagenet_torchvision, VggInput::imagenet_keras}) {
    if (name == to_string(input)) return input;
  }
  fail("VGG input: got '", name, "', expected as-is, imagenet, imagenet-torchvision or imagenet-keras");
}

std::vector<VggConv> vgg_convs(const VggOptions& options) {
  const std::string last = canonical(options.layer);
  std::vector<VggConv> convs;
  std::int64_t channels = 3;
  int index = 0;
  for (int block = 1; block <= 5; ++block) {
    const std::int64_t width = kChannels[static_cast<std::size_t>(block - 1)];
    for (int i = 1; i <= convs_in_block(options.depth, block); ++i) {
      convs.push_back({.name = "block" + std::to_string(block) + "_conv" + std::to_string(i),
                       .block = block,
                       .in_channels = channels,
                       .out_channels = width,
                       .torchvision_index = index});
      if (convs.back().name == last) return convs;
      channels = width;
      index += 2;  // the convolution and its ReLU
    }
    index += 1;  // the pooling
  }
  fail("VGG: got the layer '", options.layer, "', expected a convolution of ", to_string(options.depth),
       " such as block3_conv3 (or conv3_3)");
}

VggFeatures::VggFeatures(Context& context, VggOptions options)
    : Module(context), options_(std::move(options)), table_(vgg_convs(options_)) {
  const Preparation preparation = preparation_for(options_.input);
  bgr_ = preparation.bgr;
  if (options_.input != VggInput::as_is) {
    scale_ = Tensor::from_host(context, {3}, preparation.scale);
    shift_ = Tensor::from_host(context, {3}, preparation.shift);
  }
  for (const VggConv& conv : table_) {
    const bool last = conv.name == table_.back().name;
    convs_.push_back(std::make_unique<Conv2d>(
        context, Conv2dConfig{.in_channels = conv.in_channels,
                              .out_channels = conv.out_channels,
                              .kernel = 3,
                              .padding = Padding2d::all(1),
                              .epilogue = last && !options_.after_relu ? Epilogue{} : kReLU}));
    register_child(conv.name, *convs_.back());
  }
  set_requires_grad(false);
  eval();
}

std::string VggFeatures::details() const {
  return to_string(options_.depth) + " to " + table_.back().name + (options_.after_relu ? ", ReLU" : "") +
         ", input " + to_string(options_.input);
}

Tensor VggFeatures::prepare(const Tensor& image) const {
  if (!scale_.defined()) return image;
  const Tensor x =
      bgr_ ? concat({slice(image, 3, 2, 3), slice(image, 3, 1, 2), slice(image, 3, 0, 1)}, 3) : image;
  return x * cast(scale_, x.dtype()) + cast(shift_, x.dtype());
}

Tensor VggFeatures::forward(const Tensor& image) {
  const std::int64_t minimum = std::int64_t{1} << (table_.back().block - 1);
  check(image.rank() == 4 && image.dim(3) == 3, "VggFeatures: got an input of shape ", image.shape(),
        ", expected RGB images (N,H,W,3), convert them");
  check(std::min(image.dim(1), image.dim(2)) >= minimum, "VggFeatures: got images of ", image.dim(1), "x",
        image.dim(2), ", nothing is left of them at ", table_.back().name, ", give at least ", minimum, "x",
        minimum);
  Tensor x = to_compute_type(prepare(image));
  for (std::size_t i = 0; i < convs_.size(); ++i) {
    if (i > 0 && table_[i].block != table_[i - 1].block) x = max_pool2d(x, 2, 2);
    x = (*convs_[i])(x);
  }
  return cast(x, image.dtype());
}

}  // namespace dg
