// The micro-kernel behind every convolution: a sum of outer products held in registers,
//   acc[i][v] += a[i * a_row + t * a_step] * b[t * b_step + v * lanes ...]    for t = 0 .. steps-1,
// and that for several rows of a, so that the sums stay in registers from one row of a kernel to the next.
// Convolution forward and grad_input: i = pixels, t = (column, channel) of a kernel row, b = packed weights.
// grad_weight: i = output channels, t = pixels, b = the input under the kernel row.
// a is read by broadcast straight from the image: nothing is gathered or copied.
#pragma once

#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

// Steps between asking for a row of b and using it: from the third-level cache it takes longer than the processor looks
// ahead by itself.
inline constexpr std::int64_t kAhead = 64;

// All loops over acc are unrolled: with an index that varies the compiler would keep it in memory.
template <typename T, int Rows, int Vecs>
struct Tile {
  Vec<T> acc[Rows][Vecs];

  void clear() {
#pragma GCC unroll 16
    for (auto& row : acc) {
#pragma GCC unroll 4
      for (auto& value : row) value = Vec<T>{};
    }
  }

  // Every row begins with `first`, Vecs registers.
  void fill(const T* first) {
#pragma GCC unroll 16
    for (auto& row : acc) {
#pragma GCC unroll 4
      for (int v = 0; v < Vecs; ++v) row[v] = load(first + v * kLanes<T>);
    }
  }

  // `rounds` times, a moving on by a_round between them and b by what was read.
  void accumulate(const T* a, std::int64_t a_row, std::int64_t a_step, const T* b, std::int64_t b_step,
                  std::int64_t steps, std::int64_t rounds = 1, std::int64_t a_round = 0) {
    for (std::int64_t round = 0; round < rounds; ++round) {
      const T* left = a + round * a_round;
      for (std::int64_t t = 0; t < steps; ++t) {
        Vec<T> right[Vecs];
#pragma GCC unroll 4
        for (int v = 0; v < Vecs; ++v) right[v] = load(b + v * kLanes<T>);
#pragma GCC unroll 4
        for (int v = 0; v < Vecs; ++v) __builtin_prefetch(b + kAhead * b_step + v * kLanes<T>);
#pragma GCC unroll 16
        for (int i = 0; i < Rows; ++i) {
          const T value = left[i * a_row];
#pragma GCC unroll 4
          for (int v = 0; v < Vecs; ++v) acc[i][v] += value * right[v];
        }
        left += a_step;
        b += b_step;
      }
    }
  }

  // Row i to target + i * stride, its first `columns` values.
  void store_rows(T* target, std::int64_t stride, std::int64_t columns) const {
    put_rows<false>(target, stride, columns);
  }
  // The same, added to what is there.
  void add_rows(T* target, std::int64_t stride, std::int64_t columns) const {
    put_rows<true>(target, stride, columns);
  }

 private:
  template <bool kAdded>
  void put_rows(T* target, std::int64_t stride, std::int64_t columns) const {
    if (columns >= Vecs * kLanes<T>) {
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
        for (int v = 0; v < Vecs; ++v) {
          T* const to = target + i * stride + v * kLanes<T>;
          store(to, kAdded ? load(to) + acc[i][v] : acc[i][v]);
        }
      }
      return;
    }
    T row[Vecs * kLanes<T>];
#pragma GCC unroll 16
    for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < Vecs; ++v) store(row + v * kLanes<T>, acc[i][v]);
      T* const to = target + i * stride;
      for (std::int64_t k = 0; k < columns; ++k) to[k] = kAdded ? to[k] + row[k] : row[k];
    }
  }
};

// body.template operator()<Rows>() with Rows = rows, 1 <= rows <= kTileRows.
template <typename Body>
inline void dispatch_rows(std::int64_t rows, const Body& body) {
  [&]<int... I>(std::integer_sequence<int, I...>) {
    (void)((rows == I + 1 && (body.template operator()<I + 1>(), true)) || ...);
  }
  (std::make_integer_sequence<int, kTileRows>{});
}

// [0, n) in the fewest groups of at most kTileRows, of nearly equal size: body(begin, size).
template <typename Body>
inline void for_row_groups(std::int64_t n, const Body& body) {
  const std::int64_t groups = (n + kTileRows - 1) / kTileRows;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t begin = n * g / groups;
    body(begin, n * (g + 1) / groups - begin);
  }
}

}  // namespace dg::cpu::DG_CPU_ISA
