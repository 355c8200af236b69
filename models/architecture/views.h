// Pictures of a network, after those of Visualkeras (Gavrikov 2020) that Li 2024 shows of the Keras program's networks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/drawing.h"
#include "models/architecture/graph.h"

namespace dg {

enum class ArchitectureView : std::uint8_t {
  layered,     // volumes in a row: height and width of the images, length by channels
  graph,       // one box per layer, top to bottom, with edges
  lenet,       // stacks of feature maps, after figure 2 of LeCun et al. 1998
  functional,  // volumes with the network's true edges, a row for each resolution
};

enum class RepeatStyle : std::uint8_t {
  automatic,  // fold in layered and lenet, frame in graph and functional
  fold,       // equal blocks in a row are one volume: "9 x ResidualBlock"
  frame,      // the first of them stands for all, in a frame
  all,        // each one is drawn
};

struct ArchitectureViewOptions {
  ArchitectureView view = ArchitectureView::layered;
  bool flat = false;                   // layered and functional: faces instead of volumes
  double scale = 1.0;                  // of volumes, maps and boxes, not of text; 0.1..10
  std::optional<double> spacing = {};  // least gap between stages, 0..1000; none: what suits the view
  RepeatStyle repeats = RepeatStyle::automatic;
  // Kinds that are not drawn, in any case: "Dropout", "Pad", "ResidualBlock".
  std::vector<std::string> ignore = {};
  bool legend = true;
  bool labels = true;  // names, kernels and sizes
};

// Throws Error for options out of range, for a kind in `ignore` that the network does not have, and if nothing is left.
Drawing draw_architecture(const ArchitectureGraph& traced, const ArchitectureViewOptions& options = {});

// Of a kind, the same in every picture.
Color color_of_kind(std::string_view kind);

const char* name_of(ArchitectureView view);
ArchitectureView parse_architecture_view(std::string_view name);  // Error for a name that is none
const char* name_of(RepeatStyle style);
RepeatStyle parse_repeat_style(std::string_view name);

}  // namespace dg
