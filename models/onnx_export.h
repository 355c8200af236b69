// Generators as ONNX models (opset 17), for onnxruntime, OpenVINO, TensorRT and the like.
//   input "image"      (batch, 3, height, width), float32, RGB in [-1, 1]; every extent but 3 is free
//   output "restored"  the same
// Height and width are multiples of the preset's size_multiple and at least its minimum_size; both are in the
// model's metadata, beside the generator's options. Pad other images by reflection, and crop the result.
// The model restores as the network does in eval mode: batch norm by its running statistics, no dropout.
#pragma once

#include <filesystem>

#include "layers/module.h"
#include "models/presets.h"

namespace dg {

// The file appears whole or not at all. `options` are those that the network was made with.
void save_onnx(const std::filesystem::path& path, Module& network, const GeneratorOptions& options);

}  // namespace dg
