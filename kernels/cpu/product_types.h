// What the operands of Winograd's products are: float, or bfloat16 for processors that multiply pairs of them into a float
// sum (AVX-512 BF16's vdpbf16ps: twice the products in half the memory). Sums are float in either case.
#pragma once

#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

#if defined(DG_CPU_ISA_AVX512)
inline constexpr bool kHasBf16Products = true;  // where the processor has them
inline bool has_bf16_products() { return __builtin_cpu_supports("avx512bf16"); }
#else
inline constexpr bool kHasBf16Products = false;
inline bool has_bf16_products() { return false; }
#endif

using Words = std::uint32_t __attribute__((vector_size(kVectorBytes)));

// Rounded to nearest even, in the upper half of each word. NaNs are not kept.
inline Words bf16_words(Vec<float> v) {
  Words word;
  std::memcpy(&word, &v, sizeof word);
  return word + 0x7fffU + ((word >> 16) & 1U);
}

inline void store_operands(float* target, Vec<float> v) { store(target, v); }
inline void store_operands(bfloat16* target, Vec<float> v) {
  using Halves = std::uint16_t __attribute__((vector_size(kVectorBytes / 2)));
  const auto halves = __builtin_convertvector(bf16_words(v) >> 16, Halves);
  std::memcpy(static_cast<void*>(target), &halves, sizeof halves);
}

// Steps of the reduction that one register of right operands holds.
template <typename P>
inline constexpr int kStepsAtOnce = sizeof(float) / sizeof(P);

// The right operands of kStepsAtOnce<P> steps, for a register of columns.
inline void store_steps(float* target, const Vec<float> (&steps)[1]) { store(target, steps[0]); }
inline void store_steps(bfloat16* target, const Vec<float> (&steps)[2]) {
  const Words pairs = (bf16_words(steps[0]) >> 16) | (bf16_words(steps[1]) & 0xffff0000U);
  std::memcpy(static_cast<void*>(target), &pairs, sizeof pairs);
}

// Sums of products, Rows x Vecs registers: acc[i][v] += sum over t of a[i * a_row + t] * b[t][v].
template <typename P, int Rows, int Vecs>
struct ProductTile;

template <int Rows, int Vecs>
struct ProductTile<float, Rows, Vecs> : Tile<float, Rows, Vecs> {
  void accumulate_row(const float* a, std::int64_t a_row, const float* b, std::int64_t steps) {
    this->accumulate(a, a_row, 1, b, Vecs * kLanes<float>, steps);
  }
};

// b holds pairs of steps, [step / 2][column][step % 2]. Only where kHasBf16Products.
template <int Rows, int Vecs>
struct ProductTile<bfloat16, Rows, Vecs> : Tile<float, Rows, Vecs> {
  void accumulate_row(const bfloat16* a, std::int64_t a_row, const bfloat16* b, std::int64_t steps) {
    for (std::int64_t t = 0; t < steps; t += 2) {
      Words right[Vecs];
#pragma GCC unroll 4
      for (int v = 0; v < Vecs; ++v) {
        std::memcpy(&right[v], b + v * 2 * kLanes<float>, sizeof(Words));
        __builtin_prefetch(b + (kAhead * Vecs + v) * 2 * kLanes<float>);
      }
#pragma GCC unroll 16
      for (int i = 0; i < Rows; ++i) {
        std::uint32_t pair = 0;
        std::memcpy(&pair, a + i * a_row + t, sizeof pair);
        const Words left = Words{} + pair;
#pragma GCC unroll 4
        for (int v = 0; v < Vecs; ++v) add_pairs(this->acc[i][v], left, right[v]);
      }
      b += Vecs * 2 * kLanes<float>;
    }
  }

 private:
  static void add_pairs(Vec<float>& sum, const Words& left, const Words& right) {
    // The instruction by name: it belongs to no instruction set that this file is compiled for.
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(left), "v"(right));
  }
};

}  // namespace dg::cpu::DG_CPU_ISA
