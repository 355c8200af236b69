// Volumes in a row, linked by the lines of a funnel: where an image shrinks, the lines close.
#include <algorithm>

#include "models/architecture/detail/figure.h"

namespace dg::detail {

namespace {

constexpr double kSpacing = 24.0;
constexpr double kTallest = 150.0;
constexpr double kLongest = 60.0;

struct Plane {  // a side of a solid
  Point front_top, front_bottom, back_top, back_bottom;
};

Plane plane_at(const Solid& solid, Point middle) {
  const double o = solid.oblique / 2.0;
  const double h = solid.height / 2.0;
  return {{middle.x - o, middle.y - h + o},
          {middle.x - o, middle.y + h + o},
          {middle.x + o, middle.y - h - o},
          {middle.x + o, middle.y + h - o}};
}

void draw_funnel(Drawing& drawing, const Plane& from, const Plane& to) {
  const Stroke stroke{.color = {170, 170, 170}, .width = 0.7};
  drawing.line({from.front_top, to.front_top}, stroke);
  drawing.line({from.front_bottom, to.front_bottom}, stroke);
  drawing.line({from.back_top, to.back_top}, stroke);
  drawing.line({from.back_bottom, to.back_bottom}, stroke);
}

}  // namespace

Drawing layered_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options) {
  const std::vector<Stage> stages = stages_of(graph);
  const SolidScale scale(graph, options, kTallest, kLongest);
  Drawing drawing;
  double x = 0.0;
  double bottom = 0.0;
  std::vector<double> centers;
  Point right_middle;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const StageSolids solids = solids_of(graph, stages[s], scale);
    const double label = options.labels ? widest(stage_lines(graph, stages[s])) : 0.0;
    const double column = std::max(solids.footprint(), label);
    const double left = x + (column - solids.footprint()) / 2.0 + solids.oblique / 2.0;
    if (s > 0) {
      draw_funnel(drawing, plane_at(solids_of(graph, stages[s - 1], scale).solids.back(), right_middle),
                  plane_at(solids.solids.front(), {left, 0.0}));
    }
    draw_solids(drawing, graph, stages[s], solids, {left, 0.0});
    right_middle = {left + solids.length, 0.0};
    centers.push_back(x + column / 2.0);
    bottom = std::max(bottom, solids.height / 2.0);
    x += column + options.spacing.value_or(kSpacing);
  }
  for (std::size_t s = 0; options.labels && s < stages.size(); ++s) {
    draw_lines(drawing, stage_lines(graph, stages[s]), centers[s], bottom + 8.0);
  }
  const Box box = bounds(drawing);
  for (const StageFrame& frame : frames_of(graph, stages)) {
    const double middle = (centers[frame.first] + centers[frame.last]) / 2.0;
    const double y = box.top - 8.0;
    drawing.line({{centers[frame.first], y + 4.0},
                  {centers[frame.first], y},
                  {centers[frame.last], y},
                  {centers[frame.last], y + 4.0}},
                 {.color = kGrey});
    drawing.text({.at = {middle, y - 4.0},
                  .text = frame.text,
                  .size = kTextSize,
                  .anchor = TextAnchor::middle,
                  .bold = true});
  }
  return drawing;
}

}  // namespace dg::detail
