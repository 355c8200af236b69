// One listing for the three kinds of files.
#include "models/weights_listing.h"

#include <utility>

#include "data/keras_file.h"
#include "data/safetensors.h"
#include "data/torch_file.h"

namespace dg {

namespace {

WeightsListing list_keras(const std::filesystem::path& path) {
  const KerasFile file = read_keras_file(path);
  WeightsListing listing{
      .format = file.format == KerasFormat::keras2 ? "Keras 2" : "Keras 3", .metadata = {}, .tensors = {}};
  if (!file.version.empty()) listing.metadata["keras_version"] = file.version;
  if (!file.backend.empty()) listing.metadata["backend"] = file.backend;
  for (const KerasLayer& layer : file.layers) {
    for (const KerasTensor& tensor : layer.tensors)
      listing.tensors.push_back({layer.name + "/" + tensor.name, "float32", tensor.shape});
  }
  return listing;
}

WeightsListing list_torch(const std::filesystem::path& path) {
  const TorchFile file = read_torch_file(path);
  WeightsListing listing{.format = "PyTorch", .metadata = {}, .tensors = {}};
  if (!file.root.empty()) listing.metadata["root"] = file.root;
  for (const TorchTensor& tensor : file.tensors)
    listing.tensors.push_back({tensor.name, "float32", tensor.shape});
  return listing;
}

}  // namespace

WeightsListing list_weights(const std::filesystem::path& path) {
  if (looks_like_keras_file(path)) return list_keras(path);
  if (looks_like_torch_file(path)) return list_torch(path);
  const SafeTensorsFile file(path);
  WeightsListing listing{.format = "safetensors", .metadata = file.metadata(), .tensors = {}};
  for (const SafeTensorEntry& entry : file.entries())
    listing.tensors.push_back({entry.name, name_of(entry.dtype), entry.shape});
  return listing;
}

}  // namespace dg
