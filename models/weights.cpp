// Weight files: which tensors of a file are the generator's, and whether they fit.
#include "models/weights.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "data/keras_file.h"
#include "data/safetensors.h"
#include "data/torch_file.h"
#include "kernels/check.h"
#include "layers/state.h"
#include "models/foreign_weights.h"
#include "models/keras_weights.h"

namespace dg {

namespace {

constexpr std::string_view kFormat = "deblurgan";
constexpr std::string_view kGeneratorPrefix = "generator.";
constexpr std::string_view kEmaPrefix = "ema.";
constexpr std::string_view kTorchEmaRoot = "params_ema";
constexpr std::string_view kTorchFormat = "pt";  // what PyTorch's programs write into safetensors

bool has_prefix(const SafeTensorsFile& file, std::string_view prefix) {
  return std::any_of(file.entries().begin(), file.entries().end(),
                     [&](const SafeTensorEntry& entry) { return entry.name.starts_with(prefix); });
}

// What stands before the generator's names: nothing in a weight file.
std::string_view generator_prefix(const SafeTensorsFile& file, const LoadOptions& options) {
  if (options.use_ema && has_prefix(file, kEmaPrefix)) return kEmaPrefix;
  return has_prefix(file, kGeneratorPrefix) ? kGeneratorPrefix : std::string_view();
}

std::string text_of(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

void check_finite(const std::string& path, const std::string& name, const std::vector<float>& values) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  check(finite, path, ": tensor '", name,
        "' holds values that are not finite numbers; its training diverged or the file is damaged: use an "
        "earlier "
        "checkpoint");
}

std::vector<NamedTensor> generator_tensors(Context& context, const SafeTensorsFile& file,
                                           std::string_view prefix) {
  std::vector<NamedTensor> tensors;
  for (const SafeTensorEntry& entry : file.entries()) {
    if (!entry.name.starts_with(prefix)) continue;
    check(entry.shape.size() <= Shape::kMaxRank, file.path().string(), ": tensor '", entry.name, "' has ",
          entry.shape.size(), " dimensions, expected at most ", Shape::kMaxRank,
          "; this is not a weight file of a generator");
    const std::vector<float> values = file.read_as_float(entry.name);
    check_finite(file.path().string(), entry.name, values);
    tensors.push_back({entry.name.substr(prefix.size()),
                       Tensor::from_host(context, Shape(std::span(entry.shape)), values)});
  }
  return tensors;
}

std::string advice(const SafeTensorsFile& file) {
  const std::string preset = text_of(file.metadata(), "preset");
  if (preset.empty()) {
    return "the file does not say which preset it was made for: name another preset, or rename its tensors";
  }
  std::string text = "the file says that it holds preset '" + preset + "'";
  for (const char* key : {"ngf", "blocks", "convs_per_block", "norm"}) {
    const std::string value = text_of(file.metadata(), key);
    if (!value.empty()) text += std::string(", ") + key + " " + value;
  }
  return text + ": build that network, or give other weights";
}

void load(const SafeTensorsFile& file, Module& module, std::string_view prefix) {
  const NoGrad no_grad(module.context());
  const StateMismatch mismatch = load_state(module, generator_tensors(module.context(), file, prefix));
  check(mismatch.empty(), file.path().string(), ": these weights do not fit the network (", module.kind(),
        "): ", to_string(mismatch), "; ", advice(file));
}

void check_version(const SafeTensorsFile& file) {
  const std::string text = text_of(file.metadata(), "version");
  int version = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), version);
  check(parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() && version >= 1,
        file.path().string(), ": its format version is '", text, "', expected a number up to ",
        kWeightsVersion, "; use the file as it was written");
  check(version <= kWeightsVersion, file.path().string(), ": its format version is ", version,
        ", this program reads up to ", kWeightsVersion, "; use a newer deblurgan");
}

GeneratorOptions options_of(const SafeTensorsFile& file, const std::string& preset) {
  if (!preset.empty()) return find_preset(preset).generator;
  check(text_of(file.metadata(), "format") == kFormat, file.path().string(),
        ": was not written by deblurgan (its metadata has no format 'deblurgan'), so that the network is not "
        "known; "
        "name the preset that it was made for, and give its tensors deblurgan's names, shapes and layout");
  check_version(file);
  try {
    return generator_options(file.metadata());
  } catch (const Error& error) {
    fail(file.path().string(), ": ", error.what());
  }
}

// The network that the file needs, used as the caller wants it.
GeneratorOptions with_choices(GeneratorOptions options, const LoadOptions& choices) {
  options.dropout_at_test = choices.dropout_at_test;
  options.learn_residual = options.learn_residual && choices.learn_residual;
  return options;
}

// A few bytes of metadata must not make us allocate hundreds of gigabytes: a network that large is only built
// if the file could hold its residual blocks (two levels down, 4 ngf channels, 3x3) and its second level.
void check_plausible(double held, const GeneratorOptions& options) {
  constexpr double kHarmless = 1e8;  // values
  const bool has_blocks = find_preset(options.preset).family != GeneratorFamily::unet;
  const double blocks = has_blocks ? static_cast<double>(options.blocks) : 0.0;
  const double expected = static_cast<double>(options.ngf * options.ngf) * (18.0 + 144.0 * blocks);
  check(expected <= std::max(held, kHarmless), "holds ", held, " values, but preset '", options.preset,
        "' with ngf ", options.ngf, " and ", options.blocks, " blocks has more than ", expected,
        "; the file is damaged or its metadata is wrong: give other weights");
}

// `held`: values in the file.
std::unique_ptr<Module> build(Context& context, const std::string& path, double held,
                              const GeneratorOptions& options) {
  const PhiloxState state = context.random().state();
  try {
    check_plausible(held, options);
    std::unique_ptr<Module> network = make_generator(context, options);
    context.random().set_state(state);  // the first weights are overwritten: nobody needs their numbers
    return network;
  } catch (const Error& error) {
    fail(path, ": ", error.what());
  }
}

LoadedGenerator load_native(Context& context, const SafeTensorsFile& file, const LoadOptions& options) {
  LoadedGenerator result;
  result.options = with_choices(options_of(file, options.preset), options);
  result.metadata = file.metadata();
  const std::string_view prefix = generator_prefix(file, options);
  result.from_checkpoint = !prefix.empty();
  result.from_ema = prefix == kEmaPrefix;
  double held = 0.0;
  for (const SafeTensorEntry& entry : file.entries()) held += static_cast<double>(entry.numel());
  result.network = build(context, file.path().string(), held, result.options);
  load(file, *result.network, prefix);
  return result;
}

// Copies the state into the network: all of it, or nothing and an Error.
void load_foreign(const std::vector<NamedTensor>& state, const std::string& path, Module& module) {
  const NoGrad no_grad(module.context());
  const StateMismatch mismatch = load_state(module, state);
  check(mismatch.empty(), path, ": these weights do not fit the network (", module.kind(),
        "): ", to_string(mismatch), "; give weights of this network");
}

// ---- files of PyTorch ----

TorchFile read_torch(const std::filesystem::path& path, const LoadOptions& options) {
  TorchFile file = read_torch_file(path, {.use_ema = options.use_ema});
  for (const TorchTensor& tensor : file.tensors) check_finite(path.string(), tensor.name, tensor.values);
  return file;
}

void load_torch(const TorchFile& file, const std::string& path, Module& module) {
  load_foreign(state_from_torch(module, file.tensors, path), path, module);
}

LoadedGenerator load_torch_generator(Context& context, const TorchFile& file, const std::string& path,
                                     const GeneratorOptions& options) {
  LoadedGenerator result;
  result.options = options;
  result.from_ema = file.root == kTorchEmaRoot;
  result.from_checkpoint = result.from_ema;  // those files have "params" beside them
  double held = 0.0;
  for (const TorchTensor& tensor : file.tensors) held += static_cast<double>(tensor.values.size());
  result.network = build(context, path, held, result.options);
  load_torch(file, path, *result.network);
  return result;
}

LoadedGenerator load_torch_generator(Context& context, const std::filesystem::path& path,
                                     const LoadOptions& options) {
  const TorchFile file = read_torch(path, options);
  const GeneratorOptions found = options.preset.empty() ? recognise_generator(file.tensors, path.string())
                                                        : find_preset(options.preset).generator;
  return load_torch_generator(context, file, path.string(), with_choices(found, options));
}

// ---- safetensors with the names and layouts of PyTorch ----

TorchFile as_torch(const SafeTensorsFile& file) {
  TorchFile result;
  for (const SafeTensorEntry& entry : file.entries()) {
    if (entry.dtype == SafeDType::I64) continue;  // num_batches_tracked
    result.tensors.push_back({entry.name, entry.shape, file.read_as_float(entry.name)});
    check_finite(file.path().string(), entry.name, result.tensors.back().values);
  }
  return result;
}

bool is_torch_layout(const SafeTensorsFile& file, const LoadOptions& options) {
  return options.preset.empty() && text_of(file.metadata(), "format") == kTorchFormat;
}

LoadedGenerator load_torch_safetensors(Context& context, const SafeTensorsFile& file,
                                       const LoadOptions& options) {
  const std::string path = file.path().string();
  const TorchFile tensors = as_torch(file);
  const bool named = !text_of(file.metadata(), "preset").empty();
  GeneratorOptions found;
  try {
    found = named ? generator_options(file.metadata()) : recognise_generator(tensors.tensors, path);
  } catch (const Error& error) {
    fail(path, ": was not written by deblurgan, and as a file of PyTorch it fits no network: ", error.what(),
         "; or name the preset that it was made for, if its tensors have deblurgan's names and layout");
  }
  LoadedGenerator result = load_torch_generator(context, tensors, path, with_choices(found, options));
  result.metadata = file.metadata();
  return result;
}

// ---- files of Keras ----

KerasFile read_keras(const std::filesystem::path& path) {
  KerasFile file = read_keras_file(path);
  for (const KerasLayer& layer : file.layers) {
    for (const KerasTensor& tensor : layer.tensors)
      check_finite(path.string(), layer.name + "/" + tensor.name, tensor.values);
  }
  return file;
}

void load_keras(const KerasFile& file, const std::string& path, Module& module) {
  load_foreign(state_from_keras(module, file, path), path, module);
}

LoadedGenerator load_keras_generator(Context& context, const std::filesystem::path& path,
                                     const LoadOptions& options) {
  const KerasFile file = read_keras(path);
  LoadedGenerator result;
  result.options = with_choices(options.preset.empty() ? recognise_keras_generator(file, path.string())
                                                       : find_preset(options.preset).generator,
                                options);
  double held = 0.0;
  for (const KerasLayer& layer : file.layers) {
    for (const KerasTensor& tensor : layer.tensors) held += static_cast<double>(tensor.values.size());
  }
  result.network = build(context, path.string(), held, result.options);
  load_keras(file, path.string(), *result.network);
  return result;
}

LoadedGenerator load_any(Context& context, const std::filesystem::path& path, const LoadOptions& options) {
  if (looks_like_keras_file(path)) return load_keras_generator(context, path, options);
  if (looks_like_torch_file(path)) return load_torch_generator(context, path, options);
  const SafeTensorsFile file(path);
  return is_torch_layout(file, options) ? load_torch_safetensors(context, file, options)
                                        : load_native(context, file, options);
}

}  // namespace

Metadata weights_metadata(Metadata metadata) {
  metadata["format"] = kFormat;
  metadata["version"] = std::to_string(kWeightsVersion);
  return metadata;
}

void save_weights(const std::filesystem::path& path, const Module& module, const Metadata& metadata) {
  const std::vector<NamedTensor> state = module.state();
  std::vector<std::vector<float>> values;
  values.reserve(state.size());
  std::vector<SafeTensorToWrite> tensors;
  for (const NamedTensor& entry : state) {
    values.push_back(entry.tensor.to_floats());
    const Shape& shape = entry.tensor.shape();
    tensors.push_back(
        {entry.name, SafeDType::F32, {shape.begin(), shape.end()}, std::as_bytes(std::span(values.back()))});
  }
  write_safetensors(path, tensors, weights_metadata(metadata));
}

Metadata read_metadata(const std::filesystem::path& path) { return SafeTensorsFile(path).metadata(); }

void load_weights(const std::filesystem::path& path, Module& module, const LoadOptions& options) {
  if (looks_like_keras_file(path)) return load_keras(read_keras(path), path.string(), module);
  if (looks_like_torch_file(path)) return load_torch(read_torch(path, options), path.string(), module);
  const SafeTensorsFile file(path);
  if (is_torch_layout(file, options)) return load_torch(as_torch(file), path.string(), module);
  load(file, module, generator_prefix(file, options));
}

LoadedGenerator load_generator(Context& context, const std::filesystem::path& path,
                               const LoadOptions& options) {
  LoadedGenerator result = load_any(context, path, options);
  result.network->eval();
  return result;
}

}  // namespace dg
