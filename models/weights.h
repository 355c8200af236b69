// Weight files: safetensors with the module's own names, float32, and text metadata that rebuilds the network.
//   metadata   format "deblurgan", version "1", the generator's options (to_metadata in models/presets.h), and
//              whatever the writer adds: step, ...
//   tensors    the names of Module::state(), parameters before buffers: "head.conv.weight", ...
// Checkpoints of a training have the same metadata; their generator's tensors are called "generator.<name>",
// and its averages, where there are any, "ema.<name>".
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
  bool use_ema = true;      // of a checkpoint: the averages where there are any, else the last step's weights
  std::string preset = {};  // instead of the file's own options; for files that other programs wrote
  bool dropout_at_test = false;  // GeneratorOptions::dropout_at_test
};

// Overwrites all parameters and buffers. Strict: throws Error, with what is missing, unexpected or of another
// shape, unless names and shapes agree; then nothing has been written. Throws Error for values that are not
// finite. A checkpoint gives its generator's weights. Metadata is not needed.
void load_weights(const std::filesystem::path& path, Module& module, const LoadOptions& options = {});

struct LoadedGenerator {
  GeneratorOptions options;
  std::unique_ptr<Module> network;  // in eval mode
  Metadata metadata;                // of the file
  bool from_checkpoint = false;
  bool from_ema = false;
};

// The network that the metadata describes, with its weights. Throws Error for a file that deblurgan did not
// write, unless a preset is named; for one that a newer deblurgan wrote; and as load_weights.
LoadedGenerator load_generator(Context& context, const std::filesystem::path& path,
                               const LoadOptions& options = {});

}  // namespace dg
