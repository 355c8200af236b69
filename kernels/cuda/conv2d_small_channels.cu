// Convolutions with at most four channels on one side: 3 -> 64 at full resolution and 64 -> 3 back, 7x7, and the first and
// last layers of the discriminators. A matrix product's tile would be mostly padding there. In terms of conv_window.h:
//
//                few inputs of the window             few outputs of the window
//   forward      C <= 4                               K <= 4
//   grad_input   K <= 4 (the window runs over dy)     C <= 4
//   grad_weight  C <= 4 (x under dy's pixels), or K <= 4 and stride 1 (dy under x's pixels, the filter in reverse)
//
// float32 arithmetic on float32 and bfloat16.
#include <algorithm>

#include "kernels/cuda/conv2d_small_channels.h"
#include "kernels/cuda/cuda_kernels.h"

namespace dg::DG_TARGET {
namespace {

constexpr const char* kForward = "conv2d_small_channels";
constexpr const char* kGradInput = "conv2d_grad_input_small_channels";
constexpr const char* kGradWeight = "conv2d_grad_weight_small_channels";

// The window whose filter gradient grad_weight takes: the side with few channels is its source.
ConvWindow grad_weight_window(const Conv2dShape& shape) {
  return shape.c <= kFewChannels ? forward_window(shape, kGradWeight)
                                 : grad_input_windows(shape, kGradWeight).front();
}

}  // namespace

bool small_channels_takes(ConvPass pass, DType dtype, const Conv2dShape& shape) {
  if (dtype == DType::float64 || (shape.c > kFewChannels && shape.k > kFewChannels)) return false;
  if (shape.input_numel() == 0 || shape.output_numel() == 0)
    return true;  // nothing to do, whatever the extents
  const auto all = [](const std::vector<ConvWindow>& windows, const auto& takes) {
    return std::all_of(windows.begin(), windows.end(), takes);
  };
  switch (pass) {
    case ConvPass::forward: {
      const ConvWindow window = forward_window(shape, kForward);
      return shape.c <= kFewChannels ? few_inputs_takes(window) : few_outputs_takes(window);
    }
    case ConvPass::grad_input: {
      const std::vector<ConvWindow> windows = grad_input_windows(shape, kGradInput);
      return shape.k <= kFewChannels ? all(windows, few_inputs_takes) : all(windows, few_outputs_takes);
    }
    case ConvPass::grad_weight:
      return (shape.c <= kFewChannels || (shape.stride_h == 1 && shape.stride_w == 1)) &&
             few_inputs_grad_takes(grad_weight_window(shape));
  }
  return false;
}

void conv2d_small_channels(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y,
                           const Conv2dShape& shape, const Epilogue& epilogue) {
  if (shape.output_numel() == 0) return;
  const ConvWindow window = forward_window(shape, kForward);
  const auto run = shape.c <= kFewChannels ? conv2d_few_inputs : conv2d_few_outputs;
  run(m, kForward, window, x, weight, bias, y, epilogue);
}

void conv2d_grad_input_small_channels(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                                      const Conv2dShape& shape) {
  if (shape.input_numel() == 0) return;
  const auto run = shape.k <= kFewChannels ? conv2d_few_inputs : conv2d_few_outputs;
  for (const ConvWindow& window : grad_input_windows(shape, kGradInput)) {
    run(m, kGradInput, window, dy, weight, bias, dx, {});
  }
}

void conv2d_grad_weight_small_channels(Machine& m, ConstArray x, ConstArray dy, Array dw,
                                       const Conv2dShape& shape) {
  if (shape.weight_numel() == 0) return;
  const bool few_inputs = shape.c <= kFewChannels;
  conv2d_few_inputs_grad(m, kGradWeight, grad_weight_window(shape), few_inputs ? x : dy, few_inputs ? dy : x,
                         dw);
}

}  // namespace dg::DG_TARGET
