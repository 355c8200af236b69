// Winograd's minimal filtering F(4,3) in one dimension (Lavin and Gray 2016, arXiv 1509.09308): four outputs of a filter
// of three taps from six products instead of twelve. With the six points 0, 1, -1, 2, -2 and infinity
//
//   y = A^T [ (G g) * (B^T d) ]        d: 6 inputs, g: 3 taps, y: 4 outputs, * element by element
//
//         4  0 -5  0  1  0            1/4    0     0
//         0 -4 -4  1  1  0           -1/6  -1/6  -1/6          1  1  1  1  1  0
//   B^T = 0  4 -4 -1  1  0       G = -1/6   1/6  -1/6    A^T = 0  1 -1  2 -2  0
//         0 -2 -1  2  1  0           1/24  1/12   1/6          0  1  1  4  4  0
//         0  2 -1 -2  1  0           1/24 -1/12   1/6          0  1 -1  8 -8  1
//         0  4  0 -5  0  1             0     0     1
//
// In two dimensions each is applied to columns and rows: 36 products for 16 outputs of 9 taps, a quarter. The same points
// give F(3,4), three outputs of four taps, which the gradient of a 3x3 filter is: B^T stays, G gets a column of cubes,
// A^T ends with the squares, where infinity then counts.
//
// T is a number or a register of numbers, one for each channel.
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA::winograd {

inline constexpr int kTile = 6;  // inputs of a tile, in each direction
inline constexpr int kOut = 4;   // its outputs
inline constexpr int kTaps = 3;
inline constexpr int kPositions = kTile * kTile;

// t = B^T d.
template <typename T>
inline void transform_input(const T (&d)[kTile], T (&t)[kTile]) {
  const T even = d[4] - 4.0F * d[2];
  const T odd = d[3] - 4.0F * d[1];
  const T even2 = d[4] - d[2];
  const T odd2 = 2.0F * (d[3] - d[1]);
  t[0] = 4.0F * d[0] - 5.0F * d[2] + d[4];
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = even2 + odd2;
  t[4] = even2 - odd2;
  t[5] = 4.0F * d[1] - 5.0F * d[3] + d[5];
}

// t = G g.
template <typename T>
inline void transform_filter(const T (&g)[kTaps], T (&t)[kTile]) {
  const T sum = g[0] + g[2];
  const T wide = g[0] + 4.0F * g[2];
  t[0] = 0.25F * g[0];
  t[1] = (-1.0F / 6.0F) * (sum + g[1]);
  t[2] = (-1.0F / 6.0F) * (sum - g[1]);
  t[3] = (1.0F / 24.0F) * (wide + 2.0F * g[1]);
  t[4] = (1.0F / 24.0F) * (wide - 2.0F * g[1]);
  t[5] = g[2];
}

// y = A^T m.
template <typename T>
inline void transform_output(const T (&m)[kTile], T (&y)[kOut]) {
  const T sum = m[1] + m[2];
  const T difference = m[1] - m[2];
  const T sum2 = m[3] + m[4];
  const T difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + 2.0F * difference2;
  y[2] = sum + 4.0F * sum2;
  y[3] = difference + 8.0F * difference2 + m[5];
}

// F(3,4): t = G g of four taps.
template <typename T>
inline void transform_long_filter(const T (&g)[kOut], T (&t)[kTile]) {
  const T even = g[0] + g[2];
  const T odd = g[1] + g[3];
  const T even2 = g[0] + 4.0F * g[2];
  const T odd2 = 2.0F * g[1] + 8.0F * g[3];
  t[0] = 0.25F * g[0];
  t[1] = (-1.0F / 6.0F) * (even + odd);
  t[2] = (-1.0F / 6.0F) * (even - odd);
  t[3] = (1.0F / 24.0F) * (even2 + odd2);
  t[4] = (1.0F / 24.0F) * (even2 - odd2);
  t[5] = g[3];
}

// F(3,4): y = A^T m, three outputs.
template <typename T>
inline void transform_short_output(const T (&m)[kTile], T (&y)[kTaps]) {
  const T sum = m[1] + m[2];
  const T sum2 = m[3] + m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = (m[1] - m[2]) + 2.0F * (m[3] - m[4]);
  y[2] = sum + 4.0F * sum2 + m[5];
}

}  // namespace dg::cpu::DG_CPU_ISA::winograd
