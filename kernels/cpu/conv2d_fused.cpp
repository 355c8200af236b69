// A convolution that normalises its input as it reads it and measures its result as it writes it: the map between two
// convolutions is written once and read once. For inference, where nobody asks for the normalised map.
#include "kernels/cpu/conv2d_algorithms.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

ConvSource<float> source_of(const float* x, const ConvFusion& f) {
  const bool active = f.activation.activation == Activation::leaky_relu;
  check(active || f.activation.activation == Activation::none,
        "conv2d_fused: expected no activation or leaky_relu before the convolution, got tanh");
  check(f.border != PadMode::replicate,
        "conv2d_fused: expected a border of zeros or reflection, got replicate");
  const bool normalised = static_cast<bool>(f.scale);
  return {.x = x,
          .scale = normalised ? f.scale.as<float>() : nullptr,
          .shift = normalised ? f.shift.as<float>() : nullptr,
          .slope = active ? static_cast<float>(f.activation.slope) : 1.0F,
          .border = f.border};
}

}  // namespace

void conv2d_fused(Machine& m, const float* x, const float* weight, const float* bias, float* y,
                  const Conv2dShape& s, const ConvFusion& f) {
  const ConvSource<float> source = source_of(x, f);
  float* const mean = f.mean ? f.mean.as<float>() : nullptr;
  float* const variance = f.mean ? f.variance.as<float>() : nullptr;
  if (!takes_winograd(m, ConvPass::forward, s)) {
    conv2d_direct(m, source, weight, bias, y, s);
    if (mean != nullptr) moments(m, y, mean, variance, {s.n, s.p() * s.q(), s.k});
  } else {
    conv2d_winograd(m, source, weight, bias, y, mean, variance, s, m.products);
  }
}

std::int64_t conv2d_fused_scratch_bytes(const Machine& m, const Conv2dShape& s, const ConvFusion& f) {
  if (takes_winograd(m, ConvPass::forward, s))
    return winograd_scratch_bytes(m, ConvPass::forward, s, m.products, static_cast<bool>(f.mean));
  return direct_scratch_numel(m, ConvPass::forward, s, static_cast<bool>(f.scale)) * size_of(DType::float32);
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
