// What is drawn, and in which colours; how, the views know.
#include "models/architecture/views.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <utility>

#include "kernels/check.h"
#include "models/architecture/detail/figure.h"

namespace dg {

namespace {

constexpr std::array kViews{ArchitectureView::layered, ArchitectureView::graph, ArchitectureView::lenet,
                            ArchitectureView::functional};
constexpr std::array kStyles{RepeatStyle::automatic, RepeatStyle::fold, RepeatStyle::frame, RepeatStyle::all};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The kinds as the network spells them. A folded block hides its layers; they may still be named.
std::vector<std::string> kinds_to_ignore(const ArchitectureGraph& traced, const ArchitectureGraph& drawn,
                                         const std::vector<std::string>& asked) {
  std::set<std::string> present;
  for (const ArchitectureGraph* graph : {&traced, &drawn}) {
    for (const ArchitectureNode& node : graph->nodes) present.insert(node.kind);
  }
  std::vector<std::string> kinds;
  for (const std::string& name : asked) {
    const auto found = std::find_if(present.begin(), present.end(),
                                    [&](const std::string& kind) { return lower(kind) == lower(name); });
    if (found == present.end()) {
      std::string list;
      for (const std::string& kind : present) list += (list.empty() ? "" : ", ") + kind;
      fail("architecture: cannot ignore '", name, "', this network has no such layers; it has ", list);
    }
    kinds.push_back(*found);
  }
  return kinds;
}

RepeatStyle style_of(const ArchitectureViewOptions& options) {
  if (options.repeats != RepeatStyle::automatic) return options.repeats;
  const bool rows = options.view == ArchitectureView::layered || options.view == ArchitectureView::lenet;
  return rows ? RepeatStyle::fold : RepeatStyle::frame;
}

ArchitectureGraph what_is_drawn(const ArchitectureGraph& traced, const ArchitectureViewOptions& options) {
  ArchitectureGraph graph = traced;
  const RepeatStyle style = style_of(options);
  if (style != RepeatStyle::all) graph = collapse_repeats(std::move(graph));
  if (style == RepeatStyle::fold) graph = fold_frames(std::move(graph));
  graph = ignore_kinds(graph, kinds_to_ignore(traced, graph, options.ignore));
  check(!graph.nodes.empty(), "architecture: nothing is left to draw, ignore fewer kinds");
  return graph;
}

}  // namespace

Drawing draw_architecture(const ArchitectureGraph& traced, const ArchitectureViewOptions& options) {
  check(options.scale >= 0.1 && options.scale <= 10.0, "architecture: the scale is ", options.scale,
        ", give one between 0.1 and 10");
  const double spacing = options.spacing.value_or(0.0);
  check(spacing >= 0.0 && spacing <= 1000.0, "architecture: the spacing is ", spacing,
        ", give one between 0 and 1000");
  const ArchitectureGraph graph = what_is_drawn(traced, options);
  const auto view = [&] {
    switch (options.view) {
      case ArchitectureView::layered: return detail::layered_view(graph, options);
      case ArchitectureView::graph: return detail::graph_view(graph, options);
      case ArchitectureView::lenet: return detail::lenet_view(graph, options);
      case ArchitectureView::functional: return detail::functional_view(graph, options);
    }
    fail("architecture: got the view ", static_cast<int>(options.view),
         " outside the enumeration, use one of its names");
  };
  constexpr double kMargin = 16.0;
  Drawing drawing = view();
  if (options.legend) detail::add_legend(drawing, detail::legend_kinds(graph, options.view));
  detail::add_title(drawing, graph);
  drawing.fit(kMargin);
  return drawing;
}

// Hues tell families apart (convolutions blue, their transposes orange, normalisations green, activations yellow and
// red), lightness tells members apart.
Color color_of_kind(std::string_view kind) {
  constexpr std::array<std::pair<std::string_view, Color>, 24> kColors{{
      {"Input", {204, 204, 204}},
      {"Conv2d", {78, 121, 167}},
      {"ConvTranspose2d", {242, 142, 43}},
      {"Dense", {176, 122, 161}},
      {"InstanceNorm2d", {89, 161, 79}},
      {"BatchNorm2d", {89, 161, 79}},
      {"ReLU", {237, 201, 72}},
      {"LeakyReLU", {225, 170, 40}},
      {"Tanh", {225, 87, 89}},
      {"Sigmoid", {200, 60, 90}},
      {"Clamp", {170, 60, 60}},
      {"Dropout", {186, 176, 172}},
      {"Pad", {160, 203, 232}},
      {"ReflectionPad2d", {160, 203, 232}},
      {"UpsampleNearest2d", {255, 190, 125}},
      {"MaxPool2d", {211, 114, 149}},
      {"Flatten", {215, 181, 166}},
      {"Reshape", {215, 181, 166}},
      {"Add", {118, 183, 178}},
      {"Concat", {148, 103, 189}},
      {"Scale", {156, 117, 95}},
      {"Cast", {230, 230, 230}},
      {"ResidualBlock", {55, 90, 130}},
      {"ConvNorm", {110, 150, 190}},
  }};
  for (const auto& [name, color] : kColors) {
    if (name == kind) return color;
  }
  // A kind that is not in the table: a colour that follows from its name.
  std::uint32_t hash = 2166136261U;  // FNV-1a
  for (const char character : kind) hash = (hash ^ static_cast<unsigned char>(character)) * 16777619U;
  const auto part = [&](unsigned shift) { return static_cast<std::uint8_t>(96U + ((hash >> shift) & 127U)); };
  return {part(0), part(8), part(16)};
}

const char* name_of(ArchitectureView view) {
  switch (view) {
    case ArchitectureView::layered: return "layered";
    case ArchitectureView::graph: return "graph";
    case ArchitectureView::lenet: return "lenet";
    case ArchitectureView::functional: return "functional";
  }
  fail("view: got the value ", static_cast<int>(view), " outside the enumeration, use one of its names");
}

ArchitectureView parse_architecture_view(std::string_view name) {
  for (const ArchitectureView view : kViews) {
    if (name == name_of(view)) return view;
  }
  fail("view: got '", name, "', expected layered, graph, lenet or functional");
}

const char* name_of(RepeatStyle style) {
  switch (style) {
    case RepeatStyle::automatic: return "auto";
    case RepeatStyle::fold: return "fold";
    case RepeatStyle::frame: return "frame";
    case RepeatStyle::all: return "all";
  }
  fail("repeats: got the value ", static_cast<int>(style), " outside the enumeration, use one of its names");
}

RepeatStyle parse_repeat_style(std::string_view name) {
  for (const RepeatStyle style : kStyles) {
    if (name == name_of(style)) return style;
  }
  fail("repeats: got '", name, "', expected auto, fold, frame or all");
}

}  // namespace dg
