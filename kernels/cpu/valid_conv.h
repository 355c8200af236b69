// Valid convolutions of a bordered image, into which conv2d and the phases of its grad_input turn:
//   out[i,j,k] = bias[k] + sum over r, s, c of in[row0 + i*stride_h + r, col0 + j*stride_w + s, c] * weight[k,r,s,c].
// The window's row under one output pixel is contiguous memory, S*C values, so it is one long inner loop.
//
// A task makes some rows of the output. Where the image has a border or is yet to be normalised, it first copies the rows
// under them into memory of its thread: no bordered copy of a whole image is ever made.
//
// Two ways through the registers:
//   many output channels (fma_tile.h)  lanes are output channels; a value of the image is broadcast to all of them.
//   few (dot_tile.h)                   lanes are positions in the window's row, added up once at the end.
#pragma once

#include "kernels/cpu/dot_tile.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/padded_image.h"

namespace dg::cpu::DG_CPU_ISA {

// Output pixels lie `out_row` and `out_column` elements apart.
template <typename T>
struct ValidConv {
  std::int64_t row0 = 0, col0 = 0, stride_h = 1, stride_w = 1;
  std::int64_t kernel_h = 0, kernel_w = 0, in_channels = 0, out_channels = 0;
  const T* bias = nullptr;
  T* out = nullptr;
  std::int64_t out_h = 0, out_w = 0, out_image = 0, out_row = 0, out_column = 0;

  std::int64_t window_row() const { return kernel_w * in_channels; }
  std::int64_t input_row(std::int64_t i) const { return row0 + i * stride_h; }
  std::int64_t input_column(std::int64_t j) const { return col0 + j * stride_w; }
  T* output(std::int64_t n, std::int64_t i, std::int64_t j) const {
    return out + n * out_image + i * out_row + j * out_column;
  }
};

// The weight of output channel k, tap (r, s) and input channel c, wherever it lies: strides may be negative.
template <typename T>
struct WeightView {
  const T* data = nullptr;
  std::int64_t stride_k = 0, stride_r = 0, stride_s = 0, stride_c = 0;

  const T* at(std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c) const {
    return data + k * stride_k + r * stride_r + s * stride_s + c * stride_c;
  }
};

// Rows [first_row, last_row) of one image's output, and blocks [first_block, last_block) of its channels.
struct OutputPart {
  std::int64_t image, first_row, last_row, first_block, last_block;
};

// A convolution with its weights in the order in which one of the two ways reads them.
template <typename T>
struct PackedConv {
  ValidConv<T> conv;
  Workspace::Borrowed<T> weights;
  std::int64_t blocks;  // of output channels
  void (*run)(const PackedConv&, const ImageRows<T>& in, const OutputPart& part);
};

// ---- many output channels ----

// [c][lane] of a register of output channels from k on, at one tap.
template <typename T>
void pack_lanes(const WeightView<T>& weight, std::int64_t k, std::int64_t lanes, std::int64_t r,
                std::int64_t s, std::int64_t channels, T* target, std::int64_t target_stride) {
  std::int64_t first = 0;
  if (lanes == kLanes<T> && weight.stride_c == 1) {
    for (; first + kLanes<T> <= channels; first += kLanes<T>) {
      Vec<T> rows[kLanes<T>];
      for (int i = 0; i < kLanes<T>; ++i) rows[i] = load(weight.at(k + i, r, s, first));
      transpose<T>(rows);
      for (int i = 0; i < kLanes<T>; ++i) store(target + (first + i) * target_stride, rows[i]);
    }
  }
  for (std::int64_t c = first; c < channels; ++c) {
    T* const to = target + c * target_stride;
    if (lanes == kLanes<T> && weight.stride_k == 1) {
      store(to, load(weight.at(k, r, s, c)));
    } else {
      for (std::int64_t lane = 0; lane < kLanes<T>; ++lane) {
        to[lane] = lane < lanes ? *weight.at(k + lane, r, s, c) : T(0);
      }
    }
  }
}

// [k / block][r][s][c][block] with zeros beyond the last k.
template <typename T, int Vecs>
Workspace::Borrowed<T> pack_blocks(Machine& m, const ValidConv<T>& c, const WeightView<T>& weight) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  const std::int64_t blocks = (c.out_channels + kBlock - 1) / kBlock;
  const std::int64_t taps = c.kernel_h * c.kernel_w;
  const std::int64_t size = blocks * taps * c.in_channels * kBlock;
  auto packed = m.workspace.borrow<T>(size);
  parallel_for(m.threads, blocks * taps, size, [&](std::int64_t task) {
    const std::int64_t first_k = task / taps * kBlock;
    const std::int64_t r = task % taps / c.kernel_w;
    const std::int64_t s = task % c.kernel_w;
    T* target = packed.data() + task * c.in_channels * kBlock;
    for (std::int64_t v = 0; v < kBlock; v += kLanes<T>) {
      const std::int64_t lanes = std::clamp<std::int64_t>(c.out_channels - first_k - v, 0, kLanes<T>);
      pack_lanes(weight, first_k + v, lanes, r, s, c.in_channels, target + v, kBlock);
    }
  });
  return packed;
}

// bias holds a full block.
template <typename T, int Rows, int Vecs>
void block_tile(const ValidConv<T>& c, const ImageRows<T>& rows, std::int64_t row, std::int64_t column,
                const T* weights, const T* bias, T* out, std::int64_t columns) {
  // The memory of the result comes while the sums are made.
  for (int i = 0; i < Rows; ++i) {
    for (int v = 0; v < Vecs; ++v) __builtin_prefetch(out + i * c.out_column + v * kLanes<T>, 1);
  }
  Tile<T, Rows, Vecs> tile;
  tile.fill(bias);
  tile.accumulate(rows.at(row, column), c.stride_w * rows.channels, 1, weights, Vecs * kLanes<T>,
                  c.window_row(), c.kernel_h, rows.width * rows.channels);
  tile.store_rows(out, c.out_column, columns);
}

template <typename T, int Vecs>
void run_blocks(const PackedConv<T>& packed, const ImageRows<T>& in, const OutputPart& part) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  const ValidConv<T>& c = packed.conv;
  const std::int64_t block_size = c.kernel_h * c.window_row() * kBlock;
  for (std::int64_t block = part.first_block; block < part.last_block; ++block) {
    const std::int64_t k = block * kBlock;
    const T* weights = packed.weights.data() + block * block_size;
    T bias[kBlock] = {};
    if (c.bias != nullptr) std::copy(c.bias + k, c.bias + std::min(k + kBlock, c.out_channels), bias);
    for (std::int64_t i = part.first_row; i < part.last_row; ++i) {
      for_row_groups(c.out_w, [&](std::int64_t j, std::int64_t pixels) {
        dispatch_rows(pixels, [&]<int Rows>() {
          block_tile<T, Rows, Vecs>(c, in, c.input_row(i), c.input_column(j), weights, bias,
                                    c.output(part.image, i, j) + k, c.out_channels - k);
        });
      });
    }
  }
}

template <typename T, int Vecs>
PackedConv<T> packed_blocks(Machine& m, const ValidConv<T>& c, const WeightView<T>& weight) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  return {c, pack_blocks<T, Vecs>(m, c, weight), (c.out_channels + kBlock - 1) / kBlock,
          &run_blocks<T, Vecs>};
}

// ---- few output channels ----

// [r][chunk of the window's row][k][lane]. The last chunk ends with the row and so overlaps the
// one before; the lanes that it repeats are zero.
template <typename T, int Channels>
Workspace::Borrowed<T> pack_chunks(Machine& m, const ValidConv<T>& c, const WeightView<T>& weight) {
  const std::int64_t length = c.window_row();
  const std::int64_t chunks = dot_chunks<T>(length);
  auto packed = m.workspace.borrow<T>(c.kernel_h * chunks * Channels * kLanes<T>);
  T* target = packed.data();
  for (std::int64_t r = 0; r < c.kernel_h; ++r) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (std::int64_t k = 0; k < Channels; ++k) {
        for (std::int64_t lane = 0; lane < kLanes<T>; ++lane) {
          const std::int64_t at = dot_offset<T>(chunk, length) + lane;
          *target++ =
              at < chunk * kLanes<T> ? T(0) : *weight.at(k, r, at / c.in_channels, at % c.in_channels);
        }
      }
    }
  }
  return packed;
}

template <typename T, int Channels>
void run_chunks(const PackedConv<T>& packed, const ImageRows<T>& in, const OutputPart& part) {
  using Tile = DotTile<T, Channels>;
  const ValidConv<T>& c = packed.conv;
  const std::int64_t chunks = dot_chunks<T>(c.window_row());
  for (std::int64_t i = part.first_row; i < part.last_row; ++i) {
    // The last tile of a row is moved back to end with it: some pixels are computed twice, to the same bits.
    for (std::int64_t begin = 0; begin < c.out_w; begin += Tile::kPixels) {
      const std::int64_t j = std::min(begin, c.out_w - Tile::kPixels);
      Tile tile;
      tile.clear();
      for (std::int64_t r = 0; r < c.kernel_h; ++r) {
        tile.accumulate(in.at(c.input_row(i) + r, c.input_column(j)), c.stride_w * in.channels,
                        packed.weights.data() + r * chunks * Channels * kLanes<T>, c.window_row());
      }
      tile.store_pixels(c.output(part.image, i, j), c.out_column, c.bias);
    }
  }
}

// The packed convolution, if lanes along the window's row serve it better than lanes along its output channels.
template <typename T>
std::optional<PackedConv<T>> packed_chunks(Machine& m, const ValidConv<T>& c, const WeightView<T>& weight) {
  std::optional<PackedConv<T>> packed;
  const auto try_channels = [&]<int Channels>() {
    if constexpr (kFewChannels<T> >= Channels) {
      if (c.out_channels == Channels && c.window_row() >= kLanes<T> &&
          c.out_w >= DotTile<T, Channels>::kPixels) {
        packed.emplace(PackedConv<T>{c, pack_chunks<T, Channels>(m, c, weight), 1, &run_chunks<T, Channels>});
      }
    }
  };
  try_channels.template operator()<1>();
  try_channels.template operator()<2>();
  try_channels.template operator()<3>();
  try_channels.template operator()<4>();
  return packed;
}

template <typename T>
PackedConv<T> pack(Machine& m, const ValidConv<T>& c, const WeightView<T>& weight) {
  if (auto packed = packed_chunks(m, c, weight)) return std::move(*packed);
  if (c.out_channels > kLanes<T>) return packed_blocks<T, 2>(m, c, weight);
  return packed_blocks<T, 1>(m, c, weight);
}

// ---- all rows of all images ----

// Output rows of a task: neighbours share kernel - stride rows of the image, which are copied for both.
inline std::int64_t most_rows_per_task(std::int64_t kernel_h, std::int64_t stride_h) {
  return std::max<std::int64_t>(4, 2 * (kernel_h - stride_h));
}

// Tasks enough to keep all threads busy to the end: by rows, then by channels, since every task reads the weights of its
// channels, and then by fewer rows.
struct ConvTasks {
  std::int64_t rows, row_blocks, splits;  // of the channels

  ConvTasks(const Machine& m, std::int64_t images, std::int64_t out_h, std::int64_t channel_blocks,
            std::int64_t most_rows) {
    const std::int64_t wanted = m.threads.size() > 1 ? 4 * m.threads.size() : 1;
    rows = std::clamp<std::int64_t>(out_h, 1, most_rows);
    row_blocks = (out_h + rows - 1) / rows;
    splits =
        std::clamp<std::int64_t>(wanted / std::max<std::int64_t>(images * row_blocks, 1), 1, channel_blocks);
    if (images * row_blocks * splits >= wanted) return;
    rows = std::max<std::int64_t>(1, images * out_h * splits / wanted);
    row_blocks = (out_h + rows - 1) / rows;
  }
};

// Parts of one result that read the same images.
template <typename T>
void valid_convs(Machine& m, const BorderedImages<T>& in, const std::vector<PackedConv<T>>& parts) {
  std::int64_t out_h = 0;
  std::int64_t blocks = 1;
  std::int64_t kernel_h = 1;
  std::int64_t stride_h = 1;
  for (const PackedConv<T>& part : parts) {
    out_h = std::max(out_h, part.conv.out_h);
    blocks = std::max(blocks, part.blocks);
    kernel_h = std::max(kernel_h, part.conv.kernel_h);
    stride_h = part.conv.stride_h;
  }
  const ConvTasks tasks(m, in.n, out_h, blocks, most_rows_per_task(kernel_h, stride_h));
  // The rows of the image under some rows of all parts.
  const auto rows_under = [&](std::int64_t first, std::int64_t last) {
    std::int64_t begin = in.height();
    std::int64_t end = 0;
    for (const PackedConv<T>& part : parts) {
      if (first >= part.conv.out_h) continue;
      begin = std::min(begin, part.conv.input_row(first));
      end = std::max(end, part.conv.input_row(std::min(last, part.conv.out_h) - 1) + part.conv.kernel_h);
    }
    return std::pair{begin, end};
  };
  std::int64_t most_rows = 0;
  for (std::int64_t first = 0; first < out_h; first += tasks.rows) {
    const auto [begin, end] = rows_under(first, first + tasks.rows);
    most_rows = std::max(most_rows, end - begin);
  }
  const std::int64_t count = tasks.splits * in.n * tasks.row_blocks;
  const std::int64_t workers = std::min<std::int64_t>(m.threads.size(), count);
  const std::int64_t buffer_numel = in.as_it_lies() ? 0 : most_rows * in.row_numel();
  const auto buffers = m.workspace.borrow<T>(workers * buffer_numel);
  std::atomic<std::int64_t> next{0};
  m.threads.run(workers, [&](std::int64_t worker) {
    for (std::int64_t task = next++; task < count; task = next++) {
      const std::int64_t split = task / tasks.row_blocks / in.n;
      const std::int64_t image = task / tasks.row_blocks % in.n;
      const std::int64_t first = task % tasks.row_blocks * tasks.rows;
      const auto [begin, end] = rows_under(first, first + tasks.rows);
      const ImageRows<T> rows = in.rows(image, begin, end, buffers.data() + worker * buffer_numel);
      for (const PackedConv<T>& part : parts) {
        const OutputPart output{image, first, std::min(first + tasks.rows, part.conv.out_h),
                                part.blocks * split / tasks.splits, part.blocks * (split + 1) / tasks.splits};
        if (output.first_row < output.last_row) part.run(part, rows, output);
      }
    }
  });
}

}  // namespace dg::cpu::DG_CPU_ISA
