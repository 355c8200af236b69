// A valid convolution of a padded image, into which conv2d and each phase of its grad_input turn:
//   out[i,j,k] = bias[k] + sum over r, s, c of in[row0 + i*stride_h + r, col0 + j*stride_w + s, c] * weight[k,r,s,c].
// The window's row under one output pixel is contiguous memory, S*C values, so it is one long inner loop.
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
  PaddedImage<T> in;
  std::int64_t images = 0, row0 = 0, col0 = 0, stride_h = 1, stride_w = 1;
  std::int64_t kernel_h = 0, kernel_w = 0, out_channels = 0;
  const T* bias = nullptr;
  T* out = nullptr;
  std::int64_t out_h = 0, out_w = 0, out_image = 0, out_row = 0, out_column = 0;

  std::int64_t window_row() const { return kernel_w * in.channels; }
  const T* input(std::int64_t n, std::int64_t i, std::int64_t j) const {
    return in.at(n, row0 + i * stride_h, col0 + j * stride_w);
  }
  T* output(std::int64_t n, std::int64_t i, std::int64_t j) const {
    return out + n * out_image + i * out_row + j * out_column;
  }
};

// ---- many output channels ----

// weight(k, r, s, c) -> [k / block][r][s][c][block] with zeros beyond the last k.
template <typename T, int Vecs, typename Weight>
Workspace::Borrowed<T> pack_blocks(Machine& m, const ValidConv<T>& c, const Weight& weight) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  const std::int64_t blocks = (c.out_channels + kBlock - 1) / kBlock;
  const std::int64_t taps = c.kernel_h * c.kernel_w;
  const std::int64_t size = blocks * taps * c.in.channels * kBlock;
  auto packed = m.workspace.borrow<T>(size);
  parallel_for(m.threads, blocks * taps, size, [&](std::int64_t task) {
    const std::int64_t first_k = task / taps * kBlock;
    const std::int64_t r = task % taps / c.kernel_w;
    const std::int64_t s = task % c.kernel_w;
    T* target = packed.data() + task * c.in.channels * kBlock;
    for (std::int64_t lane = 0; lane < kBlock; ++lane) {
      for (std::int64_t channel = 0; channel < c.in.channels; ++channel) {
        target[channel * kBlock + lane] =
            first_k + lane < c.out_channels ? weight(first_k + lane, r, s, channel) : T(0);
      }
    }
  });
  return packed;
}

// bias holds a full block.
template <typename T, int Rows, int Vecs>
void block_tile(const ValidConv<T>& c, const T* in, const T* weights, const T* bias, T* out,
                std::int64_t columns) {
  Tile<T, Rows, Vecs> tile;
  tile.clear();
  const std::int64_t steps = c.window_row();
  for (std::int64_t r = 0; r < c.kernel_h; ++r) {
    tile.accumulate(in + r * c.in.width * c.in.channels, c.stride_w * c.in.channels, 1,
                    weights + r * steps * Vecs * kLanes<T>, Vecs * kLanes<T>, steps);
  }
  for (int i = 0; i < Rows; ++i) {
    for (int v = 0; v < Vecs; ++v) tile.acc[i][v] += load(bias + v * kLanes<T>);
  }
  tile.store_rows(out, c.out_column, columns);
}

template <typename T, int Vecs, typename Weight>
void valid_conv_blocks(Machine& m, const ValidConv<T>& c, const Weight& weight) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  constexpr std::int64_t kRowsPerTask = 4;
  const auto packed = pack_blocks<T, Vecs>(m, c, weight);
  const std::int64_t k_blocks = (c.out_channels + kBlock - 1) / kBlock;
  const std::int64_t row_blocks = (c.out_h + kRowsPerTask - 1) / kRowsPerTask;
  const std::int64_t block_size = c.kernel_h * c.window_row() * kBlock;
  parallel_for(m.threads, c.images * row_blocks * k_blocks, [&](std::int64_t task) {
    const std::int64_t k = task % k_blocks * kBlock;
    const std::int64_t first_row = task / k_blocks % row_blocks * kRowsPerTask;
    const std::int64_t n = task / k_blocks / row_blocks;
    const T* weights = packed.data() + task % k_blocks * block_size;
    T bias[kBlock] = {};
    if (c.bias != nullptr) std::copy(c.bias + k, c.bias + std::min(k + kBlock, c.out_channels), bias);
    for (std::int64_t i = first_row; i < std::min(first_row + kRowsPerTask, c.out_h); ++i) {
      for_row_groups(c.out_w, [&](std::int64_t j, std::int64_t rows) {
        dispatch_rows(rows, [&]<int Rows>() {
          block_tile<T, Rows, Vecs>(c, c.input(n, i, j), weights, bias, c.output(n, i, j) + k,
                                    c.out_channels - k);
        });
      });
    }
  });
}

// ---- few output channels ----

// weight(k, r, s, c) -> [r][chunk of the window's row][k][lane]. The last chunk ends with the row and so overlaps the
// one before; the lanes that it repeats are zero.
template <typename T, int Channels, typename Weight>
Workspace::Borrowed<T> pack_chunks(Machine& m, const ValidConv<T>& c, const Weight& weight) {
  const std::int64_t length = c.window_row();
  const std::int64_t chunks = dot_chunks<T>(length);
  auto packed = m.workspace.borrow<T>(c.kernel_h * chunks * Channels * kLanes<T>);
  T* target = packed.data();
  for (std::int64_t r = 0; r < c.kernel_h; ++r) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (std::int64_t k = 0; k < Channels; ++k) {
        for (std::int64_t lane = 0; lane < kLanes<T>; ++lane) {
          const std::int64_t at = dot_offset<T>(chunk, length) + lane;
          *target++ = at < chunk * kLanes<T> ? T(0) : weight(k, r, at / c.in.channels, at % c.in.channels);
        }
      }
    }
  }
  return packed;
}

template <typename T, int Channels, typename Weight>
void valid_conv_chunks(Machine& m, const ValidConv<T>& c, const Weight& weight) {
  using Tile = DotTile<T, Channels>;
  const auto packed = pack_chunks<T, Channels>(m, c, weight);
  const std::int64_t chunks = dot_chunks<T>(c.window_row());
  parallel_for(m.threads, c.images * c.out_h, [&](std::int64_t task) {
    const std::int64_t n = task / c.out_h;
    const std::int64_t i = task % c.out_h;
    // The last tile of a row is moved back to end with it: some pixels are computed twice, to the same bits.
    for (std::int64_t begin = 0; begin < c.out_w; begin += Tile::kPixels) {
      const std::int64_t j = std::min(begin, c.out_w - Tile::kPixels);
      const T* in = c.input(n, i, j);
      Tile tile;
      tile.clear();
      for (std::int64_t r = 0; r < c.kernel_h; ++r) {
        tile.accumulate(in + r * c.in.width * c.in.channels, c.stride_w * c.in.channels,
                        packed.data() + r * chunks * Channels * kLanes<T>, c.window_row());
      }
      tile.store_pixels(c.output(n, i, j), c.out_column, c.bias);
    }
  });
}

// body.template operator()<Channels>() if lanes along the window's row serve this convolution better than lanes along
// its output channels; returns whether they do.
template <typename T, typename Body>
bool dispatch_few_channels(const ValidConv<T>& c, const Body& body) {
  const auto fits = [&]<int Channels>() {
    if constexpr (kFewChannels<T> >= Channels) {
      if (c.out_channels == Channels && c.window_row() >= kLanes<T> &&
          c.out_w >= DotTile<T, Channels>::kPixels) {
        body.template operator()<Channels>();
        return true;
      }
    }
    return false;
  };
  return fits.template operator()<1>() || fits.template operator()<2>() || fits.template operator()<3>() ||
         fits.template operator()<4>();
}

// weight(k, r, s, c) is read once for packing.
template <typename T, typename Weight>
void valid_conv(Machine& m, const ValidConv<T>& c, const Weight& weight) {
  if (dispatch_few_channels(c, [&]<int Channels>() { valid_conv_chunks<T, Channels>(m, c, weight); })) return;
  if (c.out_channels > kLanes<T>) {
    valid_conv_blocks<T, 2>(m, c, weight);
  } else {
    valid_conv_blocks<T, 1>(m, c, weight);
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
