#include "core/autograd.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/ops.h"

namespace dg {

// A long chain of nodes would be destroyed by as deep a recursion: the links are cut one after the other instead.
GradMeta::~GradMeta() {
  if (!node) return;
  std::vector<std::shared_ptr<Node>> pending;
  pending.push_back(std::move(node));
  while (!pending.empty()) {
    const std::shared_ptr<Node> current = std::move(pending.back());
    pending.pop_back();
    if (current.use_count() > 1) continue;
    auto inputs = std::move(current->inputs);
    current->backward = nullptr;  // drops the tensors it captured; `inputs` still holds their places
    for (auto& input : inputs) {
      if (input && input.use_count() == 1 && input->node) pending.push_back(std::move(input->node));
    }
  }
}

namespace {

Tensor record_node(std::string_view op, Tensor output, std::span<const Tensor> inputs,
                   BackwardFunction backward, bool save_output) {
  Context& context = output.context();
  const bool wanted =
      std::any_of(inputs.begin(), inputs.end(), [](const Tensor& x) { return x.requires_grad(); });
  if (!wanted || !context.grad_enabled()) return output;
  auto node = std::make_shared<Node>();
  node->op = op;
  node->sequence = context.next_sequence();
  for (const Tensor& input : inputs) node->inputs.push_back(input.grad_meta());
  if (save_output) node->saved_output = output.detach();
  node->backward = std::move(backward);
  auto meta = std::make_shared<GradMeta>();
  meta->node = std::move(node);
  meta->context = &context;
  output.set_grad_meta(std::move(meta));
  return output;
}

using Meta = std::shared_ptr<GradMeta>;

// One walk from the outputs back. Gradients wait in `pending_` until everything that consumes their tensor has run.
class Sweep {
 public:
  Sweep(Context& context, BackwardOptions options) : context_(context), options_(options) {
    options_.retain_graph |= options_.create_graph;
  }

  void seed(const Tensor& output, const Tensor& gradient) {
    check(output.requires_grad(),
          "backward: the output does not require a gradient: no input of its computation "
          "does, or recording was off");
    deliver(output.grad_meta(), gradient);
    roots_.push_back(output.grad_meta());
  }

  // Visits the nodes that lead to a target, newest first. `arrive` gets each target's gradient when it is complete.
  template <typename IsTarget, typename Arrive>
  void run(const IsTarget& is_target, const Arrive& arrive) {
    const std::vector<Meta> order = reachable();
    std::unordered_set<GradMeta*> wanted;
    for (const Meta& meta : order) {
      const bool leads =
          meta->node && std::any_of(meta->node->inputs.begin(), meta->node->inputs.end(),
                                    [&](const Meta& input) { return wanted.contains(input.get()); });
      if (leads || is_target(*meta)) wanted.insert(meta.get());
    }
    const bool recorded = context_.grad_enabled();
    context_.set_grad_enabled(options_.create_graph);
    try {
      for (auto it = order.rbegin(); it != order.rend(); ++it) {
        if (!wanted.contains(it->get())) continue;
        auto found = pending_.find(it->get());
        if (found == pending_.end()) continue;
        const Tensor gradient = std::move(found->second);
        pending_.erase(found);
        if (is_target(**it)) arrive(**it, gradient);
        if ((*it)->node) step(*it, gradient, wanted);
      }
    } catch (...) {
      context_.set_grad_enabled(recorded);
      throw;
    }
    context_.set_grad_enabled(recorded);
  }

 private:
  // Everything the roots were computed from, oldest first; leaves before all nodes.
  std::vector<Meta> reachable() const {
    std::vector<Meta> found;
    std::unordered_set<GradMeta*> seen;
    std::vector<Meta> stack(roots_.begin(), roots_.end());
    while (!stack.empty()) {
      Meta meta = std::move(stack.back());
      stack.pop_back();
      if (!seen.insert(meta.get()).second) continue;
      if (meta->node) {
        check(meta->node->backward != nullptr, "backward: the graph behind ", meta->node->op,
              " has been freed by an earlier backward; pass retain_graph to that one");
        for (const Meta& input : meta->node->inputs) {
          if (input) stack.push_back(input);
        }
      }
      found.push_back(std::move(meta));
    }
    const auto age = [](const Meta& meta) { return meta->node ? meta->node->sequence + 1 : 0; };
    std::stable_sort(found.begin(), found.end(),
                     [&](const Meta& a, const Meta& b) { return age(a) < age(b); });
    return found;
  }

  void step(const Meta& meta, const Tensor& gradient, const std::unordered_set<GradMeta*>& wanted) {
    Node& node = *meta->node;
    GradMask needed;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] && wanted.contains(node.inputs[i].get())) needed.set(i);
    }
    if (!needed.any()) return;
    Tensor output = node.saved_output;
    if (output.defined()) output.set_grad_meta(meta);
    std::vector<Tensor> gradients = node.backward({gradient, needed, output});
    check(gradients.size() == node.inputs.size(), "backward of ", node.op, ": ", gradients.size(),
          " gradients for ", node.inputs.size(), " inputs");
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (needed[i] && gradients[i].defined()) deliver(node.inputs[i], gradients[i]);
    }
    if (!options_.retain_graph) {
      node.backward = nullptr;
      node.saved_output = {};
      node.inputs.clear();
    }
  }

  void deliver(const Meta& meta, const Tensor& gradient) {
    Tensor& slot = pending_[meta.get()];
    slot = slot.defined() ? add(slot, gradient) : gradient;
  }

  Context& context_;
  BackwardOptions options_;
  std::vector<Meta> roots_;
  std::unordered_map<GradMeta*, Tensor> pending_;
};

Tensor seed_gradient(const Tensor& output, const Tensor& given) {
  if (given.defined()) {
    check(given.shape() == output.shape(), "backward: gradient is ", given.shape(), ", output is ",
          output.shape());
    return given;
  }
  check(output.numel() == 1, "backward: the output has shape ", output.shape(),
        "; give a gradient for it or reduce it to one element");
  return Tensor::ones(output.context(), output.shape(), output.dtype());
}

}  // namespace

Tensor record(std::string_view op, Tensor output, std::initializer_list<Tensor> inputs,
              BackwardFunction backward) {
  return record_node(op, std::move(output), {inputs.begin(), inputs.size()}, std::move(backward), false);
}

Tensor record(std::string_view op, Tensor output, std::span<const Tensor> inputs, BackwardFunction backward) {
  return record_node(op, std::move(output), inputs, std::move(backward), false);
}

Tensor record_saving_output(std::string_view op, Tensor output, std::initializer_list<Tensor> inputs,
                            BackwardFunction backward) {
  return record_node(op, std::move(output), {inputs.begin(), inputs.size()}, std::move(backward), true);
}

void backward(const Tensor& output, BackwardOptions options, const Tensor& grad_output) {
  Sweep sweep(output.context(), options);
  sweep.seed(output, seed_gradient(output, grad_output));
  sweep.run([](const GradMeta& meta) { return meta.node == nullptr; },
            [](GradMeta& leaf, const Tensor& gradient) {
              leaf.grad = leaf.grad.defined() ? add(leaf.grad, gradient) : gradient;
            });
}

std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         BackwardOptions options, std::span<const Tensor> grad_outputs) {
  check(!outputs.empty() && !inputs.empty(), "grad: got no outputs or no inputs");
  check(grad_outputs.empty() || grad_outputs.size() == outputs.size(), "grad: ", grad_outputs.size(),
        " gradients for ", outputs.size(), " outputs");
  Sweep sweep(outputs.front().context(), options);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    sweep.seed(outputs[i], seed_gradient(outputs[i], grad_outputs.empty() ? Tensor() : grad_outputs[i]));
  }
  std::unordered_map<const GradMeta*, Tensor> found;
  for (const Tensor& input : inputs) {
    check(input.requires_grad(), "grad: an input of shape ", input.shape(),
          " does not require a gradient; call set_requires_grad(true) before it is used");
    found.emplace(input.grad_meta().get(), Tensor());
  }
  sweep.run([&](const GradMeta& meta) { return found.contains(&meta); },
            [&](GradMeta& meta, const Tensor& gradient) { found[&meta] = gradient; });
  std::vector<Tensor> out;
  for (const Tensor& input : inputs) {
    const Tensor& gradient = found[input.grad_meta().get()];
    out.push_back(gradient.defined() ? gradient
                                     : Tensor::zeros(input.context(), input.shape(), input.dtype()));
  }
  return out;
}

std::vector<Tensor> grad(const Tensor& output, std::initializer_list<Tensor> inputs,
                         BackwardOptions options) {
  return grad({&output, 1}, {inputs.begin(), inputs.size()}, options, {});
}

}  // namespace dg
