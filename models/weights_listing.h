// What a weight file of any program holds, before anybody asks whether it fits a network.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "models/presets.h"

namespace dg {

struct ListedTensor {
  std::string name;  // as in the file; of Keras "layer/tensor"
  std::string type;  // "float32", or safetensors' own name
  std::vector<std::int64_t> shape;
};

struct WeightsListing {
  std::string format;  // "safetensors", "PyTorch", "Keras 2" or "Keras 3"
  Metadata metadata;   // safetensors: its own; else the file's root, the version and the backend, where known
  std::vector<ListedTensor> tensors;
};

// Throws Error as load_weights for files that are damaged or of another kind.
WeightsListing list_weights(const std::filesystem::path& path);

}  // namespace dg
