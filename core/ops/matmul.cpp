// y = A B with either operand optionally stored transposed. Both gradients are products of the same kind.
#include "core/ops/common.h"

namespace dg {

Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options) {
  check_operands("matmul", a, b);
  check(a.rank() == 2 && b.rank() == 2, "matmul: expected two matrices, got ", a.shape(), " and ", b.shape());
  const auto [ta, tb] = options;
  const MatmulShape shape{a.dim(ta ? 1 : 0), b.dim(tb ? 0 : 1), a.dim(ta ? 0 : 1), ta, tb};
  check(b.dim(tb ? 1 : 0) == shape.k, "matmul: ", a.shape(), ta ? " transposed" : "", " times ", b.shape(),
        tb ? " transposed" : "", ": inner extents differ");
  Tensor y = Tensor::empty(a.context(), {shape.m, shape.n}, a.dtype());
  a.backend().matmul(a.array(), b.array(), y.mutable_array(), shape);
  return record("matmul", std::move(y), {a, b}, [a, b, ta = ta, tb = tb](const BackwardCall& call) {
    std::vector<Tensor> out(2);
    if (call.needed[0]) {
      out[0] = ta ? matmul(b, call.grad, {.transpose_a = tb, .transpose_b = true})
                  : matmul(call.grad, b, {.transpose_a = false, .transpose_b = !tb});
    }
    if (call.needed[1]) {
      out[1] = tb ? matmul(call.grad, a, {.transpose_a = true, .transpose_b = ta})
                  : matmul(a, call.grad, {.transpose_a = !ta, .transpose_b = false});
    }
    return out;
  });
}

}  // namespace dg
