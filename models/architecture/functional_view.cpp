// Volumes from left to right, a row for each resolution, so that a U-Net looks like a U. Additions and concatenations are
// circles; skips run above their row and come down into them.
#include <algorithm>
#include <cmath>
#include <map>

#include "models/architecture/detail/figure.h"
#include "models/architecture/detail/lanes.h"

namespace dg::detail {

namespace {

constexpr double kTallest = 90.0;
constexpr double kLongest = 40.0;
constexpr double kRadius = 9.0;     // of a merge
constexpr double kLeastGap = 30.0;  // between columns: arrows and risers
constexpr double kRiser = 8.0;      // from a stage's right to where its skips leave
constexpr double kLaneHeight = 8.0;
constexpr double kRowGap = 14.0;
constexpr Color kArrow{90, 90, 90};

struct Placed {
  StageSolids solids;  // none for merges
  std::vector<std::string> lines;
  int row = 0;
  double column_left = 0.0;  // labels included
  double left = 0.0;         // of what is drawn
  double right = 0.0;
  double y = 0.0;  // middle

  double center() const { return (left + right) / 2.0; }
};

struct Skip {
  std::size_t from = 0;
  std::size_t to = 0;
  int row = 0;
  int lane = 0;
};

struct Row {
  double half_height = kRadius;  // of the highest stage
  std::size_t lines = 0;
  int lanes = 0;
  bool framed = false;
  double top = 0.0;
  double lanes_bottom = 0.0;
  double middle = 0.0;
  double bottom = 0.0;
};

std::string symbol_of(const std::string& kind) {
  if (kind == "Add") return "+";
  if (kind == "Subtract") return "-";
  if (kind == "Multiply") return "x";
  return kind.substr(0, 1);
}

class FunctionalLayout {
 public:
  FunctionalLayout(const ArchitectureGraph& graph, const ArchitectureViewOptions& options)
      : graph_(graph), options_(options), stages_(stages_of(graph)), frames_(frames_of(graph, stages_)) {
    place_columns();
    find_skips();
    place_rows();
  }

  Drawing draw() {
    for (const StageFrame& frame : frames_) draw_frame(frame);
    for (std::size_t s = 1; s < stages_.size(); ++s) draw_step(s);
    for (const Skip& skip : skips_) draw_skip(skip);
    for (std::size_t s = 0; s < stages_.size(); ++s) draw_stage(s);
    return std::move(drawing_);
  }

 private:
  void place_columns() {
    const SolidScale scale(graph_, options_, kTallest, kLongest);
    const double gap = std::max(kLeastGap, options_.spacing.value_or(kLeastGap));
    double x = 0.0;
    for (std::size_t s = 0; s < stages_.size(); ++s) {
      Placed placed;
      double footprint = 2.0 * kRadius;
      if (!stages_[s].merge) {
        placed.solids = solids_of(graph_, stages_[s], scale);
        footprint = placed.solids.footprint();
      }
      if (options_.labels) placed.lines = stage_lines(graph_, stages_[s]);
      const double column = std::max(footprint, widest(placed.lines));
      placed.column_left = x;
      placed.left = x + (column - footprint) / 2.0;
      placed.right = placed.left + footprint;
      placed.row = row_of(s);
      placed_.push_back(std::move(placed));
      x += column + gap;
    }
  }

  // How often the image has been halved; what is no image stands where its input stands.
  int row_of(std::size_t s) const {
    const Shape& shape = graph_.nodes[stages_[s].nodes.back()].output;
    if (shape.rank() != 4) return s == 0 ? 0 : placed_[s - 1].row;
    std::int64_t highest = 1;
    for (const ArchitectureNode& node : graph_.nodes) {
      if (node.output.rank() == 4) highest = std::max(highest, node.output[1]);
    }
    const double ratio =
        static_cast<double>(highest) / static_cast<double>(std::max<std::int64_t>(1, shape[1]));
    return static_cast<int>(std::lround(std::log2(ratio)));
  }

  void find_skips() {
    std::map<int, std::vector<Interval>> intervals;
    for (std::size_t to = 0; to < stages_.size(); ++to) {
      for (const std::size_t from : stages_[to].inputs) {
        if (from + 1 == to) continue;
        const int row = std::min(placed_[from].row, placed_[to].row);
        skips_.push_back({from, to, row, static_cast<int>(intervals[row].size())});
        intervals[row].push_back({placed_[from].right + kRiser, placed_[to].center()});
      }
    }
    std::map<int, std::vector<int>> lanes;
    for (const auto& [row, all] : intervals) lanes[row] = assign_lanes(all);
    for (Skip& skip : skips_) {
      skip.lane = lanes[skip.row][static_cast<std::size_t>(skip.lane)];
      rows_[skip.row].lanes = std::max(rows_[skip.row].lanes, skip.lane + 1);
    }
  }

  void place_rows() {
    for (const Placed& placed : placed_) {
      Row& row = rows_[placed.row];
      row.half_height = std::max(row.half_height, placed.solids.height / 2.0);
      row.lines = std::max(row.lines, placed.lines.size());
    }
    for (const StageFrame& frame : frames_) rows_[highest_row(frame)].framed = true;
    double y = 0.0;
    for (auto& [number, row] : rows_) {
      row.top = y;
      row.lanes_bottom = row.top + (row.framed ? kLineHeight + 6.0 : 0.0) + kLaneHeight * row.lanes;
      row.middle = row.lanes_bottom + 4.0 + row.half_height;
      row.bottom = row.middle + row.half_height + 6.0 + kLineHeight * static_cast<double>(row.lines);
      y = row.bottom + kRowGap;
    }
    for (Placed& placed : placed_) placed.y = rows_[placed.row].middle;
  }

  int highest_row(const StageFrame& frame) const {
    int row = placed_[frame.first].row;
    for (std::size_t s = frame.first; s <= frame.last; ++s) row = std::min(row, placed_[s].row);
    return row;
  }

  // ---- strokes ----

  void draw_frame(const StageFrame& frame) {
    constexpr double kMargin = 7.0;
    Box box{placed_[frame.first].left, rows_.at(highest_row(frame)).top, placed_[frame.last].right, 0.0};
    for (std::size_t s = frame.first; s <= frame.last; ++s) {
      const double half_label = widest(placed_[s].lines) / 2.0;
      box.left = std::min(box.left, placed_[s].center() - half_label);
      box.right = std::max(box.right, placed_[s].center() + half_label);
      box.bottom = std::max(box.bottom, rows_.at(placed_[s].row).bottom);
    }
    box.left -= kMargin;
    box.right = std::max(box.right + kMargin, box.left + 10.0 + text_width(frame.text, kTextSize, true));
    box.bottom += kMargin;
    drawing_.line({{box.left, box.top},
                   {box.right, box.top},
                   {box.right, box.bottom},
                   {box.left, box.bottom},
                   {box.left, box.top}},
                  {.color = kGrey, .dashed = true});
    drawing_.text({.at = {box.left + 5.0, box.top + kTextSize + 2.0},
                   .text = frame.text,
                   .size = kTextSize,
                   .bold = true});
  }

  // From one column to the next.
  void draw_step(std::size_t to) {
    const std::vector<std::size_t>& inputs = stages_[to].inputs;
    if (std::find(inputs.begin(), inputs.end(), to - 1) == inputs.end()) return;
    const Placed& a = placed_[to - 1];
    const Placed& b = placed_[to];
    std::vector<Point> points{{a.right, a.y}};
    if (a.row != b.row) {
      const double x = b.column_left - kRiser;
      points.push_back({x, a.y});
      points.push_back({x, b.y});
    }
    points.push_back({b.left, b.y});
    drawing_.arrow(std::move(points), {.color = kArrow});
  }

  void draw_skip(const Skip& skip) {
    const Placed& a = placed_[skip.from];
    const Placed& b = placed_[skip.to];
    const double y = rows_.at(skip.row).lanes_bottom - kLaneHeight * (skip.lane + 0.5);
    const double x = a.right + kRiser;
    const double top = b.y - (stages_[skip.to].merge ? kRadius : b.solids.height / 2.0);
    drawing_.arrow({{a.right, a.y}, {x, a.y}, {x, y}, {b.center(), y}, {b.center(), top}},
                   {.color = kSkipColor, .width = 1.2});
  }

  void draw_stage(std::size_t s) {
    const Placed& placed = placed_[s];
    if (stages_[s].merge) {
      const std::string& kind = graph_.nodes[stages_[s].principal].kind;
      const Color color = color_of_kind(kind);
      drawing_.circle({placed.center(), placed.y}, kRadius, lighter(color, 0.5),
                      {.color = darker(color, 0.4)});
      drawing_.text({.at = {placed.center(), placed.y + 4.5},
                     .text = symbol_of(kind),
                     .size = 12.0,
                     .anchor = TextAnchor::middle,
                     .bold = true});
    } else {
      draw_solids(drawing_, graph_, stages_[s], placed.solids,
                  {placed.left + placed.solids.oblique / 2.0, placed.y});
    }
    const Row& row = rows_.at(placed.row);
    draw_lines(drawing_, placed.lines, placed.center(), row.middle + row.half_height + 4.0);
  }

  const ArchitectureGraph& graph_;
  const ArchitectureViewOptions& options_;
  std::vector<Stage> stages_;
  std::vector<StageFrame> frames_;
  std::vector<Placed> placed_;  // of the stages
  std::vector<Skip> skips_;
  std::map<int, Row> rows_;
  Drawing drawing_;
};

}  // namespace

Drawing functional_view(const ArchitectureGraph& graph, const ArchitectureViewOptions& options) {
  return FunctionalLayout(graph, options).draw();
}

}  // namespace dg::detail
