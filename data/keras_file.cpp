// The layers of an HDF5 tree, and the tree of layers.
#include "data/keras_file.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "data/atomic_file.h"
#include "data/detail/hdf5_tree.h"
#include "data/detail/safetensors_header.h"
#include "data/input_file.h"
#include "data/zip_reader.h"
#include "kernels/check.h"

namespace dg {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::string_view kHdf5Beginning("\x89HDF\r\n\x1a\n", 8);
constexpr std::string_view kZipBeginning("PK\x03\x04", 4);
constexpr const char* kWeightsEntry = "model.weights.h5";

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

// ---- Keras 2 ----

// layer_names, or layer_names0, layer_names1, ...
std::vector<std::string> text_list(const Hdf5Group& group, const std::string& name) {
  if (const Hdf5Text* whole = group.find_text(name)) return whole->values;
  std::vector<std::string> all;
  for (int part = 0;; ++part) {
    const Hdf5Text* text = group.find_text(name + std::to_string(part));
    if (text == nullptr) return all;
    all.insert(all.end(), text->values.begin(), text->values.end());
  }
}

bool has_text_list(const Hdf5Group& group, const std::string& name) {
  return group.find_text(name) != nullptr || group.find_text(name + "0") != nullptr;
}

std::string text_of(const Hdf5Group& group, std::string_view name) {
  const Hdf5Text* text = group.find_text(name);
  return text == nullptr || text->values.empty() ? std::string() : text->values.front();
}

// "conv2d_1/kernel:0" is an array "kernel:0" in a group "conv2d_1".
const Hdf5Array* find_by_path(const Hdf5Group& group, std::string_view path) {
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return group.find_array(path);
  const Hdf5Group* child = group.find_group(path.substr(0, slash));
  return child == nullptr ? nullptr : find_by_path(*child, path.substr(slash + 1));
}

// "kernel" of "model/conv2d_1/kernel:0". Keras 1 wrote "convolution2d_1_W".
std::string tensor_name(std::string_view path) {
  std::string_view name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.find(':'));
  for (const auto& [ending, today] :
       std::initializer_list<std::pair<std::string_view, const char*>>{{"_W", "kernel"},
                                                                       {"_b", "bias"},
                                                                       {"_gamma", "gamma"},
                                                                       {"_beta", "beta"},
                                                                       {"_running_mean", "moving_mean"},
                                                                       {"_running_std", "moving_variance"}}) {
    if (name.ends_with(ending)) return today;
  }
  return std::string(name);
}

KerasFile parse_keras2(const Hdf5Group& root, const std::string& file) {
  KerasFile result{.format = KerasFormat::keras2,
                   .backend = text_of(root, "backend"),
                   .version = text_of(root, "keras_version"),
                   .layers = {}};
  std::map<std::string_view, const Hdf5Group*> groups;
  for (const Hdf5Group& group : root.groups) groups.emplace(group.name, &group);
  std::set<const void*> taken;  // a short file cannot name one array a thousand times
  for (const std::string& name : text_list(root, "layer_names")) {
    const auto group = groups.find(name);
    check(group != groups.end() && taken.insert(group->second).second, file, ": its layer ",
          quote_for_message(name), " is missing or named twice; the file is damaged: copy it again");
    KerasLayer layer{.name = name, .tensors = {}};
    for (const std::string& path : text_list(*group->second, "weight_names")) {
      const Hdf5Array* array = find_by_path(*group->second, path);
      check(array != nullptr && taken.insert(array).second, file, ": the weight ", quote_for_message(path),
            " of its layer ", quote_for_message(name),
            " is missing or named twice; the file is damaged: copy it again");
      layer.tensors.push_back({tensor_name(path), array->shape, array->values});
    }
    if (!layer.tensors.empty()) result.layers.push_back(std::move(layer));
  }
  return result;
}

// ---- Keras 3 ----

// "conv2d_10" behind "conv2d_2", "10" behind "2".
std::pair<std::string_view, std::int64_t> order_key(std::string_view name) {
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  std::int64_t number = -1;
  const auto parsed = std::from_chars(name.data() + digits, name.data() + name.size(), number);
  if (parsed.ec != std::errc()) return {name, -1};
  const std::string_view base = name.substr(0, digits);
  if (base.empty() || base.back() == '_') return {base.substr(0, base.find_last_not_of('_') + 1), number};
  return {name, -1};  // the 2 of "conv2d"
}

template <typename Item>
std::vector<const Item*> in_order(const std::vector<Item>& items) {
  std::vector<const Item*> sorted;
  for (const Item& item : items) sorted.push_back(&item);
  std::sort(sorted.begin(), sorted.end(),
            [](const Item* a, const Item* b) { return order_key(a->name) < order_key(b->name); });
  return sorted;
}

// The file has numbers only. Kernels have two dimensions or four; a batch normalisation has four vectors.
std::string tensor_name(const std::vector<const Hdf5Array*>& vars, std::size_t i) {
  constexpr const char* kNormNames[] = {"gamma", "beta", "moving_mean", "moving_variance"};
  const std::size_t rank = vars.front()->shape.size();
  if (rank == 1 && vars.size() == 4) return kNormNames[i];
  if ((rank == 2 || rank == 4) && vars.size() <= 2) return i == 0 ? "kernel" : "bias";
  return vars[i]->name;
}

void collect_keras3(const Hdf5Group& group, std::vector<KerasLayer>& layers) {
  const Hdf5Group* vars = group.find_group("vars");
  if (vars != nullptr && !vars->arrays.empty()) {
    const std::vector<const Hdf5Array*> arrays = in_order(vars->arrays);
    KerasLayer layer{.name = group.name, .tensors = {}};
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      layer.tensors.push_back({tensor_name(arrays, i), arrays[i]->shape, arrays[i]->values});
    }
    layers.push_back(std::move(layer));
  }
  for (const Hdf5Group* child : in_order(group.groups)) {
    if (child != vars && child->name != "optimizer") collect_keras3(*child, layers);
  }
}

// ---- all ----

KerasFile parse_tree(const Hdf5Group& root, const std::string& file) {
  const auto model = std::find_if(root.groups.begin(), root.groups.end(), [](const Hdf5Group& group) {
    return group.name == "model_weights" && has_text_list(group, "layer_names");
  });
  KerasFile result;
  if (model != root.groups.end()) {
    result = parse_keras2(*model, file);
  } else if (has_text_list(root, "layer_names")) {
    result = parse_keras2(root, file);
  } else {
    result.format = KerasFormat::keras3;
    collect_keras3(root, result.layers);
  }
  check(!result.layers.empty(), file,
        ": is an HDF5 file without layers of Keras; save the weights with Keras' save_weights");
  return result;
}

std::string version_in(ZipReader& zip) {
  const ZipEntry* entry = zip.find("metadata.json");
  if (entry == nullptr) return {};
  const Bytes text = zip.contents(*entry);
  const auto* begin = reinterpret_cast<const char*>(text.data());
  const nlohmann::json metadata = nlohmann::json::parse(begin, begin + text.size(), nullptr, false);
  if (!metadata.is_object()) return {};
  const auto version = metadata.find("keras_version");
  return version != metadata.end() && version->is_string() ? version->get<std::string>() : std::string();
}

// ---- writing ----

Hdf5Group keras2_tree(const KerasFile& file) {
  Hdf5Group root;
  Hdf5Text names{.name = "layer_names", .values = {}};
  for (const KerasLayer& layer : file.layers) {
    names.values.push_back(layer.name);
    Hdf5Group group{.name = layer.name, .texts = {}, .arrays = {}, .groups = {}};
    Hdf5Group inner = group;
    Hdf5Text weights{.name = "weight_names", .values = {}};
    for (const KerasTensor& tensor : layer.tensors) {
      weights.values.push_back(layer.name + "/" + tensor.name + ":0");
      inner.arrays.push_back({tensor.name + ":0", tensor.shape, tensor.values});
    }
    group.texts.push_back(std::move(weights));
    group.groups.push_back(std::move(inner));
    root.groups.push_back(std::move(group));
  }
  root.texts = {{"backend", {file.backend}, false}, {"keras_version", {file.version}, false}, names};
  return root;
}

Hdf5Group keras3_tree(const KerasFile& file) {
  Hdf5Group layers{.name = "layers", .texts = {}, .arrays = {}, .groups = {}};
  for (const KerasLayer& layer : file.layers) {
    Hdf5Group vars{.name = "vars", .texts = {}, .arrays = {}, .groups = {}};
    for (std::size_t i = 0; i < layer.tensors.size(); ++i) {
      vars.arrays.push_back({std::to_string(i), layer.tensors[i].shape, layer.tensors[i].values});
    }
    layers.groups.push_back({.name = layer.name, .texts = {}, .arrays = {}, .groups = {std::move(vars)}});
  }
  Hdf5Group root;
  root.groups.push_back(std::move(layers));
  // Keras looks for the model's own variables, of which there are none.
  root.groups.push_back({.name = "vars", .texts = {}, .arrays = {}, .groups = {}});
  return root;
}

}  // namespace

bool looks_like_keras_file(Bytes bytes) {
  if (starts_with(bytes, kHdf5Beginning)) return true;
  if (!starts_with(bytes, kZipBeginning)) return false;
  try {
    return ZipReader(bytes, {}).find(kWeightsEntry) != nullptr;
  } catch (const Error&) {
    return false;  // whoever reads it as an archive will say what is wrong
  }
}

bool looks_like_keras_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> beginning = read_file(path, 8);
  if (!starts_with(std::as_bytes(std::span(beginning)), kZipBeginning))
    return looks_like_keras_file(std::as_bytes(std::span(beginning)));
  const std::vector<std::uint8_t> all = read_file(path);
  return looks_like_keras_file(std::as_bytes(std::span(all)));
}

KerasFile parse_keras_file(Bytes bytes, const std::string& file) {
  if (!starts_with(bytes, kZipBeginning)) return parse_tree(parse_hdf5(bytes, file), file);
  ZipReader zip(bytes, file);
  const ZipEntry* entry = zip.find(kWeightsEntry);
  check(entry != nullptr, file, ": is a zip archive without ", kWeightsEntry,
        ", so it was not written by Keras; give a file of weights");
  KerasFile result = parse_tree(parse_hdf5(zip.contents(*entry), file), file);
  result.version = version_in(zip);
  return result;
}

KerasFile read_keras_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return parse_keras_file(std::as_bytes(std::span(bytes)), path.string());
}

void write_keras_file(const std::filesystem::path& path, const KerasFile& file) {
  const std::string name = path.filename().string();
  const bool for_keras3 = name.ends_with(".weights.h5");
  check(name.ends_with(".h5") && for_keras3 == (file.format == KerasFormat::keras3), path.string(),
        ": Keras goes by the name and would not read it; end it in ",
        file.format == KerasFormat::keras3 ? ".weights.h5" : ".h5, and not in .weights.h5");
  const std::vector<std::byte> bytes = format_hdf5(for_keras3 ? keras3_tree(file) : keras2_tree(file));
  write_file_atomically(path, bytes);
}

}  // namespace dg
