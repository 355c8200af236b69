// Initial values. Numbers are drawn in float32 from the generator in order of registration
// and then converted, so that they depend on the generator's state alone: not on the element type,
// the backend or the number of threads.
#pragma once

#include "core/random.h"
#include "layers/module.h"

namespace dg {

// Overwrite one tensor.
void fill_uniform(Tensor tensor, Generator& generator, double low, double high);
void fill_normal(Tensor tensor, Generator& generator, double mean, double std);

// sqrt(6 / (fan_in + fan_out)), Glorot and Bengio 2010, equation 16. Throws Error if info has no fans.
double glorot_limit(const ParameterInfo& info);

// All of the following reach every module below; biases and beta become 0, buffers keep their values.

// weights N(mean, std), scales N(1, std): DeblurGAN's weights_init.
void init_normal(Module& module, Generator& generator, double mean = 0.0, double std = 0.02);
// weights U(-l, l) with l = glorot_limit, scales 1: Keras' default, and what layers are constructed with.
void init_glorot_uniform(Module& module, Generator& generator);
// weights N(0, gain / sqrt(fan_in)), scales 1: He et al. 2015, equation 10; gain sqrt(2) is the one for ReLU.
void init_he_normal(Module& module, Generator& generator, double gain = 1.4142135623730951);

}  // namespace dg
