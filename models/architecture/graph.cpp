// Equal blocks, folded blocks, ignored kinds.
#include "models/architecture/graph.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace dg {

namespace {

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
  std::size_t size() const { return last - first + 1; }
};

struct Block {
  std::string path;
  Range range;
};

bool is_within(const std::string& scope, const std::string& path) {
  return scope == path ||
         (scope.size() > path.size() && scope.starts_with(path) && scope[path.size()] == '.');
}

std::string parent_of(const std::string& path) {
  const auto dot = path.rfind('.');
  return dot == std::string::npos ? "" : path.substr(0, dot);
}

// A module's nodes, if they stand together.
std::optional<Range> range_of(const ArchitectureGraph& graph, const std::string& path) {
  std::optional<Range> range;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!is_within(graph.nodes[i].scope, path)) continue;
    if (!range) range = Range{i, i};
    if (i > range->last + 1) return std::nullopt;
    range->last = i;
  }
  return range;
}

bool are_equal(const ArchitectureGraph& graph, const Block& a, const Block& b) {
  if (graph.scopes.at(a.path) != graph.scopes.at(b.path) || a.range.size() != b.range.size()) return false;
  for (std::size_t i = 0; i < a.range.size(); ++i) {
    const ArchitectureNode& one = graph.nodes[a.range.first + i];
    const ArchitectureNode& other = graph.nodes[b.range.first + i];
    if (one.kind != other.kind || one.details != other.details || !(one.output == other.output) ||
        one.inputs.size() != other.inputs.size()) {
      return false;
    }
    // Inputs inside of the block and those before it stand at the same distance.
    for (std::size_t k = 0; k < one.inputs.size(); ++k) {
      if (a.range.first + i - one.inputs[k] != b.range.first + i - other.inputs[k]) return false;
    }
  }
  return true;
}

// The first run of equal siblings, outer ones first; empty if there is none.
std::vector<Block> find_run(const ArchitectureGraph& graph) {
  std::vector<Block> blocks;
  for (const auto& [path, kind] : graph.scopes) {
    if (path.empty()) continue;
    if (const auto range = range_of(graph, path)) blocks.push_back({path, *range});
  }
  const auto depth = [](const Block& block) { return std::count(block.path.begin(), block.path.end(), '.'); };
  std::stable_sort(blocks.begin(), blocks.end(), [&](const Block& a, const Block& b) {
    return depth(a) != depth(b) ? depth(a) < depth(b) : a.range.first < b.range.first;
  });
  std::vector<Block> run;
  for (const Block& block : blocks) {
    const bool follows = !run.empty() && run.back().range.last + 1 == block.range.first &&
                         parent_of(run.back().path) == parent_of(block.path) &&
                         are_equal(graph, run.back(), block);
    if (follows) {
      run.push_back(block);
      continue;
    }
    if (run.size() > 1) return run;
    run = {block};
  }
  return run.size() > 1 ? run : std::vector<Block>{};
}

// Keeps the nodes that `keep` marks; place[i] is the node that stands for i from now on (an index before removal).
void remove_nodes(ArchitectureGraph& graph, const std::vector<bool>& keep,
                  const std::vector<std::size_t>& place) {
  std::vector<std::size_t> moved(graph.nodes.size(), 0);
  std::vector<ArchitectureNode> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    moved[i] = nodes.size();
    if (keep[i]) nodes.push_back(std::move(graph.nodes[i]));
  }
  for (ArchitectureNode& node : nodes) {
    std::vector<std::size_t> inputs;
    for (const std::size_t input : node.inputs) {
      const std::size_t now = moved[place[input]];
      if (std::find(inputs.begin(), inputs.end(), now) == inputs.end()) inputs.push_back(now);
    }
    node.inputs = std::move(inputs);
  }
  for (ArchitectureFrame& frame : graph.frames) {
    frame.first = moved[place[frame.first]];
    frame.last = moved[place[frame.last]];
  }
  graph.nodes = std::move(nodes);
}

std::vector<std::size_t> in_place(std::size_t count) {
  std::vector<std::size_t> place(count);
  for (std::size_t i = 0; i < count; ++i) place[i] = i;
  return place;
}

}  // namespace

std::vector<ArchitectureEdge> ArchitectureGraph::edges() const {
  std::vector<ArchitectureEdge> all;
  for (std::size_t to = 0; to < nodes.size(); ++to) {
    const std::vector<std::size_t>& inputs = nodes[to].inputs;
    if (inputs.empty()) continue;
    const std::size_t latest = *std::max_element(inputs.begin(), inputs.end());
    for (const std::size_t from : inputs) all.push_back({from, to, from != latest});
  }
  return all;
}

std::vector<std::size_t> ArchitectureGraph::readers() const {
  std::vector<std::size_t> count(nodes.size(), 0);
  for (const ArchitectureNode& node : nodes) {
    for (const std::size_t from : node.inputs) ++count[from];
  }
  return count;
}

ArchitectureGraph collapse_repeats(ArchitectureGraph graph) {
  while (true) {
    const std::vector<Block> run = find_run(graph);
    if (run.empty()) return graph;
    const Block& first = run.front();
    std::vector<bool> keep(graph.nodes.size(), true);
    std::vector<std::size_t> place = in_place(graph.nodes.size());
    for (std::size_t b = 1; b < run.size(); ++b) {
      for (std::size_t i = 0; i < first.range.size(); ++i) {
        keep[run[b].range.first + i] = false;
        place[run[b].range.first + i] = first.range.first + i;
      }
      std::erase_if(graph.scopes, [&](const auto& scope) { return is_within(scope.first, run[b].path); });
    }
    graph.frames.push_back({first.path, graph.scopes.at(first.path), first.range.first, first.range.last,
                            static_cast<std::int64_t>(run.size())});
    remove_nodes(graph, keep, place);
  }
}

ArchitectureGraph fold_frames(ArchitectureGraph graph) {
  while (!graph.frames.empty()) {
    const ArchitectureFrame frame =
        graph.frames.back();  // inner ones first: they are nodes when the outer one folds
    graph.frames.pop_back();
    ArchitectureNode folded;
    folded.name = frame.name;
    folded.scope = parent_of(frame.name);
    folded.kind = frame.kind;
    folded.repeats = frame.repeats;
    folded.input = graph.nodes[frame.first].input;
    folded.output = graph.nodes[frame.last].output;
    std::vector<bool> keep(graph.nodes.size(), true);
    std::vector<std::size_t> place = in_place(graph.nodes.size());
    for (std::size_t i = frame.first; i <= frame.last; ++i) {
      folded.parameters += frame.repeats * graph.nodes[i].parameters;
      folded.multiply_adds += frame.repeats * graph.nodes[i].multiply_adds;
      for (const std::size_t input : graph.nodes[i].inputs) {
        if (input < frame.first) folded.inputs.push_back(input);
      }
      keep[i] = i == frame.first;
      place[i] = frame.first;
    }
    graph.nodes[frame.first] = std::move(folded);
    remove_nodes(graph, keep, place);
  }
  return graph;
}

ArchitectureGraph ignore_kinds(const ArchitectureGraph& graph, const std::vector<std::string>& kinds) {
  ArchitectureGraph result = graph;
  result.nodes.clear();
  result.frames.clear();
  const auto is_ignored = [&](const ArchitectureNode& node) {
    return std::find(kinds.begin(), kinds.end(), node.kind) != kinds.end();
  };
  // For each old node, the new ones whose results it hands on.
  std::vector<std::vector<std::size_t>> stands_for(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    std::vector<std::size_t> inputs;
    for (const std::size_t input : graph.nodes[i].inputs) {
      for (const std::size_t now : stands_for[input]) {
        if (std::find(inputs.begin(), inputs.end(), now) == inputs.end()) inputs.push_back(now);
      }
    }
    if (is_ignored(graph.nodes[i])) {
      stands_for[i] = std::move(inputs);
      continue;
    }
    stands_for[i] = {result.nodes.size()};
    result.nodes.push_back(graph.nodes[i]);
    result.nodes.back().inputs = std::move(inputs);
  }
  for (const ArchitectureFrame& frame : graph.frames) {
    const auto begin = graph.nodes.begin();
    std::size_t before = 0;
    std::size_t inside = 0;
    for (auto node = begin; node <= begin + static_cast<std::ptrdiff_t>(frame.last); ++node) {
      if (is_ignored(*node)) continue;
      ++(node < begin + static_cast<std::ptrdiff_t>(frame.first) ? before : inside);
    }
    if (inside == 0) continue;
    result.frames.push_back(frame);
    result.frames.back().first = before;
    result.frames.back().last = before + inside - 1;
  }
  return result;
}

}  // namespace dg
