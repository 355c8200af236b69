// Stacks of feature maps. A stack has between 1 and kMostMaps maps, by its share of the most channels; a window on the
// front map and the point that it becomes on the next one show what a convolution reads.
#include <algorithm>
#include <cmath>

#include "models/architecture/detail/figure.h"

namespace dg::detail {

namespace {

constexpr double kSpacing = 24.0;
constexpr double kLargest = 100.0;
constexpr double kLeast = 5.0;
constexpr double kShift = 4.0;  // from map to map
constexpr double kMostMaps = 10.0;

struct Stack {
  double width = 0.0;  // of a map
  double height = 0.0;
  int maps = 1;
  double shift = 0.0;

  double reach() const { return shift * (maps - 1); }
};

struct Largest {
  std::int64_t pixels = 1;
  std::int64_t channels = 1;
  std::int64_t features = 1;
};

Largest largest_of(const ArchitectureGraph& graph) {
  Largest result;
  for (const ArchitectureNode& node : graph.nodes) {
    const Shape& shape = node.output;
    if (shape.rank() != 4) {
      result.features = std::max(result.features, shape[shape.rank() - 1]);
      continue;
    }
    result.pixels = std::max({result.pixels, shape[1], shape[2]});
    result.channels = std::max(result.channels, shape[3]);
  }
  return result;
}

Stack stack_of(const Shape& shape, const Largest& largest, double scale) {
  const auto sized = [&](std::int64_t extent, std::int64_t most) {
    return scale * std::max(kLeast, kLargest * static_cast<double>(extent) / static_cast<double>(most));
  };
  if (shape.rank() != 4) return {scale * kLeast, sized(shape[shape.rank() - 1], largest.features), 1, 0.0};
  const double share = static_cast<double>(shape[3]) / static_cast<double>(largest.channels);
  const int fewest = static_cast<int>(std::min<std::int64_t>(shape[3], 3));
  return {sized(shape[2], largest.pixels), sized(shape[1], largest.pixels),
          std::max(fewest, static_cast<int>(std::lround(kMostMaps * share))), scale * kShift};
}

// "64 @ 256 x 256"
std::string maps_text(const Shape& shape) {
  if (shape.rank() != 4) return size_text(shape);
  return std::to_string(shape[3]) + " @ " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]);
}

void draw_stack(Drawing& drawing, const Stack& stack, Point left_top, const Color& color) {
  for (int i = 0; i < stack.maps; ++i) {
    const double shift = stack.shift * i;
    drawing.rectangle({left_top.x + shift, left_top.y + shift, left_top.x + shift + stack.width,
                       left_top.y + shift + stack.height},
                      lighter(color, 0.45), {.color = darker(color, 0.35), .width = 0.7});
  }
}

// From a window on the front map at `from` to a point on that of `to`.
void draw_window(Drawing& drawing, const Stack& from, Point from_front, const Stack& to, Point to_front) {
  const double side = std::min({from.width, from.height, std::max(4.0, 0.2 * from.width)});
  const Point corner{from_front.x + 0.6 * (from.width - side), from_front.y + 0.35 * (from.height - side)};
  const Point target{to_front.x + 0.4 * to.width, to_front.y + 0.55 * to.height};
  const Stroke stroke{.color = {90, 90, 90}, .width = 0.6};
  drawing.line({{corner.x + side, corner.y}, target}, stroke);
  drawing.line({{corner.x + side, corner.y + side}, target}, stroke);
  drawing.rectangle({corner.x, corner.y, corner.x + side, corner.y + side}, kWhite, stroke);
}

// A vector reads everything.
void draw_full_connection(Drawing& drawing, const Stack& from, Point from_front, const Stack& to,
                          Point to_front) {
  const Stroke stroke{.color = {90, 90, 90}, .width = 0.6};
  const double right = from_front.x + from.width;
  drawing.line({{right, from_front.y}, to_front}, stroke);
  drawing.line({{right, from_front.y + from.height}, {to_front.x, to_front.y + to.height}}, stroke);
}

}  // namespace

Drawing lenet_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options) {
  const std::vector<Stage> stages = stages_of(graph);
  const Largest largest = largest_of(graph);
  std::vector<Stack> stacks;
  double half_height = 0.0;
  for (const Stage& stage : stages) {
    stacks.push_back(stack_of(graph.nodes[stage.principal].output, largest, options.scale));
    half_height = std::max(half_height, (stacks.back().height + stacks.back().reach()) / 2.0);
  }
  Drawing drawing;
  std::vector<Point> fronts;  // left top corner of the front map
  double x = 0.0;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const Stack& stack = stacks[s];
    const Shape& shape = graph.nodes[stages[s].principal].output;
    std::vector<std::string> below = stage_lines(graph, stages[s]);
    below.pop_back();  // the size stands above
    const std::string above = maps_text(shape);
    const double footprint = stack.width + stack.reach();
    const double label = options.labels ? std::max(widest(below), text_width(above, kTextSize)) : 0.0;
    const double column = std::max(footprint, label);
    const double center = x + column / 2.0;
    const Point back{center - footprint / 2.0, -(stack.height + stack.reach()) / 2.0};
    draw_stack(drawing, stack, back, color_of_kind(graph.nodes[stages[s].principal].kind));
    fronts.push_back({back.x + stack.reach(), back.y + stack.reach()});
    if (options.labels) {
      drawing.text({.at = {center, -half_height - 8.0},
                    .text = above,
                    .size = kTextSize,
                    .anchor = TextAnchor::middle});
      draw_lines(drawing, below, center, half_height + 6.0);
    }
    x += column + options.spacing.value_or(kSpacing);
  }
  for (std::size_t s = 1; s < stages.size(); ++s) {
    const bool is_image = graph.nodes[stages[s].principal].output.rank() == 4;
    (is_image ? draw_window : draw_full_connection)(drawing, stacks[s - 1], fronts[s - 1], stacks[s],
                                                    fronts[s]);
  }
  return drawing;
}

}  // namespace dg::detail
