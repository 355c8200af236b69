// Direct convolutions on the register tile of fma_tile.h. In NHWC the window's row under one output pixel is
// contiguous memory, S*C values; so a kernel row is one long inner loop and no im2col is needed (valid_conv.h).
//
// grad_input with stride: the input pixels h = stride*i + phase see only the kernel rows r with
// (h + top - r) divisible by stride, each phase a plain stride-1 convolution of dy with those rows in reverse
// order; no multiplication with inserted zeros.
//
// Tolerance against float64, float32 storage: sums of R*S*C (grad_weight: N*P*Q) products in float; the relative
// error of the largest result stays below 1e-5 for the shapes of the presets (tests/kernels/conv2d_test.cpp).
#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/grad_weight_tiles.h"
#include "kernels/cpu/padded_image.h"
#include "kernels/cpu/valid_conv.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// One dimension of one phase of grad_input: which kernel taps reach the input positions phase, phase + stride, ...
// and where their window starts in dy.
struct Phase {
  std::int64_t first_tap = 0, taps = 0, start = 0, count = 0;
};

Phase make_phase(std::int64_t phase, std::int64_t stride, std::int64_t pad, std::int64_t kernel,
                 std::int64_t extent) {
  Phase out;
  out.first_tap = (phase + pad) % stride;
  out.taps = out.first_tap < kernel ? (kernel - out.first_tap + stride - 1) / stride : 0;
  out.start = (phase + pad - out.first_tap) / stride - (out.taps - 1);
  out.count = extent > phase ? (extent - phase + stride - 1) / stride : 0;
  return out;
}

// How far the windows of all phases reach beyond dy's `extent`, before and after.
std::pair<std::int64_t, std::int64_t> margins(std::int64_t stride, std::int64_t pad, std::int64_t kernel,
                                              std::int64_t input, std::int64_t extent) {
  std::int64_t before = 0;
  std::int64_t after = 0;
  for (std::int64_t phase = 0; phase < stride; ++phase) {
    const Phase f = make_phase(phase, stride, pad, kernel, input);
    if (f.taps == 0 || f.count == 0) continue;
    before = std::max(before, -f.start);
    after = std::max(after, f.count - 1 + f.start + f.taps - extent);
  }
  return {before, after};
}

Padding2d grad_input_margin(const Conv2dShape& s) {
  const auto [top, bottom] = margins(s.stride_h, s.padding.top, s.r, s.h, s.p());
  const auto [left, right] = margins(s.stride_w, s.padding.left, s.s, s.w, s.q());
  return {top, bottom, left, right};
}

// What the tasks of all threads copy of the image at one time.
std::int64_t rows_numel(const Machine& m, const BorderedImages<float>& in, std::int64_t kernel_h,
                        std::int64_t stride_h) {
  if (in.as_it_lies()) return 0;
  const std::int64_t rows = (most_rows_per_task(kernel_h, stride_h) - 1) * stride_h + kernel_h;
  return m.threads.size() * std::min(rows, in.height()) * in.row_numel();
}

}  // namespace

template <typename T>
void conv2d_direct(Machine& m, const ConvSource<T>& source, const T* weight, const T* bias, T* y,
                   const Conv2dShape& s) {
  const BorderedImages<T> in{source, s.n, s.h, s.w, s.c, s.padding};
  const ValidConv<T> conv{.stride_h = s.stride_h,
                          .stride_w = s.stride_w,
                          .kernel_h = s.r,
                          .kernel_w = s.s,
                          .in_channels = s.c,
                          .out_channels = s.k,
                          .bias = bias,
                          .out = y,
                          .out_h = s.p(),
                          .out_w = s.q(),
                          .out_image = s.p() * s.q() * s.k,
                          .out_row = s.q() * s.k,
                          .out_column = s.k};
  std::vector<PackedConv<T>> parts;
  parts.push_back(pack<T>(m, conv, {weight, s.r * s.s * s.c, s.s * s.c, s.c, 1}));
  valid_convs(m, in, parts);
}

template <typename T>
void conv2d_grad_input_direct(Machine& m, const T* dy, const T* weight, const T* bias, T* dx,
                              const Conv2dShape& s) {
  const Padding2d margin = grad_input_margin(s);
  const BorderedImages<T> in{{dy}, s.n, s.p(), s.q(), s.k, margin};
  std::vector<PackedConv<T>> parts;
  for (std::int64_t phase_h = 0; phase_h < s.stride_h; ++phase_h) {
    const Phase fh = make_phase(phase_h, s.stride_h, s.padding.top, s.r, s.h);
    for (std::int64_t phase_w = 0; phase_w < s.stride_w; ++phase_w) {
      const Phase fw = make_phase(phase_w, s.stride_w, s.padding.left, s.s, s.w);
      if (fh.count == 0 || fw.count == 0) continue;
      // Taps in reverse, so that they meet dy in ascending order. No tap at all leaves the bias.
      const bool reached = fh.taps > 0 && fw.taps > 0;
      const std::int64_t taps_h = reached ? fh.taps : 0;
      const std::int64_t taps_w = reached ? fw.taps : 0;
      const ValidConv<T> conv{.row0 = reached ? margin.top + fh.start : 0,
                              .col0 = reached ? margin.left + fw.start : 0,
                              .kernel_h = taps_h,
                              .kernel_w = taps_w,
                              .in_channels = s.k,
                              .out_channels = s.c,
                              .bias = bias,
                              .out = dx + (phase_h * s.w + phase_w) * s.c,
                              .out_h = fh.count,
                              .out_w = fw.count,
                              .out_image = s.h * s.w * s.c,
                              .out_row = s.stride_h * s.w * s.c,
                              .out_column = s.stride_w * s.c};
      const std::int64_t last_r = fh.first_tap + s.stride_h * (taps_h - 1);
      const std::int64_t last_s = fw.first_tap + s.stride_w * (taps_w - 1);
      const T* const last_tap = weight + (last_r * s.s + last_s) * s.c;
      parts.push_back(pack<T>(
          m, conv,
          {reached ? last_tap : weight, 1, -s.stride_h * s.s * s.c, -s.stride_w * s.c, s.r * s.s * s.c}));
    }
  }
  valid_convs(m, in, parts);
}

template <typename T>
void conv2d_grad_weight_direct(Machine& m, const T* x, const T* dy, T* dw, const Conv2dShape& s) {
  // The copy's slack makes full vector loads legal at the end of the last row.
  PaddedImage<T> in;
  const auto padded = padded_copy<T>(m, {{x}, s.n, s.h, s.w, s.c, s.padding}, in);
  grad_weight(m, in, dy, dw, s);
}

// The packed weights, or the partial sums of their gradient, have about as many elements as the weights.
std::int64_t direct_scratch_numel(const Machine& m, ConvPass pass, const Conv2dShape& s, bool normalised) {
  const float some = 0.0F;  // an address that is not read
  const ConvSource<float> source{.scale = normalised ? &some : nullptr};
  const BorderedImages<float> x{source, s.n, s.h, s.w, s.c, s.padding};
  switch (pass) {
    case ConvPass::forward: return s.weight_numel() + rows_numel(m, x, s.r, s.stride_h);
    case ConvPass::grad_input:
      return s.weight_numel() + rows_numel(m, {{}, s.n, s.p(), s.q(), s.k, grad_input_margin(s)},
                                           (s.r + s.stride_h - 1) / s.stride_h, 1);
    case ConvPass::grad_weight: return s.weight_numel() + x.n * x.height() * x.row_numel();
  }
  return 0;
}

template void conv2d_direct(Machine&, const ConvSource<float>&, const float*, const float*, float*,
                            const Conv2dShape&);
template void conv2d_grad_input_direct(Machine&, const float*, const float*, const float*, float*,
                                       const Conv2dShape&);
template void conv2d_grad_weight_direct(Machine&, const float*, const float*, float*, const Conv2dShape&);
template void conv2d_direct(Machine&, const ConvSource<double>&, const double*, const double*, double*,
                            const Conv2dShape&);
template void conv2d_grad_input_direct(Machine&, const double*, const double*, const double*, double*,
                                       const Conv2dShape&);
template void conv2d_grad_weight_direct(Machine&, const double*, const double*, double*, const Conv2dShape&);

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
