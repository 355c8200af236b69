// A network as a graph: what drawings show. Nodes are the layers and the operations between them, in the order in which
// they ran; edges are who reads whose result. The edges come from the tape of one forward, so that the skips of residual
// blocks and U-Nets are those that the network really computes.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "layers/module.h"

namespace dg {

struct ArchitectureNode {
  std::string
      name;  // dotted path of the module; of an operation: that of the module around it, and the operation
  std::string scope;    // dotted path of the module around it; "" for the network itself
  std::string kind;     // "Conv2d"; of operations "Add", "Concat", "Pad", ...; "Input"
  std::string details;  // Module::details()
  Shape input;          // of the first input
  Shape output;
  std::int64_t parameters = 0;  // of a module that is called several times: at its first call
  std::int64_t multiply_adds = 0;
  std::int64_t repeats = 1;         // of a folded block: how many of them
  bool operation = false;           // of a forward function, without a module of its own
  std::vector<std::size_t> inputs;  // nodes, each of them an earlier one
};

// Several equal blocks in a row, of which the graph holds the first.
struct ArchitectureFrame {
  std::string name;  // "blocks.0"
  std::string kind;  // "ResidualBlock"
  std::size_t first = 0;
  std::size_t last = 0;
  std::int64_t repeats = 0;
};

struct ArchitectureEdge {
  std::size_t from = 0;
  std::size_t to = 0;
  bool skip = false;  // not the longest way into `to`
};

struct ArchitectureGraph {
  std::string kind;  // of the network
  Shape input;
  std::int64_t parameters = 0;
  std::int64_t multiply_adds = 0;
  std::vector<ArchitectureNode> nodes;
  std::map<std::string, std::string> scopes;  // path of a module with children -> its kind
  std::vector<ArchitectureFrame> frames;      // outer ones first

  std::vector<ArchitectureEdge> edges() const;
  // How many nodes read each node's result.
  std::vector<std::size_t> readers() const;
};

// Runs one forward in eval mode on images of this shape and follows the tape. What layers compute in the same pass stands
// alone in the graph: activations, and the addition of a residual behind a normalisation. Dropout is shown where its rate
// is not 0. The module is afterwards as before. Throws what the forward throws, and Error if the result does not depend
// on the input.
ArchitectureGraph trace_architecture(Module& network, const Shape& input);

// Sibling modules in a row with equal layers, options, sizes and edges, of which the first stays and gets a frame.
ArchitectureGraph collapse_repeats(ArchitectureGraph graph);
// Each frame becomes one node, "9 x ResidualBlock", with the parameters and multiply-adds of all its blocks.
ArchitectureGraph fold_frames(ArchitectureGraph graph);
// Nodes of these kinds disappear; who read them reads what they read.
ArchitectureGraph ignore_kinds(const ArchitectureGraph& graph, const std::vector<std::string>& kinds);

}  // namespace dg
