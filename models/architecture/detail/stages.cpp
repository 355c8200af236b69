#include "models/architecture/detail/stages.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace dg::detail {

namespace {

bool begins_or_ends_frame(const ArchitectureGraph& graph, std::size_t before, std::size_t node) {
  return std::any_of(graph.frames.begin(), graph.frames.end(), [&](const ArchitectureFrame& frame) {
    return frame.first == node || frame.last == before;
  });
}

bool has_principal(const ArchitectureGraph& graph, const Stage& stage) {
  return std::any_of(stage.nodes.begin(), stage.nodes.end(),
                     [&](std::size_t node) { return is_principal(graph.nodes[node]); });
}

// Whether a node continues the stage.
bool joins(const ArchitectureGraph& graph, const std::vector<std::size_t>& readers, const Stage& stage,
           std::size_t index) {
  const ArchitectureNode& node = graph.nodes[index];
  const std::size_t before = stage.nodes.back();
  if (stage.merge || node.inputs.size() != 1 || node.inputs.front() != before || readers[before] != 1)
    return false;
  if (graph.nodes[before].kind == "Input" || begins_or_ends_frame(graph, before, index)) return false;
  return !has_principal(graph, stage) || (!is_principal(node) && node.kind != "Pad");
}

}  // namespace

bool is_principal(const ArchitectureNode& node) {
  constexpr std::array<std::string_view, 8> kKinds{
      "Input", "Conv2d", "ConvTranspose2d", "Dense", "UpsampleNearest2d", "MaxPool2d", "Flatten", "Concat"};
  return node.repeats > 1 || std::find(kKinds.begin(), kKinds.end(), node.kind) != kKinds.end();
}

std::vector<Stage> stages_of(const ArchitectureGraph& graph) {
  const std::vector<std::size_t> readers = graph.readers();
  std::vector<Stage> stages;
  std::vector<std::size_t> stage_with(graph.nodes.size(), 0);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (stages.empty() || !joins(graph, readers, stages.back(), i)) {
      Stage stage;
      for (const std::size_t input : graph.nodes[i].inputs) stage.inputs.push_back(stage_with[input]);
      stage.merge = graph.nodes[i].inputs.size() > 1;
      stage.principal = i;
      stages.push_back(std::move(stage));
    }
    Stage& stage = stages.back();
    if (is_principal(graph.nodes[i])) stage.principal = i;
    stage.nodes.push_back(i);
    stage_with[i] = stages.size() - 1;
  }
  return stages;
}

std::vector<StageFrame> frames_of(const ArchitectureGraph& graph, const std::vector<Stage>& stages) {
  std::vector<StageFrame> result;
  for (const ArchitectureFrame& frame : graph.frames) {
    StageFrame found{std::to_string(frame.repeats) + " x " + frame.kind, 0, 0};
    for (std::size_t s = 0; s < stages.size(); ++s) {
      if (stages[s].nodes.front() == frame.first) found.first = s;
      if (stages[s].nodes.back() == frame.last) found.last = s;
    }
    result.push_back(std::move(found));
  }
  return result;
}

std::string kind_text(const ArchitectureNode& node) {
  return node.repeats > 1 ? std::to_string(node.repeats) + " x " + node.kind : node.kind;
}

std::string stage_name(const ArchitectureGraph& graph, const Stage& stage) {
  const ArchitectureNode& node = graph.nodes[stage.principal];
  if (node.repeats > 1 || node.operation || node.kind == "Input") return kind_text(node);
  std::string name = node.name;
  for (const ArchitectureFrame& frame : graph.frames) {
    if (name.starts_with(frame.name + ".")) name = name.substr(frame.name.size() + 1);
  }
  constexpr std::string_view kConv = ".conv";  // of a ConvNorm: its own name says more
  if (name.ends_with(kConv)) name.resize(name.size() - kConv.size());
  return name;
}

// Of "64->128, 3x3, stride 2, pad 1, no bias" what a picture has room for.
std::string kernel_text(const ArchitectureNode& node) {
  std::string kernel;
  std::size_t begin = 0;
  while (begin < node.details.size()) {
    const std::size_t comma = std::min(node.details.find(", ", begin), node.details.size());
    const std::string word = node.details.substr(begin, comma - begin);
    begin = comma + 2;
    const bool is_size =
        word.find('x') != std::string::npos && word.find_first_not_of("0123456789x") == std::string::npos;
    if (is_size || word.starts_with("stride")) kernel += (kernel.empty() ? "" : ", ") + word;
  }
  return kernel;
}

std::string size_text(const Shape& shape) {
  std::string text;
  for (int d = 1; d < shape.rank(); ++d) text += (d > 1 ? " x " : "") + std::to_string(shape[d]);
  return text;
}

std::string count_text(std::int64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

}  // namespace dg::detail
