// Forward and grad_input of a convolution as one computation: an output pixel sees a window of taps over a source image.
//
//   out[n, i, j, o] = sum over a, b, e of  source[n, i*step_h + origin_h + a, j*step_w + origin_w + b, e] * filter(o, a, b, e)
//
// with zeros outside the source.
// Forward: source = x, (a, b) = (r, s), step = stride, origin = -padding.
// grad_input: dx[h] = sum over r of dy[(h + top - r) / stride] * weight[r], where the division leaves nothing. The pixels
//   h = stride*i + phase see only the rows r = first + stride*t, first = (phase + top) % stride, and of dy the row
//   i + (phase + top - first) / stride - t. So each phase is a window of step 1 over dy, with a = taps - 1 - t; nothing is
//   multiplied with inserted zeros. A phase without taps is all zeros.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/cuda/launch.h"
#include "kernels/shapes.h"

namespace dg::DG_TARGET {

struct ConvWindow {
  int images = 0, source_h = 0, source_w = 0, source_c = 0;
  int out_h = 0, out_w = 0, out_c = 0;
  int step_h = 1, step_w = 1, origin_h = 0, origin_w = 0;
  int taps_h = 0, taps_w = 0;
  // Output pixel (n, i, j) begins at element out_first + n * out_image + i * out_row + j * out_column.
  std::int64_t out_first = 0, out_image = 0, out_row = 0, out_column = 0;
  // filter(o, a, b, e) is element filter_first + o * filter_o + a * filter_a + b * filter_b + e * filter_e of the weights.
  int filter_first = 0, filter_o = 0, filter_a = 0, filter_b = 0, filter_e = 0;

  DG_HOST_DEVICE std::int64_t pixels() const { return std::int64_t{images} * out_h * out_w; }
  DG_HOST_DEVICE int depth() const { return taps_h * taps_w * source_c; }
};

// The checks are those of the 32-bit arithmetic that kernels do inside an image's window.
inline void check_window(const ConvWindow& w, const Conv2dShape& s, const char* kernel) {
  constexpr std::int64_t kBeyond =
      256;  // the last tile and the last step reach beyond the end, but by less than this
  to_int32(w.pixels() + kBeyond, kernel, "the number of output pixels");
  to_int32(s.weight_numel() + kBeyond, kernel, "the number of weights");
  to_int32((w.taps_h + kBeyond / 16) * w.source_w * w.source_c, kernel, "a window's rows of the image");
}

inline ConvWindow forward_window(const Conv2dShape& s, const char* kernel) {
  const auto narrow = [&](std::int64_t value) { return to_int32(value, kernel, "an extent"); };
  ConvWindow w;
  w.images = narrow(s.n);
  w.source_h = narrow(s.h);
  w.source_w = narrow(s.w);
  w.source_c = narrow(s.c);
  w.out_h = narrow(s.p());
  w.out_w = narrow(s.q());
  w.out_c = narrow(s.k);
  w.step_h = narrow(s.stride_h);
  w.step_w = narrow(s.stride_w);
  w.origin_h = -narrow(s.padding.top);
  w.origin_w = -narrow(s.padding.left);
  w.taps_h = narrow(s.r);
  w.taps_w = narrow(s.s);
  w.out_image = s.p() * s.q() * s.k;
  w.out_row = s.q() * s.k;
  w.out_column = s.k;
  check_window(w, s, kernel);
  w.filter_o = static_cast<int>(s.r * s.s * s.c);
  w.filter_a = static_cast<int>(s.s * s.c);
  w.filter_b = static_cast<int>(s.c);
  w.filter_e = 1;
  return w;
}

// One dimension of a phase of grad_input.
struct ConvPhase {
  std::int64_t first = 0, taps = 0, origin = 0, count = 0;

  ConvPhase(std::int64_t phase, std::int64_t stride, std::int64_t padding, std::int64_t kernel,
            std::int64_t extent) {
    first = (phase + padding) % stride;
    taps = blocks_for(kernel > first ? kernel - first : 0, stride);
    origin = (phase + padding - first) / stride - (taps - 1);
    count = blocks_for(extent > phase ? extent - phase : 0, stride);
  }
};

// The phases that have pixels; together they write every element of dx once.
inline std::vector<ConvWindow> grad_input_windows(const Conv2dShape& s, const char* kernel) {
  const auto narrow = [&](std::int64_t value) { return to_int32(value, kernel, "an extent"); };
  std::vector<ConvWindow> windows;
  for (std::int64_t phase_h = 0; phase_h < s.stride_h; ++phase_h) {
    const ConvPhase v(phase_h, s.stride_h, s.padding.top, s.r, s.h);
    for (std::int64_t phase_w = 0; phase_w < s.stride_w; ++phase_w) {
      const ConvPhase u(phase_w, s.stride_w, s.padding.left, s.s, s.w);
      if (v.count == 0 || u.count == 0) continue;
      const bool reached = v.taps > 0 && u.taps > 0;
      ConvWindow w;
      w.images = narrow(s.n);
      w.source_h = narrow(s.p());
      w.source_w = narrow(s.q());
      w.source_c = narrow(s.k);
      w.out_h = narrow(v.count);
      w.out_w = narrow(u.count);
      w.out_c = narrow(s.c);
      w.origin_h = static_cast<int>(v.origin);
      w.origin_w = static_cast<int>(u.origin);
      w.taps_h = reached ? narrow(v.taps) : 0;
      w.taps_w = reached ? narrow(u.taps) : 1;  // never 0: kernels divide by it
      w.out_first = (phase_h * s.w + phase_w) * s.c;
      w.out_image = s.h * s.w * s.c;
      w.out_row = s.stride_h * s.w * s.c;
      w.out_column = s.stride_w * s.c;
      check_window(w, s, kernel);
      if (reached) {
        const std::int64_t last_r = v.first + s.stride_h * (v.taps - 1);
        const std::int64_t last_s = u.first + s.stride_w * (u.taps - 1);
        w.filter_first = static_cast<int>((last_r * s.s + last_s) * s.c);
      }
      w.filter_o = 1;
      w.filter_a = static_cast<int>(-s.stride_h * s.s * s.c);
      w.filter_b = static_cast<int>(-s.stride_w * s.c);
      w.filter_e = static_cast<int>(s.r * s.s * s.c);
      windows.push_back(w);
    }
  }
  return windows;
}

}  // namespace dg::DG_TARGET
