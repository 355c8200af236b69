// A network on whole maps for inference, with fewer passes over memory: a norm's statistics are taken while the convolution
// before it writes, and the norm itself happens while the next convolution reads (core/ops/conv2d_fused.cpp). Only where a
// residual is added, or a layer cannot read so, is the normalised map written.
#pragma once

#include "models/bands/network.h"

namespace dg {

// Whether forward_fused may stand in for the network's own forward: nothing is recorded, nobody observes the layers, they
// are in eval mode, and the device has the ops.
bool may_fuse(const Module& network, const Tensor& image);

// image (N,H,W,3) in [-1, 1] -> the network's result, equal to its forward but for rounding.
Tensor forward_fused(const BandNetwork& network, const Tensor& image);

}  // namespace dg
