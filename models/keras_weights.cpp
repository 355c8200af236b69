// Three lists of layers on each side, one for each kind, walked side by side.
#include "models/keras_weights.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "core/context.h"
#include "kernels/check.h"
#include "layers/state.h"

namespace dg {

namespace {

using Extents = std::vector<std::int64_t>;

struct Kind {
  const char* ours;         // Module::kind()
  const char* theirs;       // as Keras 3 numbers them
  std::size_t kernel_rank;  // 0: no kernel
};
constexpr std::array kKinds{Kind{"Conv2d", "conv2d", 4}, Kind{"BatchNorm2d", "batch_normalization", 0},
                            Kind{"Dense", "dense", 2}};

// Our name of a tensor -> theirs, in their order.
struct Names {
  const char* ours;
  const char* theirs;
};
constexpr std::array kKernelNames{Names{"weight", "kernel"}, Names{"bias", "bias"}};
constexpr std::array kNormNames{Names{"weight", "gamma"}, Names{"bias", "beta"},
                                Names{"running_mean", "moving_mean"},
                                Names{"running_var", "moving_variance"}};

std::span<const Names> names_of(const Kind& kind) {
  if (kind.kernel_rank == 0) return kNormNames;
  return kKernelNames;
}

const KerasTensor* find(const KerasLayer& layer, std::string_view name) {
  const auto found = std::find_if(layer.tensors.begin(), layer.tensors.end(),
                                  [&](const KerasTensor& tensor) { return tensor.name == name; });
  return found == layer.tensors.end() ? nullptr : &*found;
}

bool is_kind(const KerasLayer& layer, const Kind& kind) {
  const KerasTensor* kernel = find(layer, "kernel");
  if (kind.kernel_rank > 0) return kernel != nullptr && kernel->shape.size() == kind.kernel_rank;
  return kernel == nullptr && find(layer, "moving_mean") != nullptr;
}

using TheirLayers = std::vector<const KerasLayer*>;

TheirLayers layers_of(const KerasFile& weights, const Kind& kind) {
  TheirLayers layers;
  for (const KerasLayer& layer : weights.layers) {
    if (is_kind(layer, kind)) layers.push_back(&layer);
  }
  return layers;
}

std::vector<NamedModule> layers_of(Module& network, const Kind& kind) {
  std::vector<NamedModule> layers;
  for (const NamedModule& entry : network.modules()) {
    if (entry.module->kind() == kind.ours) layers.push_back(entry);
  }
  return layers;
}

void check_counterparts(Module& network) {
  for (const NamedModule& entry : network.modules()) {
    const bool known = std::any_of(kKinds.begin(), kKinds.end(),
                                   [&](const Kind& kind) { return entry.module->kind() == kind.ours; });
    check(known || entry.module->own_parameters().empty(), "weights of Keras: the network's layer ",
          entry.name, " (", entry.module->kind(),
          ") has no counterpart there; only the preset keras has files of Keras");
  }
}

// A parameter or buffer of that module alone; null if it has none of the name.
const Tensor* tensor_of(const Module& module, std::string_view name) {
  for (const auto& parameter : module.own_parameters()) {
    if (parameter->name == name) return &parameter->tensor;
  }
  for (const auto& [buffer, tensor] : module.own_buffers()) {
    if (buffer == name) return tensor.get();
  }
  return nullptr;
}

// As Keras has it. `ngf` multiplies all channels but the picture's three, as in foreign_weights.cpp.
Extents keras_shape(const Shape& ours, std::int64_t ngf) {
  const auto channels = [&](std::int64_t count) { return count == 3 ? count : count * ngf; };
  if (ours.rank() == 4) return {ours[1], ours[2], channels(ours[3]), channels(ours[0])};
  if (ours.rank() == 2) return {ours[1], ours[0]};
  return {channels(ours[0])};
}

std::string text_of(const Extents& shape) {
  std::string text;
  for (const std::int64_t extent : shape) text += (text.empty() ? "" : ", ") + std::to_string(extent);
  return "(" + text + ")";
}

// ---- layouts ----

bool is_theano(const KerasFile& weights) { return weights.backend == "theano"; }

// Keras 1 on Theano: (out, in, H, W).
Extents theano_shape(const Extents& keras) {
  return keras.size() == 4 ? Extents{keras[3], keras[2], keras[0], keras[1]} : keras;
}

bool has_theano_shape(const KerasFile& weights, const Extents& given, const Extents& expected) {
  const bool is_keras1 = weights.version.empty() || weights.version.starts_with("1");
  return is_theano(weights) && is_keras1 && given == theano_shape(expected);
}

// (rows, columns) -> (columns, rows): both (H, W, in | out) -> (out | H, W, in) and (in | out) -> (out | in).
std::vector<float> transposed(const std::vector<float>& values, std::size_t columns) {
  const std::size_t rows = values.size() / columns;
  std::vector<float> result(values.size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      result[column * rows + row] = values[row * columns + column];
    }
  }
  return result;
}

// A kernel of Theano into ours: taps in reverse order, channels innermost if they are not yet.
std::vector<float> from_theano(const std::vector<float>& values, const Shape& ours, bool channels_innermost) {
  const auto out = static_cast<std::size_t>(ours[0]);
  const auto taps = static_cast<std::size_t>(ours[1] * ours[2]);
  const auto in = static_cast<std::size_t>(ours[3]);
  std::vector<float> result(values.size());
  for (std::size_t k = 0; k < out; ++k) {
    for (std::size_t tap = 0; tap < taps; ++tap) {
      for (std::size_t c = 0; c < in; ++c) {
        const std::size_t theirs = channels_innermost ? (tap * in + c) * out + k : (k * in + c) * taps + tap;
        result[(k * taps + (taps - 1 - tap)) * in + c] = values[theirs];
      }
    }
  }
  return result;
}

std::vector<float> to_ours(const KerasFile& weights, const KerasTensor& tensor, const Shape& ours) {
  if (ours.rank() == 4 && is_theano(weights))
    return from_theano(tensor.values, ours, tensor.shape == keras_shape(ours, 1));
  if (ours.rank() >= 2) return transposed(tensor.values, static_cast<std::size_t>(ours[0]));
  return tensor.values;
}

// ---- side by side ----

struct Pair {
  std::string name;  // ours
  Shape shape;
  const KerasTensor* tensor = nullptr;
};

struct Pairing {
  std::vector<Pair> pairs;
  StateMismatch mismatch;
};

void pair_layer(const Kind& kind, const NamedModule& ours, const KerasLayer* theirs, const KerasFile& weights,
                std::int64_t ngf, Pairing& result) {
  for (const Names& names : names_of(kind)) {
    const Tensor* wanted = tensor_of(*ours.module, names.ours);
    if (wanted == nullptr) continue;
    const std::string name = ours.name + "." + names.ours;
    const KerasTensor* given = theirs == nullptr ? nullptr : find(*theirs, names.theirs);
    if (given == nullptr) {
      result.mismatch.missing.push_back(name);
      continue;
    }
    const Extents expected = keras_shape(wanted->shape(), ngf);
    if (given->shape != expected && !has_theano_shape(weights, given->shape, expected)) {
      result.mismatch.shape.push_back(theirs->name + "/" + given->name + " (" + name + "): got " +
                                      text_of(given->shape) + ", expected " + text_of(expected));
    } else {
      result.pairs.push_back({name, wanted->shape(), given});
    }
  }
}

Pairing pair_layers(Module& network, const KerasFile& weights, std::int64_t ngf) {
  check_counterparts(network);
  Pairing result;
  std::set<const KerasTensor*> known;
  for (const Kind& kind : kKinds) {
    const std::vector<NamedModule> ours = layers_of(network, kind);
    const TheirLayers theirs = layers_of(weights, kind);
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const KerasLayer* layer = i < theirs.size() ? theirs[i] : nullptr;
      pair_layer(kind, ours[i], layer, weights, ngf, result);
      if (layer == nullptr) continue;
      for (const Names& names : names_of(kind)) {
        if (tensor_of(*ours[i].module, names.ours) != nullptr) known.insert(find(*layer, names.theirs));
      }
    }
  }
  for (const KerasLayer& layer : weights.layers) {
    for (const KerasTensor& tensor : layer.tensors) {
      if (!known.contains(&tensor)) result.mismatch.unexpected.push_back(layer.name + "/" + tensor.name);
    }
  }
  return result;
}

// ---- which generator ----

constexpr std::size_t kOuterConvs = 6;  // three before the blocks, three behind them
constexpr std::int64_t kMaxWidth = 1024;
constexpr std::int64_t kMaxBlocks = 256;

struct Nearest {
  GeneratorOptions options;
  StateMismatch mismatch;
};

// Compares with a network of ngf 1, which costs nothing to build.
Nearest nearest_generator(const KerasFile& weights, const TheirLayers& convs) {
  Nearest nearest{.options = find_preset("keras").generator, .mismatch = {}};
  const std::size_t inner = convs.size() - std::min(convs.size(), kOuterConvs);
  nearest.options.blocks = std::min(static_cast<std::int64_t>((inner + 1) / 2), kMaxBlocks);
  nearest.options.ngf = 1;
  const Extents& first = find(*convs.front(), "kernel")->shape;
  const std::int64_t ngf = first == Extents{first[0], 3, 7, 7} && is_theano(weights) ? first[0] : first[3];
  Context scratch({.threads = 1});
  const std::unique_ptr<Module> narrow = make_generator(scratch, nearest.options);
  nearest.mismatch = pair_layers(*narrow, weights, ngf).mismatch;
  nearest.options.ngf = ngf;
  if (ngf < 1 || ngf > kMaxWidth) {
    nearest.mismatch.shape.push_back("ngf: got " + std::to_string(ngf) + ", expected 1 to " +
                                     std::to_string(kMaxWidth));
  }
  return nearest;
}

}  // namespace

GeneratorOptions recognise_keras_generator(const KerasFile& weights, const std::string& file) {
  const TheirLayers convs = layers_of(weights, kKinds[0]);
  check(!convs.empty(), file, ": none of its ", weights.layers.size(),
        " layers is a convolution; give the weights of a generator");
  const Nearest nearest = nearest_generator(weights, convs);
  const bool scores = !layers_of(weights, kKinds[2]).empty();
  check(nearest.mismatch.empty(), file, ": these weights fit no preset; nearest is preset 'keras' with ngf ",
        nearest.options.ngf, " and ", nearest.options.blocks, " blocks: ", to_string(nearest.mismatch), "; ",
        scores ? "they look like a discriminator's: give the generator's"
               : "give weights of the Keras program's generator");
  return nearest.options;
}

std::vector<NamedTensor> state_from_keras(Module& network, const KerasFile& weights,
                                          const std::string& file) {
  const Pairing pairing = pair_layers(network, weights, 1);
  check(pairing.mismatch.empty(), file, ": these weights do not fit the network (", network.kind(),
        "): ", to_string(pairing.mismatch), "; give weights of this network");
  std::vector<NamedTensor> state;
  for (const Pair& pair : pairing.pairs) {
    state.push_back({pair.name, Tensor::from_host(network.context(), pair.shape,
                                                  to_ours(weights, *pair.tensor, pair.shape))});
  }
  return state;
}

KerasFile keras_from_state(Module& network, KerasFormat format) {
  check_counterparts(network);
  KerasFile file{.format = format, .backend = "tensorflow", .version = "2.15.0", .layers = {}};
  std::map<std::string_view, int> counts;
  for (const NamedModule& entry : network.modules()) {
    const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& candidate) {
      return entry.module->kind() == candidate.ours;
    });
    if (kind == kKinds.end()) continue;
    const int number = counts[kind->theirs]++;
    KerasLayer layer{.name = kind->theirs, .tensors = {}};
    if (number > 0) layer.name += "_" + std::to_string(number);
    for (const Names& names : names_of(*kind)) {
      const Tensor* tensor = tensor_of(*entry.module, names.ours);
      if (tensor == nullptr) continue;
      std::vector<float> values = tensor->to_floats();
      const Shape& shape = tensor->shape();
      if (shape.rank() >= 2) values = transposed(values, values.size() / static_cast<std::size_t>(shape[0]));
      layer.tensors.push_back({names.theirs, keras_shape(shape, 1), std::move(values)});
    }
    file.layers.push_back(std::move(layer));
  }
  return file;
}

}  // namespace dg
