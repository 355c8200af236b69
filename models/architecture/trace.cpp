// From the tape to the graph. The observer names the modules and their tensors; what the tape holds between two modules
// are the operations of the networks' own forward functions: padding, additions, concatenations.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <iterator>
#include <map>
#include <memory>
#include <span>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/autograd.h"
#include "kernels/check.h"
#include "layers/activation.h"
#include "layers/conv.h"
#include "layers/dropout.h"
#include "layers/norm.h"
#include "layers/summary.h"
#include "models/architecture/graph.h"

namespace dg {

namespace {

using Meta = std::shared_ptr<GradMeta>;

// The names under which the tape records operations, and those that graphs show.
std::string kind_of_op(std::string_view op) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kKinds{{
      {"add", "Add"},
      {"affine", "Scale"},
      {"cast", "Cast"},
      {"clamp", "Clamp"},
      {"concat", "Concat"},
      {"leaky_relu", "LeakyReLU"},
      {"max_pool2d", "MaxPool2d"},
      {"mul", "Multiply"},
      {"pad2d", "Pad"},
      {"reshape", "Reshape"},
      {"sigmoid", "Sigmoid"},
      {"sub", "Subtract"},
      {"tanh", "Tanh"},
      {"upsample_nearest2d", "UpsampleNearest2d"},
  }};
  for (const auto& [name, kind] : kKinds) {
    if (name == op) return std::string(kind);
  }
  return std::string(op);
}

// The result has the shape of each input.
bool is_elementwise(const std::string& kind) {
  constexpr std::array<std::string_view, 9> kKinds{"Add",  "Scale",   "Cast", "Clamp",   "LeakyReLU",
                                                   "ReLU", "Sigmoid", "Tanh", "Subtract"};
  return std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
}

std::uint64_t age(const Meta& meta) { return meta != nullptr && meta->node ? meta->node->sequence + 1 : 0; }

Epilogue epilogue_of(const Module& module) {
  if (const auto* conv = dynamic_cast<const Conv2d*>(&module)) return conv->config().epilogue;
  if (const auto* conv = dynamic_cast<const ConvTranspose2d*>(&module)) return conv->config().epilogue;
  if (const auto* norm = dynamic_cast<const InstanceNorm2d*>(&module)) return norm->config().epilogue;
  if (const auto* norm = dynamic_cast<const BatchNorm2d*>(&module)) return norm->config().epilogue;
  return {};
}

// "64->128, 3x3, ReLU" without the activation, which gets a node of its own.
std::string details_without_epilogue(const Module& module) {
  std::string details = module.details();
  std::ostringstream activation;
  print_epilogue(activation, epilogue_of(module));
  if (details.ends_with(activation.str())) details.resize(details.size() - activation.str().size());
  return details;
}

bool does_nothing(const Module& module) {
  const auto* dropout = dynamic_cast<const Dropout*>(&module);
  return dropout != nullptr && dropout->config().rate == 0.0;
}

class Tracer {
 public:
  Tracer(Module& network, const Tensor& input) {
    graph_.kind = network.kind();
    graph_.input = input.shape();
    graph_.parameters = network.parameter_count();
    for (const NamedModule& entry : network.modules()) {
      names_[entry.module] = entry.name;
      if (!entry.module->children().empty()) graph_.scopes[entry.name] = entry.module->kind();
    }
    ArchitectureNode node;
    node.name = "input";
    node.kind = "Input";
    node.input = node.output = input.shape();
    append(std::move(node), input.grad_meta());
  }

  void on_forward(const Module& module, const Tensor& x, const Tensor& y) {
    check(x.grad_meta() != nullptr, "architecture: ", module.kind(), " '", names_[&module],
          "' computes from constants, expected it to depend on the network's input");
    const std::size_t from = producer(x.grad_meta());
    learn_output(from, x);
    if (!module.children().empty()) {
      learn_output(producer(y.grad_meta()), y);
      adopt_operations(names_[&module], age(x.grad_meta()));
    } else if (!does_nothing(module)) {
      add_layer(module, from, x, y);
    }
  }

  ArchitectureGraph finish() {
    infer_shapes();
    name_operations();
    for (ArchitectureNode& node : graph_.nodes) {
      graph_.multiply_adds += node.multiply_adds;
      if (!node.inputs.empty()) node.input = graph_.nodes[node.inputs.front()].output;
    }
    return std::move(graph_);
  }

 private:
  // The node whose result has this place on the tape.
  std::size_t append(ArchitectureNode node, const Meta& meta) {
    graph_.nodes.push_back(std::move(node));
    ages_.push_back(age(meta));
    is_operation_.push_back(false);
    producers_[meta.get()] = graph_.nodes.size() - 1;
    kept_.push_back(meta);
    return graph_.nodes.size() - 1;
  }

  // Finds the operations between what is known and this place. Their saved tensors are freed, so that tracing needs no
  // more memory than inference.
  std::size_t producer(const Meta& meta) {
    check(meta != nullptr, "architecture: a result of ", graph_.kind,
          " does not depend on the network's input, expected it to");
    if (const auto known = producers_.find(meta.get()); known != producers_.end()) return known->second;
    check(meta->node != nullptr, "architecture: ", graph_.kind, " reads a parameter outside of its modules");
    ArchitectureNode node;
    node.kind = kind_of_op(meta->node->op);
    node.operation = true;
    for (const Meta& input : meta->node->inputs) {
      if (depends_on_input(input)) node.inputs.push_back(producer(input));
    }
    check(!node.inputs.empty(), "architecture: ", node.kind, " in ", graph_.kind,
          " does not depend on the network's input, expected it to");
    release(*meta->node);
    const std::size_t index = append(std::move(node), meta);
    is_operation_[index] = true;
    return index;
  }

  // Leaves are parameters, but for the input, which is known.
  bool depends_on_input(const Meta& meta) const {
    if (meta == nullptr) return false;
    if (producers_.contains(meta.get())) return true;
    return meta->node != nullptr && std::any_of(meta->node->inputs.begin(), meta->node->inputs.end(),
                                                [&](const Meta& input) { return depends_on_input(input); });
  }

  static void release(Node& node) {
    node.backward = nullptr;
    node.saved_output = {};
  }

  void add_layer(const Module& module, std::size_t from, const Tensor& x, const Tensor& y) {
    ArchitectureNode node;
    node.name = names_[&module];
    const auto dot = node.name.rfind('.');
    node.scope = dot == std::string::npos ? "" : node.name.substr(0, dot);
    node.kind = module.kind();
    node.details = details_without_epilogue(module);
    node.output = y.shape();
    node.multiply_adds = module.multiply_adds(x.shape(), y.shape());
    node.inputs = {from};
    if (counted_.insert(&module).second) node.parameters = module.parameter_count();
    const std::vector<std::size_t> residuals = other_inputs(x.grad_meta(), y.grad_meta());
    const bool adds = !residuals.empty() && dynamic_cast<const NormLayer*>(&module) != nullptr;
    if (!adds) node.inputs.insert(node.inputs.end(), residuals.begin(), residuals.end());
    const ArchitectureNode layer = node;
    append(std::move(node), y.grad_meta());
    add_activation(layer, epilogue_of(module), y.grad_meta());
    if (adds) add_residual(layer, residuals, y.grad_meta());
  }

  void add_activation(const ArchitectureNode& layer, const Epilogue& epilogue, const Meta& meta) {
    if (epilogue.activation == Activation::none) return;
    ArchitectureNode node;
    node.name = layer.name + ".activation";
    node.scope = layer.scope;
    node.kind = "Tanh";
    if (epilogue.activation == Activation::leaky_relu)
      node.kind = epilogue.slope == 0.0 ? "ReLU" : "LeakyReLU";
    if (node.kind == "LeakyReLU") {
      std::ostringstream slope;
      slope << "slope " << epilogue.slope;
      node.details = slope.str();
    }
    node.output = layer.output;
    node.inputs = {graph_.nodes.size() - 1};
    append(std::move(node), meta);
  }

  void add_residual(const ArchitectureNode& layer, const std::vector<std::size_t>& residuals,
                    const Meta& meta) {
    ArchitectureNode node;
    node.name = layer.name + ".add";
    node.scope = layer.scope;
    node.kind = "Add";
    node.operation = true;
    node.output = layer.output;
    node.inputs = {graph_.nodes.size() - 1};
    node.inputs.insert(node.inputs.end(), residuals.begin(), residuals.end());
    append(std::move(node), meta);
  }

  // What a layer reads beside x: the ways back from its result that end at a place that was there before x, or is known.
  std::vector<std::size_t> other_inputs(const Meta& x, const Meta& y) {
    std::vector<std::size_t> found;
    std::vector<Meta> pending{y};
    std::unordered_set<GradMeta*> seen;
    while (!pending.empty()) {
      const Meta meta = pending.back();
      pending.pop_back();
      if (meta == nullptr || meta == x || !seen.insert(meta.get()).second) continue;
      const bool inside = meta->node != nullptr && age(meta) > age(x) && !producers_.contains(meta.get());
      if (inside) {
        pending.insert(pending.end(), meta->node->inputs.begin(), meta->node->inputs.end());
        release(*meta->node);
      } else if (meta != y && depends_on_input(meta)) {
        found.push_back(producer(meta));
      }
    }
    return found;
  }

  // The operations that a module ran in its own forward: those since its input that no module inside of it has.
  void adopt_operations(const std::string& scope, std::uint64_t since) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!is_operation_[i] || ages_[i] <= since) continue;
      graph_.nodes[i].scope = scope;
      is_operation_[i] = false;
    }
  }

  // The tape knows no shapes; whoever reads an operation's result does. Nor does it tell a leaky ReLU from one of slope
  // 0; its values do.
  void learn_output(std::size_t index, const Tensor& result) {
    ArchitectureNode& node = graph_.nodes[index];
    if (node.output.rank() != 0) return;
    node.output = result.shape();
    if (node.kind != "LeakyReLU") return;
    const std::vector<float> values = result.to_floats();
    const bool positive = std::all_of(values.begin(), values.end(), [](float v) { return v >= 0.0F; });
    if (positive) node.kind = "ReLU";
  }

  // Through elementwise operations, shapes follow from either side.
  void infer_shapes() {
    std::vector<ArchitectureNode>& nodes = graph_.nodes;
    for (std::size_t i = nodes.size(); i-- > 0;) {
      if (nodes[i].output.rank() == 0 || !is_elementwise(nodes[i].kind)) continue;
      for (const std::size_t input : nodes[i].inputs) {
        if (nodes[input].output.rank() == 0) nodes[input].output = nodes[i].output;
      }
    }
    for (ArchitectureNode& node : nodes) {
      if (node.output.rank() == 0 && is_elementwise(node.kind))
        node.output = nodes[node.inputs.front()].output;
      check(node.output.rank() != 0, "architecture: the shape of ", node.kind, " in ", graph_.kind,
            " cannot be told, since no module reads its result; make it a module");
    }
  }

  // "blocks.0.pad", "blocks.0.pad2", ...
  void name_operations() {
    std::map<std::string, int> count;
    for (ArchitectureNode& node : graph_.nodes) {
      if (!node.name.empty()) continue;
      std::string base = node.scope.empty() ? "" : node.scope + ".";
      std::transform(node.kind.begin(), node.kind.end(), std::back_inserter(base),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      const int number = ++count[base];
      node.name = number == 1 ? base : base + std::to_string(number);
    }
  }

  ArchitectureGraph graph_;
  std::vector<std::uint64_t> ages_;  // of the nodes, on the tape
  std::vector<bool> is_operation_;   // and its module is not known yet
  std::unordered_map<const Module*, std::string> names_;
  std::unordered_set<const Module*> counted_;
  std::unordered_map<const GradMeta*, std::size_t> producers_;
  std::vector<Meta> kept_;  // so that no address is used twice
};

// Values of both signs, the same every time.
Tensor probe_images(Context& context, const Shape& shape) {
  std::vector<float> values(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(0.37F * static_cast<float>(i % 9973));
  return Tensor::from_host(context, shape, std::span<const float>(values));
}

// Recording is on while it lives.
class Recording {
 public:
  explicit Recording(Context& context) : context_(context), previous_(context.grad_enabled()) {
    context_.set_grad_enabled(true);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() { context_.set_grad_enabled(previous_); }

 private:
  Context& context_;
  bool previous_;
};

}  // namespace

ArchitectureGraph trace_architecture(Module& network, const Shape& input) {
  const Recording recording(network.context());
  Tensor images = probe_images(network.context(), input);
  images.set_requires_grad(true);
  Tracer tracer(network, images);
  observed_forward(network, images, [&tracer](const Module& module, const Tensor& x, const Tensor& y) {
    tracer.on_forward(module, x, y);
  });
  return tracer.finish();
}

}  // namespace dg
