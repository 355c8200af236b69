// Weight files: safetensors with the module's own names, float32, and text metadata that rebuilds the network.
//   metadata   format "deblurgan", version "1", the generator's options (to_metadata in models/presets.h), and
//              whatever the writer adds: step, ...
//   tensors    the names of Module::state(), parameters before buffers: "head.conv.weight", ...
// Checkpoints of a training have the same metadata; their generator's tensors are called "generator.<name>",
// and its averages, where there are any, "ema.<name>".
//
// Files of other programs are read as well; the network is recognised by its layers, and the content decides, not
// the file's name:
//   PyTorch   state_dicts as torch.save writes them (data/torch_file.h), or in safetensors with the metadata
//             format "pt" (models/foreign_weights.h)
//   Keras     .h5, .weights.h5 and .keras (data/keras_file.h, models/keras_weights.h)
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "layers/module.h"
#include "models/presets.h"

namespace dg {

inline constexpr int kWeightsVersion = 1;  // raised when older programs can no longer read new files

// `metadata` plus format and version, which every file that load_generator is to understand must carry.
Metadata weights_metadata(Metadata metadata);

// All parameters and buffers, rounded to float32. The same weights and metadata give the same bytes; the file
// appears whole or not at all. `metadata` gets format and version added. Errors: see data/safetensors.h.
void save_weights(const std::filesystem::path& path, const Module& module, const Metadata& metadata);

// The file's text metadata, of any safetensors file; it is read and checked as a whole.
Metadata read_metadata(const std::filesystem::path& path);

struct LoadOptions {
  // Of a checkpoint (PyTorch: of a file with params_ema): the averages, else the last step's weights.
  bool use_ema = true;
  std::string preset = {};       // instead of the file's own options; for files that other programs wrote
  bool dropout_at_test = false;  // GeneratorOptions::dropout_at_test
  // false: the network's output is the picture itself, whatever the file says (PyTorch's say nothing).
  bool learn_residual = true;
};

// Overwrites all parameters and buffers. Strict: throws Error, with what is missing, unexpected or of another
// shape, unless names and shapes agree; then nothing has been written. Throws Error for values that are not
// finite. A checkpoint gives its generator's weights. Metadata is not needed. A file of PyTorch may also hold
// the weights of a PatchDiscriminator, one of Keras those of a KerasDiscriminator.
void load_weights(const std::filesystem::path& path, Module& module, const LoadOptions& options = {});

struct LoadedGenerator {
  GeneratorOptions options;
  std::unique_ptr<Module> network;  // in eval mode
  Metadata metadata;                // of the file; PyTorch's and Keras' have none
  bool from_checkpoint = false;
  bool from_ema = false;
};

// The network that the metadata describes, or that a file of PyTorch or Keras fits, with its weights. Throws
// Error for a safetensors file that neither deblurgan nor PyTorch wrote, unless a preset is named; for one that
// a newer deblurgan wrote; for a file of PyTorch or Keras that fits no preset; and as load_weights.
LoadedGenerator load_generator(Context& context, const std::filesystem::path& path,
                               const LoadOptions& options = {});

}  // namespace dg
