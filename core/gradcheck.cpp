#include "core/gradcheck.h"

#include <cmath>

#include "core/autograd.h"
#include "core/ops.h"

namespace dg {
namespace {

// Calls f with the random state that the first call saw, so that dropout draws the same masks every time.
class Repeatable {
 public:
  Repeatable(const TensorFunction& f, Context& context)
      : f_(f), context_(context), state_(context.random().state()) {}
  Tensor operator()(const std::vector<Tensor>& inputs) const {
    context_.random().set_state(state_);
    return f_(inputs);
  }

 private:
  const TensorFunction& f_;
  Context& context_;
  PhiloxState state_;
};

// Fixed weights in (-1, 1) that no symmetry of f can hide behind.
Tensor probe_like(const Tensor& x) {
  std::vector<double> values(static_cast<std::size_t>(x.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 2.0 * static_cast<double>(philox_uniform(philox(20240607, i).word[0])) - 1.0;
  }
  return Tensor::from_host(x.context(), x.shape(), std::span<const double>(values), x.dtype());
}

double contracted(const Tensor& y, const Tensor& probe) { return sum(y.detach() * probe).item(); }

}  // namespace

GradcheckResult gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs,
                          GradcheckOptions options) {
  check(!inputs.empty(), "gradcheck: got no inputs");
  Context& context = inputs.front().context();
  const Repeatable f(function, context);
  std::vector<Tensor> leaves;
  std::vector<Tensor> checked;
  std::vector<std::size_t> checked_index;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check(inputs[i].dtype() == DType::float64, "gradcheck: input ", i, " is ", name_of(inputs[i].dtype()),
          ", expected float64");
    leaves.push_back(inputs[i].clone());
    if (!inputs[i].requires_grad()) continue;
    leaves.back().set_requires_grad(true);
    checked.push_back(leaves.back());
    checked_index.push_back(i);
  }
  check(!checked.empty(), "gradcheck: no input requires a gradient");

  const Tensor y = f(leaves);
  const Tensor probe = probe_like(y);
  const std::vector<Tensor> analytic = grad({&y, 1}, checked, {}, {&probe, 1});

  GradcheckResult result;
  for (std::size_t k = 0; k < checked.size(); ++k) {
    const std::size_t index = checked_index[k];
    const std::vector<double> expected = analytic[k].to_doubles();
    std::vector<double> values = leaves[index].to_doubles();
    for (std::size_t j = 0; j < values.size(); ++j) {
      const double original = values[j];
      double side[2];
      for (int s = 0; s < 2; ++s) {
        values[j] = original + (s == 0 ? options.step : -options.step);
        std::vector<Tensor> moved = leaves;
        moved[index] = Tensor::from_host(context, leaves[index].shape(), std::span<const double>(values));
        moved[index].set_requires_grad(true);
        side[s] = contracted(f(moved), probe);
      }
      values[j] = original;
      const double numeric = (side[0] - side[1]) / (2.0 * options.step);
      const double error = std::abs(numeric - expected[j]) / std::max(1.0, std::abs(numeric));
      if (!(error <= result.worst_error)) {  // a NaN is the worst of all
        result.worst_error = error;
        std::ostringstream text;
        text << "input " << index << ", element " << j << ": analytic " << expected[j] << ", numeric "
             << numeric;
        result.message = text.str();
        if (std::isnan(error)) return result;
      }
    }
  }
  result.passed = result.worst_error <= options.tolerance;
  return result;
}

GradcheckResult gradgradcheck(const TensorFunction& f, const std::vector<Tensor>& inputs,
                              GradcheckOptions options) {
  std::vector<Tensor> extended = inputs;
  {
    const Generator saved = inputs.front().context().random();
    Tensor incoming = probe_like(f(inputs));
    inputs.front().context().random() = saved;
    extended.push_back(incoming.set_requires_grad(true));
  }
  // The gradients of f, each contracted with fixed weights and added up.
  const TensorFunction gradient = [&](const std::vector<Tensor>& all) {
    const std::vector<Tensor> arguments(all.begin(), all.end() - 1);
    std::vector<Tensor> checked;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (inputs[i].requires_grad()) checked.push_back(arguments[i]);
    }
    const Tensor y = f(arguments);
    const std::vector<Tensor> first = grad({&y, 1}, checked, {.create_graph = true}, {&all.back(), 1});
    Tensor total;
    for (const Tensor& g : first) {
      const Tensor term = sum(g * probe_like(g));
      total = total.defined() ? total + term : term;
    }
    return total;
  };
  return gradcheck(gradient, extended, options);
}

}  // namespace dg
