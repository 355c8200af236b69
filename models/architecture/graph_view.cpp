// One box per layer, from top to bottom in the order of computation; an edge that passes boxes runs on the right in a lane
// of its own.
#include <algorithm>

#include "models/architecture/detail/figure.h"
#include "models/architecture/detail/lanes.h"

namespace dg::detail {

namespace {

constexpr double kBoxHeight = 34.0;
constexpr double kStrip = 6.0;  // the kind's colour at a box's left
constexpr double kIndent = 10.0;
constexpr double kLaneWidth = 12.0;
constexpr double kSpacing = 16.0;
constexpr double kLeastSpacing = 10.0;  // an arrow's head

struct Words {
  std::string kind;
  std::string name;
  std::string numbers;
};

Words words_of(const ArchitectureNode& node) {
  Words words{kind_text(node), node.name, node.details};
  if (node.kind == "Input") words.name.clear();
  words.numbers += (words.numbers.empty() ? "" : "; ") + size_text(node.output);
  if (node.parameters > 0) words.numbers += "; " + count_text(node.parameters) + " parameters";
  return words;
}

double width_of(const Words& words, bool labels) {
  constexpr double kBetween = 8.0;
  const double first = text_width(words.kind, kTextSize, true) + kBetween + text_width(words.name, kTextSize);
  return labels ? std::max(first, text_width(words.numbers, kTextSize - 1.0))
                : text_width(words.kind, kTextSize, true);
}

void draw_box(Drawing& drawing, const Words& words, const Box& box, const Color& color, bool labels) {
  drawing.rectangle(box, lighter(color, 0.8), {.color = darker(color, 0.3), .width = 0.8});
  drawing.rectangle({box.left, box.top, box.left + kStrip, box.bottom}, color, {.width = 0.0});
  const double x = box.left + kStrip + 5.0;
  const double middle = (box.top + box.bottom) / 2.0;
  drawing.text(
      {.at = {x, labels ? middle - 4.0 : middle + 3.5}, .text = words.kind, .size = kTextSize, .bold = true});
  if (!labels) return;
  drawing.text({.at = {x + text_width(words.kind, kTextSize, true) + 8.0, middle - 4.0},
                .text = words.name,
                .size = kTextSize,
                .color = kGrey});
  drawing.text({.at = {x, middle + 10.0}, .text = words.numbers, .size = kTextSize - 1.0});
}

}  // namespace

Drawing graph_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options) {
  const double scale = std::max(1.0, options.scale);  // boxes hold text, which does not shrink
  const double box_height = kBoxHeight * scale;
  const double pitch = box_height + std::max(kLeastSpacing, options.spacing.value_or(kSpacing));
  double width = 0.0;
  for (const ArchitectureNode& node : graph.nodes)
    width = std::max(width, width_of(words_of(node), options.labels));
  width = (width + kStrip + 14.0) * scale;

  std::vector<Box> boxes;
  double y = 0.0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const ArchitectureFrame& frame : graph.frames) {
      if (frame.first == i) y += kLineHeight + 8.0;  // the frame's text
      if (frame.last + 1 == i) y += 10.0;
    }
    boxes.push_back({0.0, y, width, y + box_height});
    y += pitch;
  }

  Drawing drawing;
  std::vector<Interval> intervals;
  std::vector<ArchitectureEdge> detours;
  for (const ArchitectureEdge& edge : graph.edges()) {
    if (edge.from + 1 == edge.to) {
      drawing.arrow({{width / 2.0, boxes[edge.from].bottom}, {width / 2.0, boxes[edge.to].top}},
                    {.color = {90, 90, 90}});
    } else {
      detours.push_back(edge);
      intervals.push_back({static_cast<double>(edge.from) + 0.75, static_cast<double>(edge.to) + 0.25});
    }
  }
  // Frames lie under the detours, and left of those that only pass.
  for (const ArchitectureFrame& frame : graph.frames) {
    const Box box{-kIndent, boxes[frame.first].top - kLineHeight - 6.0, width + kIndent,
                  boxes[frame.last].bottom + 8.0};
    drawing.line({{box.left, box.top},
                  {box.right, box.top},
                  {box.right, box.bottom},
                  {box.left, box.bottom},
                  {box.left, box.top}},
                 {.color = kGrey, .dashed = true});
    drawing.text({.at = {box.left + 5.0, box.top + kTextSize + 2.0},
                  .text = std::to_string(frame.repeats) + " x " + frame.kind,
                  .size = kTextSize,
                  .bold = true});
  }
  const std::vector<int> lanes = assign_lanes(intervals);
  for (std::size_t i = 0; i < detours.size(); ++i) {
    const Box& from = boxes[detours[i].from];
    const Box& to = boxes[detours[i].to];
    const double x = width + 2.0 * kIndent + kLaneWidth * lanes[i];
    const double leave = from.top + 0.75 * from.height();
    const double enter = to.top + 0.25 * to.height();
    drawing.arrow({{width, leave}, {x, leave}, {x, enter}, {width, enter}},
                  {.color = kSkipColor, .width = 1.2});
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    draw_box(drawing, words_of(graph.nodes[i]), boxes[i], color_of_kind(graph.nodes[i].kind), options.labels);
  }
  return drawing;
}

}  // namespace dg::detail
