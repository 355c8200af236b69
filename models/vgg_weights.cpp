// VGG weights from safetensors in Keras' or torchvision's naming.
#include <optional>
#include <string>

#include "data/safetensors.h"
#include "kernels/check.h"
#include "models/vgg.h"

namespace dg {

namespace {

constexpr const char* kSchemes =
    "Keras' block1_conv1_kernel or block1_conv1/kernel:0 (HWIO), torchvision's features.0.weight (OIHW)";

enum class Scheme { keras, torchvision };

std::vector<std::string> candidates(Scheme scheme, const VggConv& conv, bool kernel) {
  if (scheme == Scheme::torchvision) {
    return {"features." + std::to_string(conv.torchvision_index) + (kernel ? ".weight" : ".bias")};
  }
  const std::string part = kernel ? "kernel" : "bias";
  std::vector<std::string> names;
  for (const char* separator : {"_", "/", "."}) {
    names.push_back(conv.name + separator + part);
    names.push_back(conv.name + separator + part + ":0");
  }
  names.push_back(conv.name + "/" + conv.name + "/" + part);
  names.push_back(names.back() + ":0");
  return names;
}

std::optional<std::string> find(const SafeTensorsFile& file, Scheme scheme, const VggConv& conv,
                                bool kernel) {
  for (const std::string& name : candidates(scheme, conv, kernel)) {
    if (file.contains(name)) return name;
  }
  return std::nullopt;
}

// By the first convolution, which every VGG has.
std::optional<Scheme> find_scheme(const SafeTensorsFile& file) {
  const VggConv first = vgg_convs({.layer = "block1_conv1"}).front();
  for (const Scheme scheme : {Scheme::keras, Scheme::torchvision}) {
    if (find(file, scheme, first, true)) return scheme;
  }
  return std::nullopt;
}

bool has_layer(const SafeTensorsFile& file, Scheme scheme, VggDepth depth, const char* layer) {
  return find(file, scheme, vgg_convs({.depth = depth, .layer = layer}).back(), true).has_value();
}

// The first two blocks and conv3_1 .. conv3_3 have the same names in both networks:
// only what follows tells them apart.
std::optional<VggDepth> depth_of(const SafeTensorsFile& file, Scheme scheme) {
  const auto named = file.metadata().find("architecture");
  if (named != file.metadata().end()) {
    if (named->second == "vgg16") return VggDepth::vgg16;
    if (named->second == "vgg19") return VggDepth::vgg19;
  }
  if (has_layer(file, scheme, VggDepth::vgg19, "block3_conv4")) return VggDepth::vgg19;
  if (has_layer(file, scheme, VggDepth::vgg16, "block4_conv1")) return VggDepth::vgg16;
  return std::nullopt;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::vector<std::string> extents;
  extents.reserve(shape.size());
  for (const std::int64_t extent : shape) extents.push_back(std::to_string(extent));
  return "(" + joined(extents) + ")";
}

// As stored -> (K,R,S,C). Keras keeps (R,S,C,K), torchvision (K,C,R,S).
std::vector<float> to_krsc(const std::vector<float>& stored, Scheme scheme, const VggConv& conv) {
  const auto in = static_cast<std::size_t>(conv.in_channels);
  const auto out = static_cast<std::size_t>(conv.out_channels);
  std::vector<float> weight(stored.size());
  for (std::size_t k = 0; k < out; ++k) {
    for (std::size_t tap = 0; tap < 9; ++tap) {
      for (std::size_t c = 0; c < in; ++c) {
        const std::size_t source =
            scheme == Scheme::keras ? (tap * in + c) * out + k : (k * in + c) * 9 + tap;
        weight[(k * 9 + tap) * in + c] = stored[source];
      }
    }
  }
  return weight;
}

}  // namespace

VggInput trained_input(const SafeTensorsFile& file) {
  const auto format = file.metadata().find("format");
  if (format != file.metadata().end()) {
    if (format->second == "keras") return VggInput::imagenet_keras;
    if (format->second == "torchvision") return VggInput::imagenet_torchvision;
  }
  const std::optional<Scheme> scheme = find_scheme(file);
  check(scheme.has_value(), file.path().string(),
        ": neither its metadata nor its names tell the input that these weights were trained on, give a VGG "
        "file named "
        "as one of: ",
        kSchemes);
  return *scheme == Scheme::keras ? VggInput::imagenet_keras : VggInput::imagenet_torchvision;
}

void load_vgg_weights(VggFeatures& network, const SafeTensorsFile& file) {
  const std::string path = file.path().string();
  const VggOptions& options = network.options();
  const Scheme scheme = find_scheme(file).value_or(Scheme::keras);
  const std::vector<NamedTensor> targets =
      network.parameters();  // weight and bias of each, in the table's order
  std::vector<std::string> names;
  std::vector<std::string> missing;
  std::vector<std::string> misshapen;
  for (const VggConv& conv : vgg_convs(options)) {
    for (const bool kernel : {true, false}) {
      const std::optional<std::string> name = find(file, scheme, conv, kernel);
      names.push_back(name.value_or(""));
      if (!name) {
        missing.push_back(candidates(scheme, conv, kernel).front());
        continue;
      }
      std::vector<std::int64_t> expected{conv.out_channels};
      if (kernel && scheme == Scheme::keras) expected = {3, 3, conv.in_channels, conv.out_channels};
      if (kernel && scheme == Scheme::torchvision) expected = {conv.out_channels, conv.in_channels, 3, 3};
      const std::vector<std::int64_t>& shape = file.entry(*name).shape;
      if (shape != expected) {
        misshapen.push_back(*name + " is " + shape_text(shape) + " instead of " + shape_text(expected));
      }
    }
  }
  check(missing.empty(), path, ": ", to_string(options.depth), " up to ", options.layer, " needs ",
        joined(missing), ", which the file lacks; understood are ", kSchemes, ": give a file that has them");
  check(misshapen.empty(), path, ": ", joined(misshapen), ", give weights of ", to_string(options.depth));
  const std::optional<VggDepth> depth = depth_of(file, scheme);
  check(!depth || *depth == options.depth, path, ": these are the weights of ",
        to_string(depth.value_or(options.depth)), ", but ", to_string(options.depth),
        " was asked for, choose one of them");

  std::size_t i = 0;
  for (const VggConv& conv : vgg_convs(options)) {
    for (const bool kernel : {true, false}) {
      const std::vector<float> stored = file.read_as_float(names[i]);
      Tensor target = targets[i].tensor;
      target.copy_from(Tensor::from_host(target.context(), target.shape(),
                                         kernel ? to_krsc(stored, scheme, conv) : stored, DType::float32));
      ++i;
    }
  }
}

std::unique_ptr<VggFeatures> make_vgg_features(Context& context, VggOptions options,
                                               const std::filesystem::path& weights) {
  check(!weights.empty(), "perceptual loss: got no weight file, bring ImageNet weights of ",
        to_string(options.depth), " up to ", options.layer, " as safetensors (", kSchemes,
        "), or choose a content loss that needs none: psnr, l1, mse or charbonnier");
  const SafeTensorsFile file(weights);
  if (options.input == VggInput::imagenet) options.input = trained_input(file);
  auto network = std::make_unique<VggFeatures>(context, std::move(options));
  load_vgg_weights(*network, file);
  return network;
}

}  // namespace dg
