// Layers in groups: what stands as one volume. A convolution takes along the padding before it and the normalisation,
// activation and dropout behind it, which are thin slices of its volume.
#pragma once

#include <string>
#include <vector>

#include "models/architecture/graph.h"

namespace dg::detail {

struct Stage {
  std::vector<std::size_t> nodes;   // in order, each the only reader of the one before
  std::size_t principal = 0;        // the convolution; or the first, where there is none
  std::vector<std::size_t> inputs;  // stages
  bool merge = false;               // an addition or concatenation
};

struct StageFrame {
  std::string text;  // "9 x ResidualBlock"
  std::size_t first = 0;
  std::size_t last = 0;
};

std::vector<Stage> stages_of(const ArchitectureGraph& graph);
std::vector<StageFrame> frames_of(const ArchitectureGraph& graph, const std::vector<Stage>& stages);

// Whether it changes what the volume is, rather than its values.
bool is_principal(const ArchitectureNode& node);

// ---- words ----

std::string kind_text(const ArchitectureNode& node);                         // "9 x ResidualBlock"
std::string stage_name(const ArchitectureGraph& graph, const Stage& stage);  // "down1"
std::string kernel_text(const ArchitectureNode& node);                       // "3x3, stride 2"
std::string size_text(const Shape& shape);                                   // "256 x 256 x 64"
std::string count_text(std::int64_t count);                                  // "11,378,179"

}  // namespace dg::detail
