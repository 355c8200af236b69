// Two lists of convolutions, each with what normalises it, walked side by side.
#include "models/foreign_weights.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/context.h"
#include "kernels/check.h"
#include "layers/state.h"

namespace dg {

namespace {

using Extents = std::vector<std::int64_t>;

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('.') + 1); }

// Before the last dot; "" where there is none.
std::string_view parent_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

// Without leading zeros: "01" is a word, so that no two parts mean the same.
std::optional<std::int64_t> number_in(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// ---- theirs ----

struct ForeignLayer {
  std::string path;                                   // "model.10.conv_block.1"
  std::map<std::string, const TorchTensor*> tensors;  // "weight", ...

  const TorchTensor* find(const std::string& name) const {
    const auto found = tensors.find(name);
    return found == tensors.end() ? nullptr : found->second;
  }
  bool is_conv() const {
    const TorchTensor* weight = find("weight");
    return weight != nullptr && weight->shape.size() == 4;
  }
};

struct ForeignConv {
  ForeignLayer conv;
  ForeignLayer norm;  // without tensors: none
};

struct ForeignNetwork {
  std::vector<ForeignConv> convs;    // in forward order
  std::vector<ForeignLayer> strays;  // layers that are neither
};

// Sorts paths into forward order: one pair per part, (0, number) or (1, first appearance).
using OrderKey = std::vector<std::pair<int, std::int64_t>>;

OrderKey order_key(std::string_view path, std::map<std::string_view, std::int64_t>& first_seen) {
  OrderKey key;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    const auto seen =
        first_seen.emplace(path.substr(0, end), static_cast<std::int64_t>(first_seen.size())).first;
    const std::optional<std::int64_t> number = number_in(path.substr(begin, end - begin));
    key.emplace_back(number ? 0 : 1, number.value_or(seen->second));
    begin = end + 1;
  }
  return key;
}

ForeignNetwork layers_of(const std::vector<TorchTensor>& tensors) {
  std::map<std::string_view, std::int64_t> first_seen;
  std::map<OrderKey, ForeignLayer> layers;
  for (const TorchTensor& tensor : tensors) {
    const std::string_view path = parent_of(tensor.name);
    ForeignLayer& layer = layers[order_key(path, first_seen)];
    layer.path = path;
    layer.tensors.emplace(last_part(tensor.name), &tensor);
  }
  ForeignNetwork network;
  for (auto& [key, layer] : layers) {
    if (layer.is_conv()) {
      network.convs.push_back({.conv = std::move(layer), .norm = {}});
    } else if (!network.convs.empty() && network.convs.back().norm.tensors.empty()) {
      network.convs.back().norm = std::move(layer);
    } else {
      network.strays.push_back(std::move(layer));
    }
  }
  return network;
}

// ---- ours ----

struct OurConv {
  NamedModule conv;
  NamedModule norm;  // module null: none
};

std::vector<OurConv> convs_of(Module& network) {
  std::vector<OurConv> convs;
  for (const NamedModule& entry : network.modules()) {
    const std::string kind = entry.module->kind();
    if (kind == "Conv2d" || kind == "ConvTranspose2d") {
      convs.push_back({.conv = entry, .norm = {}});
    } else if (!convs.empty() && (kind == "BatchNorm2d" || kind == "InstanceNorm2d")) {
      convs.back().norm = entry;
    } else {
      check(entry.module->own_parameters().empty(), "weights of PyTorch: the network's layer ", entry.name,
            " (", kind, ") has no counterpart there, give weights in deblurgan's own format");
    }
  }
  return convs;
}

// Parameters and buffers of a layer, under their names within it.
std::vector<NamedTensor> tensors_of(const Module& layer) {
  std::vector<NamedTensor> tensors;
  for (const auto& parameter : layer.own_parameters())
    tensors.push_back({parameter->name, parameter->tensor});
  for (const auto& [name, buffer] : layer.own_buffers()) tensors.push_back({name, *buffer});
  return tensors;
}

// As PyTorch has it. `ngf` multiplies all channels but the picture's three: the shapes of a network with ngf
// 1, which has 1, 2, 4, 8 or 16 channels everywhere else, tell those of all widths.
Extents torch_shape(const Shape& ours, std::int64_t ngf) {
  const auto channels = [&](std::int64_t count) { return count == 3 ? count : count * ngf; };
  if (ours.rank() != 4) return {channels(ours[0])};
  return {channels(ours[0]), channels(ours[3]), ours[1], ours[2]};
}

std::string text_of(const Extents& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "(" + text + ")";
}

// ---- side by side ----

struct Pairing {
  std::vector<std::pair<std::string, const TorchTensor*>> pairs;  // our name, their tensor
  StateMismatch mismatch;
};

void add_missing(const NamedModule& ours, Pairing& result) {
  if (ours.module == nullptr) return;
  for (const NamedTensor& tensor : tensors_of(*ours.module)) {
    result.mismatch.missing.push_back(ours.name + "." + tensor.name);
  }
}

void add_unexpected(const ForeignLayer& layer, Pairing& result) {
  for (const auto& [name, tensor] : layer.tensors) result.mismatch.unexpected.push_back(tensor->name);
}

void pair_layer(const NamedModule& ours, const ForeignLayer& theirs, std::int64_t ngf, Pairing& result) {
  if (ours.module == nullptr) return add_unexpected(theirs, result);
  std::set<std::string> known{"num_batches_tracked"};
  if (ours.module->kind() == "InstanceNorm2d") known.insert({"running_mean", "running_var"});
  for (const NamedTensor& wanted : tensors_of(*ours.module)) {
    known.insert(wanted.name);
    const std::string name = ours.name + "." + wanted.name;
    const TorchTensor* given = theirs.find(wanted.name);
    const Extents expected = torch_shape(wanted.tensor.shape(), ngf);
    if (given == nullptr) {
      result.mismatch.missing.push_back(name);
    } else if (given->shape != expected) {
      result.mismatch.shape.push_back(given->name + " (" + name + "): got " + text_of(given->shape) +
                                      ", expected " + text_of(expected));
    } else {
      result.pairs.emplace_back(name, given);
    }
  }
  for (const auto& [name, tensor] : theirs.tensors) {
    if (!known.contains(name)) result.mismatch.unexpected.push_back(tensor->name);
  }
}

// Of a residual block, as models/residual_block.h names its convolutions.
bool is_block_conv(const OurConv& ours) {
  return last_part(ours.conv.name).starts_with("conv1") || last_part(ours.conv.name).starts_with("conv2");
}

// Blocks of one and of two convolutions have the same shapes: which ones share a block shows in the names
// only. So does zero padding, since reflection padding is a layer of its own: a convolution that needs it is
// never number 0.
void compare_structure(const std::vector<OurConv>& ours, const ForeignNetwork& theirs, Pairing& result) {
  if (ours.size() != theirs.convs.size()) return;  // they are not side by side any more
  std::set<std::string_view> our_blocks;
  std::set<std::string_view> their_blocks;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const std::string& path = theirs.convs[i].conv.path;
    const bool in_block = is_block_conv(ours[i]);
    const bool is_wide = tensors_of(*ours[i].conv.module).front().tensor.dim(1) == 7;
    if (in_block) {
      our_blocks.insert(parent_of(ours[i].conv.name));
      their_blocks.insert(parent_of(path));
    }
    if ((in_block || is_wide) && last_part(path) == "0") {
      result.mismatch.shape.push_back(path + ": stands first, expected reflection padding in front of it");
    }
  }
  if (our_blocks.size() != their_blocks.size()) {
    result.mismatch.shape.push_back("residual blocks: got " + std::to_string(their_blocks.size()) +
                                    ", expected " + std::to_string(our_blocks.size()));
  }
}

Pairing pair_layers(Module& network, const ForeignNetwork& theirs, std::int64_t ngf) {
  Pairing result;
  const std::vector<OurConv> ours = convs_of(network);
  for (std::size_t i = 0; i < std::max(ours.size(), theirs.convs.size()); ++i) {
    if (i >= theirs.convs.size()) {
      add_missing(ours[i].conv, result);
      add_missing(ours[i].norm, result);
    } else if (i >= ours.size()) {
      add_unexpected(theirs.convs[i].conv, result);
      add_unexpected(theirs.convs[i].norm, result);
    } else {
      pair_layer(ours[i].conv, theirs.convs[i].conv, ngf, result);
      pair_layer(ours[i].norm, theirs.convs[i].norm, ngf, result);
    }
  }
  for (const ForeignLayer& stray : theirs.strays) add_unexpected(stray, result);
  compare_structure(ours, theirs, result);
  return result;
}

// ---- which generator ----

constexpr std::size_t kOuterConvs = 3;  // of the ResNet generators, before the blocks and behind them
constexpr std::int64_t kMaxWidth = 1024;
constexpr std::int64_t kMaxBlocks = 256;

// Batch norm has weights. Instance norm has none, but its convolutions have biases.
NormKind norm_of(const ForeignNetwork& theirs) {
  const auto any = [&](auto&& holds) {
    return std::any_of(theirs.convs.begin(), theirs.convs.end() - 1, holds);
  };
  if (any([](const ForeignConv& layer) { return layer.norm.find("weight") != nullptr; }))
    return NormKind::batch;
  const bool biased = any([](const ForeignConv& layer) { return layer.conv.find("bias") != nullptr; });
  return biased ? NormKind::instance : NormKind::none;
}

std::int64_t blocks_of(const ForeignNetwork& theirs) {
  std::set<std::string_view> parents;
  for (std::size_t i = kOuterConvs; i + kOuterConvs < theirs.convs.size(); ++i) {
    parents.insert(parent_of(theirs.convs[i].conv.path));
  }
  return static_cast<std::int64_t>(parents.size());
}

// Numbers 1 and 6 with dropout between the two convolutions of a block, 1 and 5 without.
bool shows_no_dropout(const ForeignNetwork& theirs) {
  const auto first = number_in(last_part(theirs.convs[kOuterConvs].conv.path));
  const auto second = number_in(last_part(theirs.convs[kOuterConvs + 1].conv.path));
  return first && second && *second - *first == 4;
}

// The presets that PyTorch programs have, and the first two with as many blocks as the file has.
std::vector<GeneratorOptions> candidates(const ForeignNetwork& theirs) {
  std::vector<GeneratorOptions> all;
  for (const char* name : {"deblurgan", "deblurgan-head", "resnet_6blocks", "unet_128", "unet_256"}) {
    all.push_back(find_preset(name).generator);
  }
  const std::int64_t blocks = blocks_of(theirs);
  for (const char* name : {"deblurgan", "deblurgan-head"}) {
    if (blocks > kMaxBlocks) break;
    all.push_back(find_preset(name).generator);
    all.back().blocks = blocks;
  }
  for (GeneratorOptions& options : all) options.norm = norm_of(theirs);
  return all;
}

struct Nearest {
  GeneratorOptions options;
  StateMismatch mismatch;
};

std::size_t count(const StateMismatch& mismatch) {
  return mismatch.missing.size() + mismatch.unexpected.size() + mismatch.shape.size();
}

// Compares with networks of ngf 1, which cost nothing to build.
Nearest nearest_generator(const ForeignNetwork& theirs) {
  const std::int64_t ngf = theirs.convs.front().conv.find("weight")->shape[0];
  Context scratch({.threads = 1});
  std::optional<Nearest> nearest;
  for (GeneratorOptions options : candidates(theirs)) {
    options.ngf = 1;
    const std::unique_ptr<Module> narrow = make_generator(scratch, options);
    StateMismatch mismatch = pair_layers(*narrow, theirs, ngf).mismatch;
    options.ngf = ngf;
    if (!nearest || count(mismatch) < count(nearest->mismatch)) nearest = {options, std::move(mismatch)};
  }
  GeneratorOptions& options = nearest->options;
  if (ngf < 1 || ngf > kMaxWidth) {
    nearest->mismatch.shape.push_back("ngf: got " + std::to_string(ngf) + ", expected 1 to " +
                                      std::to_string(kMaxWidth));
  } else if (nearest->mismatch.empty() && options.blocks > 0 && options.convs_per_block == 2 &&
             shows_no_dropout(theirs)) {
    options.dropout = 0.0;
  }
  return *nearest;
}

std::string describe(const GeneratorOptions& options) {
  std::string text = "preset '" + options.preset + "' with ngf " + std::to_string(options.ngf);
  if (options.blocks > 0) text += ", " + std::to_string(options.blocks) + " blocks";
  return text + " and norm " + to_string(options.norm);
}

// (out, in, H, W) -> (out, H, W, in), and (in, out, H, W) -> (in, H, W, out).
std::vector<float> to_krsc(const TorchTensor& tensor, const Shape& ours) {
  const auto out = static_cast<std::size_t>(ours[0]);
  const auto taps = static_cast<std::size_t>(ours[1] * ours[2]);
  const auto in = static_cast<std::size_t>(ours[3]);
  std::vector<float> values(tensor.values.size());
  for (std::size_t k = 0; k < out; ++k) {
    for (std::size_t c = 0; c < in; ++c) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        values[(k * taps + tap) * in + c] = tensor.values[(k * in + c) * taps + tap];
      }
    }
  }
  return values;
}

}  // namespace

GeneratorOptions recognise_generator(const std::vector<TorchTensor>& tensors, const std::string& file) {
  const ForeignNetwork theirs = layers_of(tensors);
  check(!theirs.convs.empty(), file, ": none of its ", tensors.size(),
        " tensors is the weight of a convolution; give the weights of a generator");
  const Nearest nearest = nearest_generator(theirs);
  const bool scores = theirs.convs.back().conv.find("weight")->shape[0] == 1;
  check(nearest.mismatch.empty(), file, ": these weights fit no preset; nearest is ",
        describe(nearest.options), ": ", to_string(nearest.mismatch), "; ",
        scores ? "they look like a discriminator's: give the generator's, as latest_net_G.pth"
               : "give weights of DeblurGAN's generators");
  return nearest.options;
}

std::vector<NamedTensor> state_from_torch(Module& network, const std::vector<TorchTensor>& tensors,
                                          const std::string& file) {
  const ForeignNetwork theirs = layers_of(tensors);
  const Pairing pairing = pair_layers(network, theirs, 1);
  if (!pairing.mismatch.empty()) {
    std::string advice = "give weights of this network";
    if (!theirs.convs.empty()) {
      const Nearest nearest = nearest_generator(theirs);
      if (nearest.mismatch.empty())
        advice = "the file fits " + describe(nearest.options) + ": build that network, or give other weights";
    }
    fail(file, ": these weights do not fit the network (", network.kind(), "): ", to_string(pairing.mismatch),
         "; ", advice);
  }
  std::map<std::string, Shape> shapes;
  for (const NamedTensor& wanted : network.state()) shapes.emplace(wanted.name, wanted.tensor.shape());
  std::vector<NamedTensor> state;
  for (const auto& [name, tensor] : pairing.pairs) {
    const Shape& shape = shapes.at(name);
    state.push_back({name, Tensor::from_host(network.context(), shape,
                                             shape.rank() == 4 ? to_krsc(*tensor, shape) : tensor->values)});
  }
  return state;
}

}  // namespace dg
