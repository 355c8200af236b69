// The small-channel convolutions, by side. Each launcher computes one window of conv_window.h; `takes` says whether it fits
// a block's shared memory. float and bfloat16.
#pragma once

#include "kernels/cuda/conv_window.h"
#include "kernels/cuda/machine.h"

namespace dg::DG_TARGET {

constexpr int kFewChannels = 4;
// What every GPU from sm_80 on grants a block.
constexpr std::size_t kSmallChannelsShared = 96 * 1024;

// conv2d_few_inputs.cu: source_c <= kFewChannels
bool few_inputs_takes(const ConvWindow& window);
void conv2d_few_inputs(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                       ConstArray weight, ConstArray bias, Array out, const Epilogue& epilogue);

// conv2d_few_outputs.cu: out_c <= kFewChannels
bool few_outputs_takes(const ConvWindow& window);
void conv2d_few_outputs(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                        ConstArray weight, ConstArray bias, Array out, const Epilogue& epilogue);

// conv2d_few_inputs_grad.cu: source_c <= kFewChannels; the gradient of the filter for the gradient `grad` of out
bool few_inputs_grad_takes(const ConvWindow& window);
void conv2d_few_inputs_grad(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                            ConstArray grad, Array dw);

}  // namespace dg::DG_TARGET
