// From Winograd's products back to pixels, with the statistics of what is written.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"
#include "kernels/cpu/winograd_tiles.h"

namespace dg::cpu::DG_CPU_ISA {

// Images (n, h, w, channels) made of tiles. Output (i, j) of a tile, in phase (a, b), is the pixel
// (step * i + a - top, step * j + b - left); what lies outside is left out.
struct OutputImage {
  std::int64_t h, w, channels;
  std::int64_t step = 1, top = 0, left = 0;
};

// The outputs [first, last) of a tile that lie inside, and the pixel of output 0, in one direction.
struct OutputSpan {
  std::int64_t origin, first, last;

  // extent: of the image; at: of the tile's first output; outputs: of a tile.
  OutputSpan(std::int64_t extent, std::int64_t step, std::int64_t at, std::int64_t offset,
             std::int64_t outputs)
      : origin(step * at + offset),
        first(origin < 0 ? 1 : 0),
        last(std::min(outputs, (extent - origin + step - 1) / step)) {}
  std::int64_t size() const { return last - first; }
};

// Those of a tile of the only phase.
template <int Outputs>
std::int64_t pixels_of(const OutputImage& image, const TilePlace& at) {
  return OutputSpan(image.h, 1, at.row, 0, Outputs).size() *
         OutputSpan(image.w, 1, at.column, 0, Outputs).size();
}

// Where the statistics of a task's outputs are gathered, tile by tile.
struct TaskMoments {
  float* mean = nullptr;  // (channels), or null
  float* m2 = nullptr;    // (channels): squared deviations
  float pixels = 0.0F;    // so far
};

// Joins the statistics of a register of channels with those of one more tile, of `rows` x `columns` outputs.
template <int Outputs>
void add_moments(const TaskMoments& task, std::int64_t k, const Vec<float> (&y)[Outputs][Outputs],
                 std::int64_t rows, std::int64_t columns) {
  Vec<float> sum{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) sum += y[i][j];
  }
  const auto pixels = static_cast<float>(rows * columns);
  const float all = task.pixels + pixels;
  const Vec<float> mean = sum * (1.0F / pixels);
  Vec<float> m2{};
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) m2 += (y[i][j] - mean) * (y[i][j] - mean);
  }
  const Vec<float> delta = mean - load(task.mean + k);
  store(task.mean + k, load(task.mean + k) + delta * (pixels / all));
  store(task.m2 + k, load(task.m2 + k) + m2 + delta * delta * (task.pixels * pixels / all));
}

// A^T m A + bias for `count` channels from k on, a multiple of a register; products of one position lie `stride` apart from
// those of the next. bias may be null.
template <int Outputs>
void store_tile(const OutputImage& image, const float* m, std::int64_t stride, const TilePlace& at,
                std::int64_t phase, std::int64_t k, std::int64_t count, const float* bias, float* y,
                const TaskMoments& moments) {
  using namespace winograd;
  const OutputSpan rows(image.h, image.step, at.row, phase / image.step - image.top, Outputs);
  const OutputSpan columns(image.w, image.step, at.column, phase % image.step - image.left, Outputs);
  for (std::int64_t c = 0; c < count; c += kLanes<float>) {
    Vec<float> lines[kTile][Outputs];
    for (int i = 0; i < kTile; ++i) {
      const float* from = m + i * kTile * stride + c;
      transform_output({load(from), load(from + stride), load(from + 2 * stride), load(from + 3 * stride),
                        load(from + 4 * stride), load(from + 5 * stride)},
                       lines[i]);
    }
    const Vec<float> shift = bias != nullptr ? load(bias + k + c) : Vec<float>{};
    Vec<float> outputs[Outputs][Outputs];
    for (int j = 0; j < Outputs; ++j) {
      Vec<float> column[Outputs];
      transform_output({lines[0][j], lines[1][j], lines[2][j], lines[3][j], lines[4][j], lines[5][j]},
                       column);
      for (int i = 0; i < Outputs; ++i) outputs[i][j] = column[i] + shift;
    }
    for (std::int64_t i = rows.first; i < rows.last; ++i) {
      const std::int64_t row = (at.image * image.h + rows.origin + i * image.step) * image.w;
      for (std::int64_t j = columns.first; j < columns.last; ++j) {
        store(y + (row + columns.origin + j * image.step) * image.channels + k + c, outputs[i][j]);
      }
    }
    if (moments.mean != nullptr) add_moments(moments, k + c, outputs, rows.size(), columns.size());
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
