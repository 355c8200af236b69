// Winograd's minimal filtering in one dimension (Lavin and Gray 2016, arXiv 1509.09308): the outputs of a tile of six
// inputs from six products. F(m,r), m outputs of a filter of r taps with m + r = 7, takes m*r products otherwise:
//   F(4,3) and F(3,4) twelve, F(5,2) and F(2,5) ten.
// With the six points a = 0, 1, -1, 2, -2 and infinity
//
//   y = A^T [ (G g) * (B^T d) ]        d: 6 inputs, g: r taps, y: m outputs, * element by element
//
//         4  0 -5  0  1  0
//         0 -4 -4  1  1  0         G[i][t] = a_i^t / N_i,    N = 4, -6, -6, 24, 24;  of infinity: 1 at the last tap
//   B^T = 0  4 -4 -1  1  0
//         0 -2 -1  2  1  0       A^T[j][i] = a_i^j;          of infinity: 1 at the last output
//         0  2 -1 -2  1  0
//         0  4  0 -5  0  1
//
// In two dimensions each is applied to columns and rows: 36 products for a tile, where F(4x4,3x3) and F(3x3,4x4) replace
// 144 and F(5x5,2x2) and F(2x2,5x5) 100.
//
// T is a number or a register of numbers, one for each channel.
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA::winograd {

inline constexpr int kTile = 6;  // inputs of a tile, in each direction
inline constexpr int kPositions = kTile * kTile;

// Of F(outputs, taps).
constexpr int outputs_of(int taps) { return kTile + 1 - taps; }

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
template <int Taps, typename T>
inline void transform_filter(const T (&g)[Taps], T (&t)[kTile]) {
  T even = g[0];
  T odd = g[1];
  T even2 = g[0];
  T odd2 = 2.0F * g[1];
  if constexpr (Taps > 2) even += g[2], even2 += 4.0F * g[2];
  if constexpr (Taps > 3) odd += g[3], odd2 += 8.0F * g[3];
  if constexpr (Taps > 4) even += g[4], even2 += 16.0F * g[4];
  t[0] = 0.25F * g[0];
  t[1] = (-1.0F / 6.0F) * (even + odd);
  t[2] = (-1.0F / 6.0F) * (even - odd);
  t[3] = (1.0F / 24.0F) * (even2 + odd2);
  t[4] = (1.0F / 24.0F) * (even2 - odd2);
  t[5] = g[Taps - 1];
}

// y = A^T m.
template <int Outputs, typename T>
inline void transform_output(const T (&m)[kTile], T (&y)[Outputs]) {
  const T sum = m[1] + m[2];
  const T difference = m[1] - m[2];
  const T sum2 = m[3] + m[4];
  const T difference2 = m[3] - m[4];
  y[0] = m[0] + sum + sum2;
  y[1] = difference + 2.0F * difference2;
  if constexpr (Outputs > 2) y[2] = sum + 4.0F * sum2;
  if constexpr (Outputs > 3) y[3] = difference + 8.0F * difference2;
  if constexpr (Outputs > 4) y[4] = sum + 16.0F * sum2;
  y[Outputs - 1] += m[5];
}

}  // namespace dg::cpu::DG_CPU_ISA::winograd
