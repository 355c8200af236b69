// Weights of PyTorch programs for our networks: the generators and the discriminator of DeblurGAN
// (KupynOrest/DeblurGAN, models/networks.py) and of the programs that share them
// (junyanz/pytorch-CycleGAN-and-pix2pix and its descendants).
//
// There is no table of names. The tensors are grouped into layers by what stands before their name's last
// dot, and the layers are put into forward order: numbers by their value ("model.2" before "model.10", at
// every level), words by their first appearance. A 4-dimensional weight makes a layer a convolution; other
// layers belong to the convolution in front of them, as its normalisation. Our network registers its layers
// in forward order, too, so the k-th convolution belongs to the k-th, and everything is compared: which
// tensors there are, every shape, and which convolutions share a residual block. So the same code reads
// "model.10.conv_block.1.weight", a U-Net's "model.model.1.model.3..." and whatever a descendant has renamed
// them to.
//
// Layouts: Conv2d (out, in, H, W) -> (out, H, W, in); ConvTranspose2d (in, out, H, W) -> (in, H, W, out): one
// permutation for both. Neither is flipped.
//
// Not looked at: num_batches_tracked, and the running statistics of an instance norm. DeblurGAN never calls
// eval(), so that it restores each picture with the picture's own statistics, as our instance norm does.
//
// What the tensors cannot tell:
// - whether the picture is added to the output (--learn_residual of DeblurGAN); the presets do;
// - whether blocks of one convolution have their ReLU, which DeblurGAN loses with --no_dropout; ours have it;
// - the order of a U-Net's concatenation: the skip comes last, as in DeblurGAN, while pix2pix has it first.
#pragma once

#include <string>
#include <vector>

#include "data/torch_file.h"
#include "layers/module.h"
#include "models/presets.h"

namespace dg {

// Preset, ngf, blocks, convs_per_block and norm of the generator that the tensors belong to; and no dropout,
// where the numbers inside of a block show that there is none. Throws Error, beginning with `file`, if there
// is no such preset: it names the nearest one, and what is missing, unexpected or of another shape.
GeneratorOptions recognise_generator(const std::vector<TorchTensor>& tensors, const std::string& file);

// The state of `network` out of the tensors, under its names and in its layouts. Strict: throws Error,
// beginning with `file`, with what is missing, unexpected or of another shape.
std::vector<NamedTensor> state_from_torch(Module& network, const std::vector<TorchTensor>& tensors,
                                          const std::string& file);

}  // namespace dg
