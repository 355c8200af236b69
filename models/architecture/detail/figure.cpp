#include "models/architecture/detail/figure.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

namespace dg::detail {

namespace {

constexpr double kObliqueShare = 0.25;  // of an image's width, to the right and up
constexpr double kSide = 9.0;           // of a legend's swatch

void draw_solid(Drawing& drawing, const Solid& solid, Point left_middle, const Color& color) {
  const double o = solid.oblique;
  const double left = left_middle.x - o / 2.0;
  const double right = left + solid.length;
  const double top = left_middle.y - solid.height / 2.0 + o / 2.0;
  const double bottom = left_middle.y + solid.height / 2.0 + o / 2.0;
  const Stroke edge{.color = darker(color, 0.45), .width = 0.6};
  if (o > 0.0) {
    drawing.polygon({{left, top}, {left + o, top - o}, {right + o, top - o}, {right, top}},
                    lighter(color, 0.3), edge);
    drawing.polygon({{right, top}, {right + o, top - o}, {right + o, bottom - o}, {right, bottom}},
                    darker(color, 0.2), edge);
  }
  drawing.rectangle({left, top, right, bottom}, color, edge);
}

}  // namespace

// ---- volumes ----

SolidScale::SolidScale(const ArchitectureGraph& graph, const ArchitectureViewOptions& options, double tallest,
                       double longest)
    : least_(4.0 * options.scale), slice_(3.0 * options.scale), flat_(options.flat) {
  std::int64_t pixels = 1;
  std::int64_t channels = 1;
  std::int64_t features = 1;
  for (const ArchitectureNode& node : graph.nodes) {
    const Shape& shape = node.output;
    if (shape.rank() == 4) {
      pixels = std::max({pixels, shape[1], shape[2]});
      channels = std::max(channels, shape[3]);
    } else {
      features = std::max(features, shape[shape.rank() - 1]);
    }
  }
  per_pixel_ = options.scale * tallest / static_cast<double>(pixels);
  per_channel_ = options.scale * longest / static_cast<double>(channels);
  per_feature_ = options.scale * tallest / static_cast<double>(features);
}

Solid SolidScale::of(const ArchitectureNode& node) const {
  const Shape& shape = node.output;
  if (shape.rank() != 4) {
    const double features = static_cast<double>(shape[shape.rank() - 1]);
    return {2.0 * least_, std::max(least_, per_feature_ * features), flat_ ? 0.0 : least_};
  }
  return {std::max(least_, per_channel_ * static_cast<double>(shape[3])),
          std::max(least_, per_pixel_ * static_cast<double>(shape[1])),
          flat_ ? 0.0 : std::max(least_ / 2.0, kObliqueShare * per_pixel_ * static_cast<double>(shape[2]))};
}

Solid SolidScale::slice_of(const ArchitectureNode& node) const {
  Solid solid = of(node);
  solid.length = slice_;
  return solid;
}

StageSolids solids_of(const ArchitectureGraph& graph, const Stage& stage, const SolidScale& scale) {
  StageSolids result;
  for (const std::size_t index : stage.nodes) {
    const ArchitectureNode& node = graph.nodes[index];
    const Solid solid = is_principal(node) ? scale.of(node) : scale.slice_of(node);
    result.length += solid.length;
    result.height = std::max(result.height, solid.height + solid.oblique);
    result.oblique = std::max(result.oblique, solid.oblique);
    result.solids.push_back(solid);
  }
  return result;
}

void draw_solids(Drawing& drawing, const ArchitectureGraph& graph, const Stage& stage,
                 const StageSolids& solids, Point at) {
  for (std::size_t i = 0; i < stage.nodes.size(); ++i) {
    draw_solid(drawing, solids.solids[i], at, color_of_kind(graph.nodes[stage.nodes[i]].kind));
    at.x += solids.solids[i].length;
  }
}

// ---- text ----

std::vector<std::string> stage_lines(const ArchitectureGraph& graph, const Stage& stage) {
  const ArchitectureNode& node = graph.nodes[stage.principal];
  std::vector<std::string> lines{stage_name(graph, stage)};
  if (const std::string kernel = kernel_text(node); !kernel.empty()) lines.push_back(kernel);
  lines.push_back(size_text(node.output));
  return lines;
}

double widest(const std::vector<std::string>& lines) {
  double width = 0.0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    width = std::max(width, text_width(lines[i], kTextSize, i == 0));
  }
  return width;
}

void draw_lines(Drawing& drawing, const std::vector<std::string>& lines, double x, double y) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    drawing.text({.at = {x, y + kLineHeight * static_cast<double>(i) + kTextSize},
                  .text = lines[i],
                  .size = kTextSize,
                  .anchor = TextAnchor::middle,
                  .bold = i == 0});
  }
}

void add_title(Drawing& drawing, const ArchitectureGraph& graph) {
  const Box box = bounds(drawing);
  std::ostringstream numbers;
  numbers << count_text(graph.parameters) << " parameters, " << std::fixed << std::setprecision(2)
          << static_cast<double>(graph.multiply_adds) * 1e-9 << " GMAC at " << graph.input[1] << " x "
          << graph.input[2];
  drawing.title = graph.kind + ": " + numbers.str();
  drawing.text({.at = {box.left, box.top - 30.0}, .text = graph.kind, .size = 14.0, .bold = true});
  drawing.text({.at = {box.left, box.top - 14.0}, .text = numbers.str(), .size = kTextSize, .color = kGrey});
}

// A stack of maps has the colour of its convolution alone; the other views draw every layer.
std::vector<std::string> legend_kinds(const ArchitectureGraph& graph, ArchitectureView view) {
  std::vector<std::string> kinds;
  const auto add = [&](const ArchitectureNode& node) {
    if (std::find(kinds.begin(), kinds.end(), node.kind) == kinds.end()) kinds.push_back(node.kind);
  };
  if (view == ArchitectureView::lenet) {
    for (const Stage& stage : stages_of(graph)) add(graph.nodes[stage.principal]);
  } else {
    for (const ArchitectureNode& node : graph.nodes) add(node);
  }
  return kinds;
}

void add_legend(Drawing& drawing, const std::vector<std::string>& kinds) {
  constexpr double kGap = 16.0;
  const Box box = bounds(drawing);
  double x = box.left;
  double y = box.bottom + 18.0;
  for (const std::string& kind : kinds) {
    const double width = kSide + 5.0 + text_width(kind, kTextSize);
    if (x > box.left && x + width > box.right) {
      x = box.left;
      y += kLineHeight + 4.0;
    }
    const Color color = color_of_kind(kind);
    drawing.rectangle({x, y, x + kSide, y + kSide}, color, {.color = darker(color, 0.45), .width = 0.6});
    drawing.text({.at = {x + kSide + 5.0, y + kSide}, .text = kind, .size = kTextSize});
    x += width + kGap;
  }
}

}  // namespace dg::detail
