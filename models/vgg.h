// Features of VGG16 and VGG19 (Simonyan and Zisserman 2015, table 1, columns D and E) for the perceptual
// loss. 3x3 convolutions with padding 1, ReLU behind each, a 2x2 maximum between the blocks:
//   block     1   2    3    4    5
//   channels  64  128  256  512  512
//   convs     2   2    3    3    3    VGG16
//   convs     2   2    4    4    4    VGG19
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/conv.h"
#include "layers/module.h"

namespace dg {

class SafeTensorsFile;

enum class VggDepth : std::uint8_t { vgg16 = 16, vgg19 = 19 };

// What the network is fed; the caller always gives RGB in [-1, 1].
enum class VggInput : std::uint8_t {
  as_is,     // the values as they come, in RGB, whatever the weights expect: DeblurGAN and the Keras program
             // both do so. With Keras weights, made for 0..255, features differ little between images.
  imagenet,  // one of the two below: the one that the weight file was trained with
  imagenet_torchvision,  // RGB in 0..1, minus (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225)
  imagenet_keras,        // BGR in 0..255, minus (103.939, 116.779, 123.68)
};

std::string to_string(VggDepth depth);  // "vgg16"
std::string to_string(VggInput input);  // "as-is", "imagenet", "imagenet-torchvision", "imagenet-keras"
VggDepth parse_vgg_depth(std::string_view name);
VggInput parse_vgg_input(std::string_view name);

// The defaults are DeblurGAN's: conv3_3 before its ReLU (torchvision's features[14]). The Keras program takes
// VGG16's block3_conv3 behind its ReLU.
struct VggOptions {
  VggDepth depth = VggDepth::vgg19;
  std::string layer = "block3_conv3";  // the last convolution; "conv3_3" means the same
  bool after_relu = false;
  VggInput input = VggInput::as_is;
};

// One convolution of the table.
struct VggConv {
  std::string name;  // "block3_conv3"
  int block = 1;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  int torchvision_index = 0;  // its place in torchvision's `features`
};

// Those up to and with options.layer. Throws Error for a layer that the network does not have.
std::vector<VggConv> vgg_convs(const VggOptions& options);

// RGB (N,H,W,3) in [-1, 1] -> (N, H / 2^(b-1), W / 2^(b-1), C), b the block of the layer. Parameters are
// named block1_conv1.weight, block1_conv1.bias, ...; they do not require gradients. Throws Error for
// VggInput::imagenet, which only a file can resolve: see make_vgg_features.
class VggFeatures final : public Module {
 public:
  VggFeatures(Context& context, VggOptions options);

  std::string kind() const override { return "VggFeatures"; }
  std::string details() const override;
  const VggOptions& options() const { return options_; }

 private:
  Tensor forward(const Tensor& image) override;
  Tensor prepare(const Tensor& image) const;

  VggOptions options_;
  std::vector<VggConv> table_;
  bool bgr_ = false;
  Tensor scale_, shift_;  // of the input convention, float64 (3); undefined for as_is
  std::vector<std::unique_ptr<Conv2d>> convs_;
};

// ---- weights (models/vgg_weights.cpp) ----
// Names that are understood, kernels in the layout that belongs to them:
//   Keras        block1_conv1_kernel | _bias, block1_conv1/kernel | /bias,
//                also block1_conv1/block1_conv1/..., with or without ":0"; HWIO
//   torchvision  features.0.weight | .bias; OIHW
// Element types F16, BF16, F32, F64.

// What the weights in this file were trained on: imagenet_keras or imagenet_torchvision. From the metadata
// `format` ("keras" or "torchvision") if there, else from the names. Throws Error if neither tells.
VggInput trained_input(const SafeTensorsFile& file);

// Fills the network. Throws Error, with everything that is missing, for names or shapes that do not fit, or
// if the file holds the other VGG.
void load_vgg_weights(VggFeatures& network, const SafeTensorsFile& file);

// Network and weights. Throws Error if the path is empty: it says what to bring, and which losses need none.
std::unique_ptr<VggFeatures> make_vgg_features(Context& context, VggOptions options,
                                               const std::filesystem::path& weights);

}  // namespace dg
