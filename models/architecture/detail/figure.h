// What the views have in common: sizes of volumes, boxes in perspective, labels, title and legend.
#pragma once

#include <string>
#include <vector>

#include "data/drawing.h"
#include "models/architecture/detail/stages.h"
#include "models/architecture/views.h"

namespace dg::detail {

inline constexpr double kTextSize = 10.0;
inline constexpr double kLineHeight = 13.0;
inline constexpr Color kGrey{120, 120, 120};
inline constexpr Color kSkipColor{178, 34, 34};

// A box as drawn: seen from the right and from above, its right plane faces the reader's right.
struct Solid {
  double length = 0.0;   // to the right: channels
  double height = 0.0;   // image height
  double oblique = 0.0;  // to the right and up, each: image width; 0 in flat pictures
};

// How large a network's tensors are drawn: the largest image side and the most channels fill `largest` units.
class SolidScale {
 public:
  SolidScale(const ArchitectureGraph& graph, const ArchitectureViewOptions& options, double tallest,
             double longest);
  Solid of(const ArchitectureNode& node) const;
  Solid slice_of(const ArchitectureNode& node) const;  // of a layer that keeps the shape

 private:
  double per_pixel_ = 1.0;
  double per_channel_ = 1.0;
  double per_feature_ = 1.0;
  double least_ = 4.0;
  double slice_ = 3.0;
  bool flat_ = false;
};

// The boxes of a stage, side by side.
struct StageSolids {
  std::vector<Solid> solids;
  double length = 0.0;   // of all
  double height = 0.0;   // of the highest
  double oblique = 0.0;  // of the widest

  double footprint() const { return length + oblique; }
};

StageSolids solids_of(const ArchitectureGraph& graph, const Stage& stage, const SolidScale& scale);

// Draws them with the middle of the left plane at `at`.
void draw_solids(Drawing& drawing, const ArchitectureGraph& graph, const Stage& stage,
                 const StageSolids& solids, Point at);

// Name, kernel and size: up to three lines.
std::vector<std::string> stage_lines(const ArchitectureGraph& graph, const Stage& stage);
double widest(const std::vector<std::string>& lines);
// Centred at x, the first line's top at y.
void draw_lines(Drawing& drawing, const std::vector<std::string>& lines, double x, double y);

void add_title(Drawing& drawing, const ArchitectureGraph& graph);
// Below everything, in rows as wide as the drawing.
void add_legend(Drawing& drawing, const std::vector<std::string>& kinds);
// The kinds that the view shows by a colour, each once.
std::vector<std::string> legend_kinds(const ArchitectureGraph& graph, ArchitectureView view);

// ---- the views; without title and legend ----

Drawing layered_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options);
Drawing graph_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options);
Drawing lenet_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options);
Drawing functional_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options);

}  // namespace dg::detail
