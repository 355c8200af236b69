// Activations. Each derivative is an op of its own, so that second derivatives are one more call.
#include "core/ops/common.h"

namespace dg {
namespace {

// grad where the activation passed its input, slope * grad elsewhere. Linear in grad; y's sign is constant almost
// everywhere. Works from the output y, so that the input's memory can go.
Tensor leaky_relu_grad(const Tensor& grad, const Tensor& y, double slope) {
  return record("leaky_relu_grad", apply(BinaryOp::leaky_relu_grad, grad, y, slope), {grad},
                [y, slope](const BackwardCall& call) -> std::vector<Tensor> {
                  return {leaky_relu_grad(call.grad, y, slope)};
                });
}

Tensor clamp_grad(const Tensor& grad, const Tensor& x, double low, double high) {
  return record("clamp_grad", apply(BinaryOp::clamp_grad, grad, x, low, high), {grad},
                [x, low, high](const BackwardCall& call) -> std::vector<Tensor> {
                  return {clamp_grad(call.grad, x, low, high)};
                });
}

// z = g (1 - y^2):  dz/dg = 1 - y^2,  dz/dy = -2 g y.
Tensor tanh_grad(const Tensor& grad, const Tensor& y) {
  return record("tanh_grad", apply(BinaryOp::tanh_grad, grad, y), {grad, y},
                [grad, y](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? tanh_grad(call.grad, y) : Tensor(),
                          call.needed[1] ? affine(call.grad * grad * y, -2.0, 0.0) : Tensor()};
                });
}

// z = g y (1 - y):  dz/dg = y (1 - y),  dz/dy = g (1 - 2 y).
Tensor sigmoid_grad(const Tensor& grad, const Tensor& y) {
  return record("sigmoid_grad", apply(BinaryOp::sigmoid_grad, grad, y), {grad, y},
                [grad, y](const BackwardCall& call) -> std::vector<Tensor> {
                  return {call.needed[0] ? sigmoid_grad(call.grad, y) : Tensor(),
                          call.needed[1] ? call.grad * grad * affine(y, -2.0, 1.0) : Tensor()};
                });
}

}  // namespace

Tensor activation_grad(const Epilogue& epilogue, const Tensor& grad, const Tensor& y) {
  switch (epilogue.activation) {
    case Activation::none: return grad;
    case Activation::leaky_relu: return leaky_relu_grad(grad, y, epilogue.slope);
    case Activation::tanh: return tanh_grad(grad, y);
  }
  fail("activation: got the value ", static_cast<int>(epilogue.activation), " outside the enumeration");
}

Tensor leaky_relu(const Tensor& x, double slope) {
  check_defined("leaky_relu", x);
  check(slope >= 0.0, "leaky_relu: slope is ", slope, ", expected 0 or more");
  Tensor y = apply(UnaryOp::leaky_relu, x, slope);
  const Tensor value = y;  // before it has history
  return record("leaky_relu", std::move(y), {x},
                [value, slope](const BackwardCall& call) -> std::vector<Tensor> {
                  return {leaky_relu_grad(call.grad, value, slope)};
                });
}

Tensor relu(const Tensor& x) { return leaky_relu(x, 0.0); }

Tensor tanh(const Tensor& x) {
  check_defined("tanh", x);
  return record_saving_output(
      "tanh", apply(UnaryOp::tanh, x), {x},
      [](const BackwardCall& call) -> std::vector<Tensor> { return {tanh_grad(call.grad, call.output)}; });
}

Tensor sigmoid(const Tensor& x) {
  check_defined("sigmoid", x);
  return record_saving_output(
      "sigmoid", apply(UnaryOp::sigmoid, x), {x},
      [](const BackwardCall& call) -> std::vector<Tensor> { return {sigmoid_grad(call.grad, call.output)}; });
}

Tensor softplus(const Tensor& x) {
  check_defined("softplus", x);
  return record("softplus", apply(UnaryOp::softplus, x), {x},
                [x](const BackwardCall& call) -> std::vector<Tensor> { return {call.grad * sigmoid(x)}; });
}

Tensor clamp(const Tensor& x, double low, double high) {
  check_defined("clamp", x);
  check(low <= high, "clamp: lower bound ", low, " is above the upper bound ", high);
  return record("clamp", apply(UnaryOp::clamp, x, low, high), {x},
                [x = x.detach(), low, high](const BackwardCall& call) -> std::vector<Tensor> {
                  return {clamp_grad(call.grad, x, low, high)};
                });
}

}  // namespace dg
