// Which algorithm each convolution of a preset takes on a device.
#pragma once

#include <string>
#include <vector>

#include "core/context.h"

namespace dg::apps {

struct PlanOptions {
  std::string preset;
  std::int64_t height = 256, width = 256;
  std::int64_t batch = 1;
  std::string device = "cpu";
  Precision precision = Precision::float32;
  bool exact = false;
};

struct PlannedConv {
  std::string network;                  // "generator", "discriminator", "vgg19"
  std::string layer;                    // "blocks.0.conv1"
  std::string shape;                    // "1x66x66x256 -> 256, 3x3"
  double gflop = 0.0;                   // of the forward
  std::string forward;                  // at inference
  std::string grad_input, grad_weight;  // as the layer sees them
};

// Runs each network once, to see the sizes. Throws Error for sizes that the networks do not take, and for devices that
// are not there.
std::vector<PlannedConv> plan_convolutions(const PlanOptions& options);

}  // namespace dg::apps
