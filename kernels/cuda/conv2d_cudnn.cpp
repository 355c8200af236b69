// The tier that calls cuDNN. What cuDNN leaves to do is done by kernels of our own: a padding that differs between two sides
// becomes zeros around a copy of x (cropped again from dx), bias and activation follow as elementwise kernels, in place, so
// that bfloat16 rounds once more than in our convolutions. The workspace holds cuDNN's scratch memory, then that copy.
#include "kernels/cuda/cuda_kernels.h"

namespace dg::DG_TARGET {
namespace {

// Where cuDNN's scratch memory ends, the copy begins; copies are aligned as allocations are.
constexpr std::int64_t kAlignment = 256;

struct Call {
  Call(Machine& m, ConvPass pass, DType dtype, const Conv2dShape& s)
      : convolution{pass, dtype, m.options.tf32, cuda::Cudnn::symmetric(s)},
        algorithm(m.cudnn->choose(convolution)),
        scratch_bytes(blocks_for(static_cast<std::int64_t>(algorithm.workspace_bytes), kAlignment) *
                      kAlignment),
        padding{.n = s.n, .h = s.h, .w = s.w, .c = s.c} {
    const Padding2d& even = convolution.shape.padding;
    padding.padding = {s.padding.top - even.top, s.padding.bottom - even.bottom, s.padding.left - even.left,
                       s.padding.right - even.right};
    padded = !(padding.padding == Padding2d{});
    const std::int64_t copy_bytes = padded ? convolution.shape.input_numel() * size_of(dtype) : 0;
    workspace = m.workspace.get<std::byte>(scratch_bytes + copy_bytes + kAlignment);
    if (padded) copy = {workspace + scratch_bytes, dtype};
  }

  // x with the zeros that cuDNN cannot pad.
  ConstArray pad(Machine& m, ConstArray x) const {
    if (!padded) return x;
    pad2d(m, x, copy, padding);
    return copy;
  }

  void run(Machine& m, ConstArray left, ConstArray right, Array out) const {
    m.cudnn->run(convolution, algorithm, {left.data, right.data, out.data}, workspace,
                 static_cast<std::size_t>(scratch_bytes));
  }

  cuda::CudnnConvolution convolution;
  cuda::CudnnAlgorithm algorithm;
  std::int64_t scratch_bytes;
  Pad2dShape padding;
  bool padded = false;
  std::byte* workspace = nullptr;
  Array copy;
};

// The elementwise kernels read an element before they write it, and no other thread does.
void add_bias(Machine& m, ConstArray bias, Array y, std::int64_t pixels, std::int64_t channels) {
  if (!bias) return;
  binary(m, BinaryOp::add, y, bias, y, {{1, 1, pixels, channels}, {0, 0, channels, 1}, {0, 0, 0, 1}}, 0.0,
         0.0);
}

void activate(Machine& m, const Epilogue& epilogue, Array y, std::int64_t n) {
  switch (epilogue.activation) {
    case Activation::none: return;
    case Activation::leaky_relu: return unary(m, UnaryOp::leaky_relu, y, y, n, epilogue.slope, 0.0);
    case Activation::tanh: return unary(m, UnaryOp::tanh, y, y, n, 0.0, 0.0);
  }
}

}  // namespace

void conv2d_cudnn(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y,
                  const Conv2dShape& shape, const Epilogue& epilogue) {
  const Call call(m, ConvPass::forward, x.dtype, shape);
  call.run(m, call.pad(m, x), weight, y);
  add_bias(m, bias, y, shape.n * shape.p() * shape.q(), shape.k);
  activate(m, epilogue, y, shape.output_numel());
}

void conv2d_grad_input_cudnn(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                             const Conv2dShape& shape) {
  const Call call(m, ConvPass::grad_input, dy.dtype, shape);
  call.run(m, dy, weight, call.padded ? call.copy : dx);
  if (call.padded) pad2d_grad(m, call.copy, dx, call.padding);
  add_bias(m, bias, dx, shape.n * shape.h * shape.w, shape.c);
}

void conv2d_grad_weight_cudnn(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) {
  const Call call(m, ConvPass::grad_weight, x.dtype, shape);
  call.run(m, call.pad(m, x), dy, dw);
}

}  // namespace dg::DG_TARGET
