// The numbers of DeblurGAN's nn.Sequential: paddings, norms, activations and dropout count, too.
#include "models/torch_export.h"

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/safetensors.h"
#include "layers/norm.h"
#include "models/detail/kernel_layout.h"

namespace dg {

namespace {

using Paths = std::map<std::string, std::string>;  // our path of a layer -> theirs

std::string numbered(const std::string& path, std::int64_t number) { return path + std::to_string(number); }

// pad, conv, norm, ReLU; twice conv, norm, ReLU; the blocks; twice conv, norm, ReLU; pad, conv.
Paths resnet_paths(const GeneratorOptions& options) {
  Paths paths;
  const auto conv_norm = [&](const std::string& ours, std::int64_t number) {
    paths[ours + ".conv"] = numbered("model.", number);
    paths[ours + ".norm"] = numbered("model.", number + 1);
  };
  conv_norm("head", 1);
  conv_norm("down1", 4);
  conv_norm("down2", 7);
  // In a block: pad, conv, norm, ReLU, (dropout,) pad, conv, norm.
  const std::int64_t second = options.dropout > 0.0 ? 6 : 5;
  for (std::int64_t i = 0; i < options.blocks; ++i) {
    const std::string ours = numbered("blocks.", i);
    const std::string theirs = numbered("model.", 10 + i) + ".conv_block.";
    paths[ours + ".conv1"] = numbered(theirs, 1);
    paths[ours + ".norm1"] = numbered(theirs, 2);
    paths[ours + ".conv2"] = numbered(theirs, second);
    paths[ours + ".norm2"] = numbered(theirs, second + 1);
  }
  const std::int64_t behind = 10 + options.blocks;
  conv_norm("up1", behind);
  conv_norm("up2", behind + 3);
  conv_norm("tail", behind + 7);
  return paths;
}

// Each level is a layer of the level around it.
Paths unet_paths(int downs) {
  Paths paths;
  std::string level = "model.model.";
  for (int k = 1; k <= downs; ++k) {
    const std::string down = numbered("down", k);
    const std::string up = numbered("up", k);
    const bool outermost = k == 1;  // conv, level 2, ReLU, transposed conv
    const bool innermost = k == downs;
    paths[down + ".conv"] = numbered(level, outermost ? 0 : 1);
    paths[down + ".norm"] = numbered(level, 2);
    paths[up + ".conv"] = numbered(level, outermost || innermost ? 3 : 5);
    paths[up + ".norm"] = numbered(level, innermost ? 4 : 6);
    level += outermost ? "1.model." : "3.model.";
  }
  return paths;
}

Paths torch_paths(const GeneratorOptions& options) {
  const Preset preset = find_preset(options.preset);
  if (preset.family == GeneratorFamily::resnet) return resnet_paths(options);
  if (preset.family == GeneratorFamily::unet) return unet_paths(preset.unet_downs);
  return {};
}

struct TensorToSave {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

std::vector<TensorToSave> tensors_of(Module& network, const Paths& paths) {
  std::vector<TensorToSave> tensors;
  for (const NamedModule& entry : network.modules()) {
    const auto known = paths.find(entry.name);
    const std::string path = (known == paths.end() ? entry.name : known->second) + ".";
    const auto add = [&](const std::string& name, const Tensor& tensor) {
      const Shape& shape = tensor.shape();
      if (shape.rank() == 4) {
        tensors.push_back({path + name, oihw_shape(shape), to_oihw(tensor)});
      } else {
        tensors.push_back({path + name, {shape.begin(), shape.end()}, tensor.to_floats()});
      }
    };
    for (const auto& parameter : entry.module->own_parameters()) add(parameter->name, parameter->tensor);
    for (const auto& [name, buffer] : entry.module->own_buffers()) add(name, *buffer);
    const auto* instance = dynamic_cast<const InstanceNorm2d*>(entry.module);
    if (instance == nullptr || known == paths.end()) continue;
    const std::int64_t channels = instance->config().channels;
    const auto count = static_cast<std::size_t>(channels);
    tensors.push_back({path + "running_mean", {channels}, std::vector<float>(count, 0.0F)});
    tensors.push_back({path + "running_var", {channels}, std::vector<float>(count, 1.0F)});
  }
  return tensors;
}

}  // namespace

void save_torch_weights(const std::filesystem::path& path, Module& network, const GeneratorOptions& options) {
  const std::vector<TensorToSave> tensors = tensors_of(network, torch_paths(options));
  std::vector<SafeTensorToWrite> entries;
  for (const TensorToSave& tensor : tensors) {
    entries.push_back({tensor.name, SafeDType::F32, tensor.shape, std::as_bytes(std::span(tensor.values))});
  }
  Metadata metadata = to_metadata(options);
  metadata["format"] = "pt";
  write_safetensors(path, entries, metadata);
}

}  // namespace dg
