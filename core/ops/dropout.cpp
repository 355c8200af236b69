// y = x * mask / (1 - rate). The mask is a function of the generator's state, so the backward draws it again instead
// of keeping it: dropout with the same state is linear and its own adjoint.
#include "core/ops/common.h"

namespace dg {
namespace {

Tensor dropout_at(const Tensor& x, double rate, PhiloxState state) {
  Tensor y = empty_like(x);
  x.backend().dropout(state, x.array(), y.mutable_array(), x.numel(), rate);
  return record("dropout", std::move(y), {x}, [rate, state](const BackwardCall& call) -> std::vector<Tensor> {
    return {dropout_at(call.grad, rate, state)};
  });
}

}  // namespace

Tensor dropout(const Tensor& x, double rate) {
  check_defined("dropout", x);
  check(rate >= 0.0 && rate < 1.0, "dropout: rate is ", rate, ", expected 0 <= rate < 1");
  return dropout_at(x, rate, x.context().random().take(x.numel()));
}

}  // namespace dg
