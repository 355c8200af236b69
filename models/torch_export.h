// Generators for programs of PyTorch: safetensors with the names of DeblurGAN's networks (KupynOrest/DeblurGAN,
// models/networks.py; shared by junyanz/pytorch-CycleGAN-and-pix2pix) and PyTorch's layouts. They load with
//   network.load_state_dict(safetensors.torch.load_file("generator.safetensors"))
//
// DeblurGAN's instance norms track statistics that it never uses, and a strict load_state_dict asks for them: they
// are written as a new network has them, mean 0 and variance 1. So the network must stay in training mode, as it
// does in DeblurGAN; for networks that do not track them, leave out the names that end in running_mean and
// running_var.
//
// The presets `keras` and `quarter` have no counterpart there: their tensors keep our names, in PyTorch's layouts.
// The metadata is that of a weight file, with the format "pt", and load_generator reads the files back.
#pragma once

#include <filesystem>

#include "layers/module.h"
#include "models/presets.h"

namespace dg {

// The file appears whole or not at all. `options` are those that the network was made with.
void save_torch_weights(const std::filesystem::path& path, Module& network, const GeneratorOptions& options);

}  // namespace dg
