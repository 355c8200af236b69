// The weights of a convolution, transformed as Winograd's products read them: in panels of as many output channels as a
// register tile has. The phases of a strided convolution (winograd_tiles.h) are further input channels, those of its
// grad_input further output channels, from a new panel on.
#pragma once

#include "kernels/cpu/conv2d_algorithms.h"
#include "kernels/cpu/winograd_tiles.h"

namespace dg::cpu::DG_CPU_ISA {

inline constexpr std::int64_t kWinogradPanel = 2 * kLanes<float>;

struct WinogradWeights {
  const float* weight;  // (K, R, S, C)
  Conv2dShape shape;
  ConvPass pass;  // forward, or grad_input: turned around, with input and output channels exchanged

  bool forward() const { return pass == ConvPass::forward; }
  std::int64_t phases() const { return shape.stride_h * shape.stride_w; }
  std::int64_t channels() const { return forward() ? shape.c : shape.k; }  // of the image
  std::int64_t outputs() const { return forward() ? shape.k : shape.c; }
  std::int64_t all_channels() const { return forward() ? phases() * channels() : channels(); }
  std::int64_t panels_of_phase() const { return (outputs() + kWinogradPanel - 1) / kWinogradPanel; }
  std::int64_t panels() const { return forward() ? panels_of_phase() : phases() * panels_of_phase(); }
  // First output channel of a panel, and how many it has: the last of a phase may be half full.
  std::int64_t first_output(std::int64_t panel) const { return panel % panels_of_phase() * kWinogradPanel; }
  std::int64_t outputs_in(std::int64_t panel) const {
    return std::min(kWinogradPanel, outputs() - first_output(panel));
  }

  // g[i]: the weights of a register of outputs from k on, at tap t of a phase in both directions, of channel c + i.
  template <int Taps>
  void load_tap(std::int64_t k, std::int64_t row, std::int64_t column, std::int64_t phase, std::int64_t c,
                Vec<float> (&g)[kLanes<float>]) const {
    const std::int64_t step = shape.stride_h;
    const std::int64_t r = step * (forward() ? row : Taps - 1 - row) + phase / step;
    const std::int64_t s = step * (forward() ? column : Taps - 1 - column) + phase % step;
    if (r >= shape.r || s >= shape.s || k >= outputs()) {
      std::fill(std::begin(g), std::end(g), Vec<float>{});
      return;
    }
    for (int i = 0; i < kLanes<float>; ++i) {
      const std::int64_t filter = forward() ? k + i : c + i;
      const std::int64_t filter_size = shape.r * shape.s * shape.c;
      const float* const from =
          weight + filter * filter_size + (r * shape.s + s) * shape.c + (forward() ? c : k);
      g[i] = load(from);
      __builtin_prefetch(from + kLanes<float> * (forward() ? 1 : filter_size));  // of the next channels
    }
    if (forward()) transpose<float>(g);
  }
};

// G g G^T of one panel and the input channels [first_c, last_c): U[position][c][k in panel], positions `stride` apart, as
// the right operands of products of P; zeros beyond the last output.
template <int Taps, typename P>
void transform_weights(const WinogradWeights& w, std::int64_t panel, std::int64_t first_c,
                       std::int64_t last_c, P* u, std::int64_t stride) {
  using namespace winograd;
  constexpr std::int64_t kLane = kLanes<float>;
  constexpr int kSteps = kStepsAtOnce<P>;
  for (std::int64_t c = first_c; c < last_c; c += kLane) {
    const std::int64_t phase = w.forward() ? c / w.channels() : panel / w.panels_of_phase();
    for (std::int64_t lanes = 0; lanes < kWinogradPanel; lanes += kLane) {
      const std::int64_t k = w.first_output(panel) + lanes;
      Vec<float> g[Taps][Taps][kLane];
      for (int r = 0; r < Taps; ++r) {
        for (int t = 0; t < Taps; ++t) w.load_tap<Taps>(k, r, t, phase, c % w.channels(), g[r][t]);
      }
      for (std::int64_t i = 0; i < kLane; i += kSteps) {
        Vec<float> columns[kSteps][Taps][kTile];  // [t]: the column of taps t, transformed
        for (int step = 0; step < kSteps; ++step) {
          for (int t = 0; t < Taps; ++t) {
            Vec<float> taps[Taps];
            for (int r = 0; r < Taps; ++r) taps[r] = g[r][t][i + step];
            transform_filter(taps, columns[step][t]);
          }
        }
        P* const target = u + (c - first_c + i) * kWinogradPanel + lanes * kSteps;
        for (int j = 0; j < kTile; ++j) {
          Vec<float> rows[kTile][kSteps];
          for (int step = 0; step < kSteps; ++step) {
            Vec<float> taps[Taps];
            for (int t = 0; t < Taps; ++t) taps[t] = columns[step][t][j];
            Vec<float> row[kTile];
            transform_filter(taps, row);
            for (int p = 0; p < kTile; ++p) rows[p][step] = row[p];
          }
          for (int p = 0; p < kTile; ++p) store_steps(target + (j * kTile + p) * stride, rows[p]);
        }
      }
    }
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
