// Weight files of Keras: the layers that have weights, without Python and without running any code.
// Three formats, told apart by content:
//   Keras 2 (.h5)           attributes layer_names and, of each layer's group, weight_names: in the file's root,
//                           or of a whole model in "model_weights". Long lists are cut into layer_names0,
//                           layer_names1, ... (an HDF5 attribute holds 64 KiB). Keras 3 still writes it
//   Keras 3 (.weights.h5)   groups "layers/conv2d_1/vars" with arrays "0", "1", ...
//   Keras 3 (.keras)        a zip archive of config.json and such a file, model.weights.h5
// Source: https://github.com/keras-team/keras, keras/src/legacy/saving/legacy_h5_format.py and
// keras/src/saving/saving_lib.py.
//
// All of them are HDF5. They are read in every build; to write them deblurgan needs the HDF5 library, and throws
// Error with the package to install where it was built without.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace dg {

struct KerasTensor {
  // Within its layer, without a path: kernel, bias, gamma, beta, moving_mean, moving_variance; another name
  // as it is in the file, in Keras 3 a number.
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;  // row-major
};

struct KerasLayer {
  std::string name;                  // "conv2d_1"
  std::vector<KerasTensor> tensors;  // in the order of Keras' get_weights()
};

enum class KerasFormat : std::uint8_t { keras2, keras3 };

struct KerasFile {
  KerasFormat format = KerasFormat::keras2;
  std::string backend;  // "tensorflow", ...; Keras 3's own formats do not say
  std::string version;  // of Keras, where the file says it
  // Keras 2: in the order of the model. Keras 3: layers of one class are in the model's order, the classes in
  // that of the alphabet (the file does not say more).
  std::vector<KerasLayer> layers;
};

// Whether it is an HDF5 file, or a zip archive with model.weights.h5.
bool looks_like_keras_file(std::span<const std::byte> bytes);
bool looks_like_keras_file(const std::filesystem::path& path);  // Error if it cannot be read

// Files are treated as hostile: throws Error, beginning with `file`, for what is truncated or damaged, claims
// more than it holds, or has no layers.
KerasFile parse_keras_file(std::span<const std::byte> bytes, const std::string& file);
KerasFile read_keras_file(const std::filesystem::path& path);

// A file for Keras' Model.load_weights(path): Keras looks at the name, so it must end in ".weights.h5" for
// KerasFormat::keras3 and in ".h5" otherwise. It appears whole or not at all.
void write_keras_file(const std::filesystem::path& path, const KerasFile& file);

}  // namespace dg
