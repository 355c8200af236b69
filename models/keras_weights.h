// Weights of Keras programs for our networks, and back: the preset `keras` and its discriminator (Li 2024;
// RaphaelMeudec/deblur-gan).
//
// Keras numbers its layers or names them as the program likes, so there is no table of names. The k-th
// convolution belongs to the k-th of ours, the k-th batch normalisation to the k-th and the k-th dense layer to
// the k-th; everything is compared: which tensors there are, and every shape.
//
// Layouts: Conv2D (H, W, in, out) -> (out, H, W, in); Dense (in, out) -> (out, in). A file of the backend Theano
// has its kernels turned by 180 degrees, and Keras 1 kept them as (out, in, H, W) there.
//
// What the tensors cannot tell: the epsilon of the normalisations (ours is Keras' own, 1e-3), and the paddings.
#pragma once

#include <string>
#include <vector>

#include "data/keras_file.h"
#include "layers/module.h"
#include "models/presets.h"

namespace dg {

// The preset `keras` with the ngf and the blocks that the layers need. Throws Error, beginning with `file`, with
// what is missing, unexpected or of another shape.
GeneratorOptions recognise_keras_generator(const KerasFile& weights, const std::string& file);

// The state of `network` out of the layers, under its names and in its layouts. Strict: throws Error, beginning
// with `file`, with what is missing, unexpected or of another shape.
std::vector<NamedTensor> state_from_keras(Module& network, const KerasFile& weights, const std::string& file);

// The other direction: the layers of `network` as Keras names them ("conv2d", "conv2d_1", "dense", ...), for
// Model.load_weights of the same network built with Keras. Throws Error for a network that has layers without
// counterpart there, such as transposed convolutions.
KerasFile keras_from_state(Module& network, KerasFormat format);

}  // namespace dg
