// Every generator's forward once more, in ONNX's operators. Channels come second there.
#include "models/onnx_export.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "data/atomic_file.h"
#include "data/onnx_graph.h"
#include "kernels/check.h"
#include "layers/conv.h"
#include "layers/norm.h"
#include "models/detail/kernel_layout.h"

namespace dg {

namespace {

std::vector<std::int64_t> pads_of(const Padding2d& pad) { return {pad.top, pad.left, pad.bottom, pad.right}; }

class Exporter {
 public:
  Exporter(Module& network, const GeneratorOptions& options)
      : options_(options), preset_(find_preset(options.preset)), graph_(options.preset) {
    for (const NamedModule& entry : network.modules()) modules_.emplace(entry.name, entry.module);
  }

  OnnxGraph build() {
    const std::vector<OnnxExtent> shape{"batch", std::int64_t{3}, "height", "width"};
    const std::string image = graph_.add_input("image", shape);
    graph_.add_output("restored", forward(image), shape);
    return std::move(graph_);
  }

 private:
  using Value = std::string;  // its name in the graph

  // ---- layers ----

  template <typename Layer>
  const Layer& layer(const std::string& path) const {
    const auto found = modules_.find(path);
    const auto* result = found == modules_.end() ? nullptr : dynamic_cast<const Layer*>(found->second);
    check(result != nullptr, "ONNX: the network has no layer ", path, " of the kind that preset ",
          options_.preset, " has; give the options that it was made with");
    return *result;
  }
  bool has(const std::string& path) const { return modules_.contains(path); }

  Value constant(const std::string& path, const Tensor& tensor) {
    const Shape& shape = tensor.shape();
    if (shape.rank() == 4) return graph_.add_constant(path, oihw_shape(shape), to_oihw(tensor));
    return graph_.add_constant(path, {shape.begin(), shape.end()}, tensor.to_floats());
  }
  // x followed by all parameters, then all buffers of the layer.
  std::vector<Value> with_state(const Value& x, const std::string& path, const Module& module) {
    std::vector<Value> inputs{x};
    for (const auto& parameter : module.own_parameters())
      inputs.push_back(constant(path + "." + parameter->name, parameter->tensor));
    for (const auto& [name, buffer] : module.own_buffers())
      inputs.push_back(constant(path + "." + name, *buffer));
    return inputs;
  }

  Value activated(const Value& x, const Epilogue& epilogue) {
    switch (epilogue.activation) {
      case Activation::none: return x;
      case Activation::tanh: return graph_.add_node("Tanh", {x});
      case Activation::leaky_relu: return epilogue.slope == 0.0 ? relu(x) : leaky_relu(x, epilogue.slope);
    }
    fail("ONNX: an activation outside the enumeration, use one of its names");
  }
  Value relu(const Value& x) { return graph_.add_node("Relu", {x}); }
  Value leaky_relu(const Value& x, double slope) {
    return graph_.add_node("LeakyRelu", {x}, {{"alpha", static_cast<float>(slope)}});
  }

  Value conv(const std::string& path, const Value& x) {
    const auto& module = layer<Conv2d>(path);
    const Conv2dConfig& config = module.config();
    std::vector<OnnxAttribute> attributes{{"kernel_shape", std::vector{config.kernel_h, config.kernel_w}},
                                          {"strides", std::vector{config.stride, config.stride}}};
    if (config.same) {
      attributes.push_back({"auto_pad", std::string("SAME_UPPER")});
    } else {
      attributes.push_back({"pads", pads_of(config.padding)});
    }
    return activated(graph_.add_node("Conv", with_state(x, path, module), attributes), config.epilogue);
  }

  Value conv_transpose(const std::string& path, const Value& x) {
    const auto& module = layer<ConvTranspose2d>(path);
    const ConvTranspose2dConfig& config = module.config();
    const Value y =
        graph_.add_node("ConvTranspose", with_state(x, path, module),
                        {{"kernel_shape", std::vector{config.kernel_h, config.kernel_w}},
                         {"strides", std::vector{config.stride, config.stride}},
                         {"pads", pads_of(config.padding)},
                         {"output_padding", std::vector{config.output_padding, config.output_padding}}});
    return activated(y, config.epilogue);
  }

  Value norm(const std::string& path, const Value& x) {
    if (!has(path)) return x;
    if (options_.norm == NormKind::batch) {
      const auto& module = layer<BatchNorm2d>(path);
      const BatchNorm2dConfig& config = module.config();
      const Value y = graph_.add_node("BatchNormalization", with_state(x, path, module),
                                      {{"epsilon", static_cast<float>(config.eps)}});
      return activated(y, config.epilogue);
    }
    const InstanceNorm2dConfig& config = layer<InstanceNorm2d>(path).config();
    const auto channels = static_cast<std::size_t>(config.channels);
    const Value scale =
        graph_.add_constant(path + ".weight", {config.channels}, std::vector<float>(channels, 1.0F));
    const Value bias =
        graph_.add_constant(path + ".bias", {config.channels}, std::vector<float>(channels, 0.0F));
    const Value y = graph_.add_node("InstanceNormalization", {x, scale, bias},
                                    {{"epsilon", static_cast<float>(config.eps)}});
    return activated(y, config.epilogue);
  }

  Value conv_norm(const std::string& path, const Value& x) {
    const bool transposed = modules_.at(path + ".conv")->kind() == "ConvTranspose2d";
    const Value y = transposed ? conv_transpose(path + ".conv", x) : conv(path + ".conv", x);
    return norm(path + ".norm", y);
  }

  // ---- operators ----

  Value reflect(const Value& x, std::int64_t amount) {
    const std::string name = "reflect" + std::to_string(amount);
    if (!constants_[name]) graph_.add_constant(name, {0, 0, amount, amount, 0, 0, amount, amount});
    constants_[name] = true;
    return graph_.add_node("Pad", {x, name}, {{"mode", std::string("reflect")}});
  }

  Value scalar(const std::string& name, float value) {
    if (!constants_[name]) graph_.add_constant(name, {}, std::vector{value});
    constants_[name] = true;
    return name;
  }

  // Each pixel becomes four.
  Value upsample(const Value& x) {
    if (!constants_["twice"]) graph_.add_constant("twice", {4}, std::vector{1.0F, 1.0F, 2.0F, 2.0F});
    constants_["twice"] = true;
    return graph_.add_node("Resize", {x, "", "twice"},
                           {{"mode", std::string("nearest")},
                            {"coordinate_transformation_mode", std::string("asymmetric")},
                            {"nearest_mode", std::string("floor")}});
  }

  Value add(const Value& a, const Value& b) { return graph_.add_node("Add", {a, b}); }

  // ---- networks, as in models/*_generator.cpp and models/keras_gan.cpp ----

  Value blocks(Value x) {
    for (std::int64_t i = 0; i < options_.blocks; ++i) {
      const std::string path = "blocks." + std::to_string(i);
      Value y = norm(path + ".norm1", conv(path + ".conv1", reflect(x, 1)));
      if (has(path + ".conv2")) y = norm(path + ".norm2", conv(path + ".conv2", reflect(y, 1)));
      x = add(x, y);
    }
    return x;
  }

  Value resnet(const Value& image) {
    Value x = conv_norm("head", reflect(image, 3));
    x = conv_norm("down2", conv_norm("down1", x));
    x = conv_norm("up2", conv_norm("up1", blocks(x)));
    return conv_norm("tail", reflect(x, 3));
  }

  Value keras(const Value& image) {
    Value x = conv_norm("head", reflect(image, 3));
    x = conv_norm("down2", conv_norm("down1", x));
    x = conv_norm("up1", upsample(blocks(x)));
    x = conv_norm("up2", upsample(x));
    x = add(conv_norm("tail", reflect(x, 3)), image);
    return graph_.add_node("Mul", {x, scalar("half", 0.5F)});
  }

  Value quarter(const Value& image) { return conv_norm("tail", blocks(conv_norm("head", image))); }

  Value unet(const Value& image) {
    constexpr double kLeak = 0.2;
    std::vector<Value> skips{conv_norm("down1", image)};
    for (int level = 2; level <= preset_.unet_downs; ++level) {
      skips.push_back(conv_norm("down" + std::to_string(level), leaky_relu(skips.back(), kLeak)));
    }
    Value x = skips.back();
    for (int level = preset_.unet_downs; level > 1; --level) {
      x = conv_norm("up" + std::to_string(level), relu(x));
      skips.pop_back();
      x = graph_.add_node("Concat", {x, skips.back()}, {{"axis", std::int64_t{1}}});
    }
    return conv_norm("up1", relu(x));
  }

  Value forward(const Value& image) {
    switch (preset_.family) {
      case GeneratorFamily::keras: return keras(image);
      case GeneratorFamily::resnet: return residual(image, resnet(image));
      case GeneratorFamily::unet: return residual(image, unet(image));
      case GeneratorFamily::quarter: return residual(image, quarter(image));
    }
    fail("preset ", preset_.name, ": its family is outside the enumeration, use one of its names");
  }

  Value residual(const Value& image, const Value& x) {
    if (!options_.learn_residual) return x;
    return graph_.add_node("Clip", {add(image, x), scalar("black", -1.0F), scalar("white", 1.0F)});
  }

  GeneratorOptions options_;
  Preset preset_;
  OnnxGraph graph_;
  std::map<std::string, const Module*> modules_;
  std::map<std::string, bool> constants_;  // that several nodes share
};

}  // namespace

void save_onnx(const std::filesystem::path& path, Module& network, const GeneratorOptions& options) {
  const Preset preset = find_preset(options.preset);
  Metadata metadata = to_metadata(options);
  metadata["size_multiple"] = std::to_string(preset.size_multiple);
  metadata["minimum_size"] = std::to_string(preset.minimum_size);
  const std::string bytes = Exporter(network, options).build().serialize(metadata);
  write_file_atomically(path, [&](AtomicFile& file) { file.write(bytes); });
}

}  // namespace dg
