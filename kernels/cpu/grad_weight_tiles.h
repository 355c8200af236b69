// The gradient of a convolution's weight, dw[k,r,s,c] = sum over n, p, q of dy[n,p,q,k] * x[n, p*stride_h + r,
// q*stride_w + s, c], as outer products of dy's channels with the window's row (S*C contiguous values) per pixel.
// Lanes run along whichever of the two fills them better; values of the other one are broadcast.
//
// A tile of dw stays in registers for a pass of some hundred pixels; passes are added up in order, one thread per
// tile, so the result does not depend on the number of threads.
#pragma once

#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/padded_image.h"

namespace dg::cpu::DG_CPU_ISA {

// Pixels whose operands stay in the second-level cache while a thread goes through its tiles.
constexpr std::int64_t kPixelsPerPass = 1024;

// body(tile, first_row, last_row) for all tiles and, in order, all passes over the rows of dy.
template <typename Body>
void for_tiles_and_passes(Machine& m, std::int64_t tiles, const Conv2dShape& s, const Body& body) {
  const std::int64_t rows_per_pass = std::max<std::int64_t>(1, kPixelsPerPass / s.q());
  const std::int64_t rows = s.n * s.p();
  parallel_runs(m.threads, tiles, 1, [&](std::int64_t first_tile, std::int64_t last_tile) {
    for (std::int64_t first_row = 0; first_row < rows; first_row += rows_per_pass) {
      for (std::int64_t tile = first_tile; tile < last_tile; ++tile) {
        body(tile, first_row, std::min(first_row + rows_per_pass, rows));
      }
    }
  });
}

// ---- lanes along the window's row; `in` must have slack for full vectors ----

// Rows output channels from k on, Vecs vectors of the window's row from `column` on.
template <typename T, int Rows, int Vecs>
void window_lanes_tile(const PaddedImage<T>& in, const T* dy, T* dw, const Conv2dShape& s, std::int64_t k,
                       std::int64_t r, std::int64_t column, std::int64_t first_row, std::int64_t last_row) {
  Tile<T, Rows, Vecs> tile;
  tile.clear();
  for (std::int64_t row = first_row; row < last_row; ++row) {
    const T* window = in.at(row / s.p(), row % s.p() * s.stride_h + r, 0) + column;
    tile.accumulate(dy + row * s.q() * s.k + k, 1, s.k, window, s.stride_w * s.c, s.q());
  }
  const std::int64_t row_length = s.s * s.c;
  T* target = dw + (k * s.r + r) * row_length + column;
  if (first_row == 0) {
    tile.store_rows(target, s.r * row_length, row_length - column);
  } else {
    tile.add_rows(target, s.r * row_length, row_length - column);
  }
}

template <typename T>
void grad_weight_window_lanes(Machine& m, const PaddedImage<T>& in, const T* dy, T* dw,
                              const Conv2dShape& s) {
  const std::int64_t row_length = s.s * s.c;
  const std::int64_t channel_groups = (s.k + kTileRows - 1) / kTileRows;
  // Few output channels leave registers for more vectors.
  const std::int64_t vecs = 2 * s.k <= kTileRows ? 4 : 2;
  const std::int64_t block = vecs * kLanes<T>;
  const std::int64_t column_blocks = (row_length + block - 1) / block;
  for_tiles_and_passes(
      m, channel_groups * s.r * column_blocks, s,
      [&](std::int64_t tile, std::int64_t first_row, std::int64_t last_row) {
        const std::int64_t column = tile % column_blocks * block;
        const std::int64_t r = tile / column_blocks % s.r;
        const std::int64_t group = tile / column_blocks / s.r;
        const std::int64_t k = s.k * group / channel_groups;
        const std::int64_t needed = (std::min(block, row_length - column) + kLanes<T> - 1) / kLanes<T>;
        dispatch_rows(s.k * (group + 1) / channel_groups - k, [&]<int Rows>() {
          const auto run = [&]<int Vecs>() {
            window_lanes_tile<T, Rows, Vecs>(in, dy, dw, s, k, r, column, first_row, last_row);
          };
          if constexpr (2 * Rows <= kTileRows) {
            if (needed == 4) return run.template operator()<4>();
            if (needed == 3) return run.template operator()<3>();
          }
          needed == 2 ? run.template operator()<2>() : run.template operator()<1>();
        });
      });
}

// ---- lanes along the output channels, a multiple of kLanes ----

template <typename T, int Rows, int Vecs>
void channel_lanes_tile(const PaddedImage<T>& in, const T* dy, T* dw, const Conv2dShape& s, std::int64_t k,
                        std::int64_t r, std::int64_t column, std::int64_t first_row, std::int64_t last_row) {
  Tile<T, Rows, Vecs> tile;
  tile.clear();
  for (std::int64_t row = first_row; row < last_row; ++row) {
    const T* window = in.at(row / s.p(), row % s.p() * s.stride_h + r, 0) + column;
    tile.accumulate(window, 1, s.stride_w * s.c, dy + row * s.q() * s.k + k, s.k, s.q());
  }
  // The tile is (window, channel), dw is (channel, window).
  T values[Rows * Vecs * kLanes<T>];
  tile.store_rows(values, Vecs * kLanes<T>, Vecs * kLanes<T>);
  for (int channel = 0; channel < Vecs * kLanes<T>; ++channel) {
    T* target = dw + ((k + channel) * s.r + r) * s.s * s.c + column;
    for (int i = 0; i < Rows; ++i) {
      target[i] = (first_row == 0 ? T(0) : target[i]) + values[i * Vecs * kLanes<T> + channel];
    }
  }
}

template <typename T, int Vecs>
void grad_weight_channel_lanes(Machine& m, const PaddedImage<T>& in, const T* dy, T* dw,
                               const Conv2dShape& s) {
  const std::int64_t row_length = s.s * s.c;
  const std::int64_t column_groups = (row_length + kTileRows - 1) / kTileRows;
  const std::int64_t channel_blocks = s.k / (Vecs * kLanes<T>);
  for_tiles_and_passes(m, channel_blocks * s.r * column_groups, s,
                       [&](std::int64_t tile, std::int64_t first_row, std::int64_t last_row) {
                         const std::int64_t group = tile % column_groups;
                         const std::int64_t r = tile / column_groups % s.r;
                         const std::int64_t k = tile / column_groups / s.r * Vecs * kLanes<T>;
                         const std::int64_t column = row_length * group / column_groups;
                         dispatch_rows(row_length * (group + 1) / column_groups - column, [&]<int Rows>() {
                           channel_lanes_tile<T, Rows, Vecs>(in, dy, dw, s, k, r, column, first_row,
                                                             last_row);
                         });
                       });
}

template <typename T>
void grad_weight(Machine& m, const PaddedImage<T>& in, const T* dy, T* dw, const Conv2dShape& s) {
  if (s.k % kLanes<T> != 0 || s.s * s.c % kLanes<T> == 0) return grad_weight_window_lanes(m, in, dy, dw, s);
  if (s.k % (2 * kLanes<T>) == 0) return grad_weight_channel_lanes<T, 2>(m, in, dy, dw, s);
  grad_weight_channel_lanes<T, 1>(m, in, dy, dw, s);
}

}  // namespace dg::cpu::DG_CPU_ISA
