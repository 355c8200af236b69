// The tape. An op computes its result, then records a node that knows how to turn the gradient of the result
// into gradients of its inputs; those are computed with differentiable ops, so they can be recorded in turn.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace dg {

// Which inputs of a node need a gradient in this sweep; a backward may leave the others undefined.
class GradMask {
 public:
  void set(std::size_t input) { bits_ |= std::uint64_t{1} << input; }
  bool operator[](std::size_t input) const { return ((bits_ >> input) & 1U) != 0; }
  bool any() const { return bits_ != 0; }

 private:
  std::uint64_t bits_ = 0;
};

// What a node's backward is given.
struct BackwardCall {
  const Tensor& grad;      // of the node's output
  const GradMask& needed;  // which inputs want a gradient
  const Tensor&
      output;  // the node's own result, on the tape; defined only if recorded with record_saving_output
};

// Returns one gradient per input, in order; undefined where not needed or zero.
// While it runs, the context records ops only if the caller asked for create_graph.
using BackwardFunction = std::function<std::vector<Tensor>(const BackwardCall& call)>;

struct Node {
  std::string_view op;
  std::uint64_t sequence = 0;
  std::vector<std::shared_ptr<GradMeta>> inputs;  // null where an input needs no gradient
  Tensor saved_output;                            // without history: a node never owns itself
  BackwardFunction backward;                      // empty once the sweep has freed it
};

// A tensor's place on the tape. Nodes hold these and not their tensors, so that no storage outlives its use.
struct GradMeta {
  std::shared_ptr<Node> node;  // null: a leaf
  Tensor grad;                 // leaves only
  Context* context = nullptr;
  GradMeta() = default;
  GradMeta(const GradMeta&) = delete;
  GradMeta& operator=(const GradMeta&) = delete;
  ~GradMeta();  // unlinks long chains without recursion
};

// Attaches `output` to the tape if any input requires a gradient and recording is on. Returns it.
Tensor record(std::string_view op, Tensor output, std::initializer_list<Tensor> inputs,
              BackwardFunction backward);
Tensor record(std::string_view op, Tensor output, std::span<const Tensor> inputs, BackwardFunction backward);
// The same for an op whose backward uses its own result (tanh, exp, ...).
Tensor record_saving_output(std::string_view op, Tensor output, std::initializer_list<Tensor> inputs,
                            BackwardFunction backward);

struct BackwardOptions {
  bool retain_graph = false;  // keep the nodes, for another sweep
  bool create_graph = false;  // record the sweep itself, for second derivatives; implies retain_graph
};

// Accumulates d(output)/d(leaf) into every leaf's grad(). output has one element, or grad_output is given.
// Throws Error if output does not require a gradient, or if its graph has been freed.
void backward(const Tensor& output, BackwardOptions options = {}, const Tensor& grad_output = {});

// d(sum of outputs, weighted by grad_outputs)/d(inputs), without touching any grad().
// An input that the outputs do not depend on gets zeros.
std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         BackwardOptions options = {}, std::span<const Tensor> grad_outputs = {});
std::vector<Tensor> grad(const Tensor& output, std::initializer_list<Tensor> inputs,
                         BackwardOptions options = {});

}  // namespace dg
