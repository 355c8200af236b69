// Tensor-core instructions of a warp (sm_80 on): fragments from shared memory, and D = A B + D.
//
// Fragment layouts (PTX ISA, "Matrix Fragments for mma.m16n8k16" and ".m16n8k8"), with g = lane / 4 and t = lane % 4:
//   A of m16n8k16, bf16: register i holds A[g + 8 (i % 2)][2 t + 8 (i / 2)] and its right neighbour, the left one low
//   B of m16n8k16, bf16: register i holds B[2 t + 8 i][g] and the one below, the upper one low
//   A of m16n8k8,  tf32: register i holds A[g + 8 (i % 2)][t + 4 (i / 2)];   B: register i holds B[t + 4 i][g]
//   C and D, float:      register i holds D[g + 8 (i / 2)][2 t + i % 2]
// All 32 lanes take part. The sums' order within an instruction is the hardware's own.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/cuda/device/async_copy.h"

namespace dg::DG_TARGET {

#if defined(DG_EMULATED)
namespace detail {

// Types rather than functions, so that they are inlined.
struct Bf16Half {
  float operator()(std::uint32_t word, int half) const {
    return std::bit_cast<float>(half == 0 ? word << 16 : word & 0xffff0000U);
  }
};
struct Tf32Value {
  float operator()(std::uint32_t word, int /*half*/) const {
    return std::bit_cast<float>(word & 0xffffe000U);
  }
};

struct MmaArguments {
  const std::uint32_t* a;
  const std::uint32_t* b;
  float* d;
};

// D (16 x 8) += A (16 x depth) B (depth x 8); element(word, half) reads a register.
template <int kDepth, int kPerWord, typename Element>
void mma_all_lanes(const std::array<void*, 32>& lanes, Element element) {
  constexpr int kSpan = 4 * kPerWord;  // of k, in one register of the lanes of a group
  float a[16][kDepth];
  float b[kDepth][8];
  float d[16][8];
  for (int lane = 0; lane < 32; ++lane) {
    const auto* from = static_cast<const MmaArguments*>(lanes[static_cast<std::size_t>(lane)]);
    const int group = lane / 4;
    const int in_group = lane % 4;
    for (int half = 0; half < kPerWord; ++half) {
      const int k = in_group * kPerWord + half;
      for (int i = 0; i < 4; ++i) a[group + i % 2 * 8][k + i / 2 * kSpan] = element(from->a[i], half);
      for (int i = 0; i < 2; ++i) b[k + i * kSpan][group] = element(from->b[i], half);
    }
    for (int i = 0; i < 4; ++i) d[group + i / 2 * 8][in_group * 2 + i % 2] = from->d[i];
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < kDepth; ++k) {
      for (int column = 0; column < 8; ++column) d[row][column] += a[row][k] * b[k][column];
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    const auto* to = static_cast<const MmaArguments*>(lanes[static_cast<std::size_t>(lane)]);
    for (int i = 0; i < 4; ++i) to->d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

struct LdmatrixArguments {
  const void* row;
  std::uint32_t* registers;
};

// `count` 8x8 matrices of 16-bit elements; lane l brings row l % 8 of matrix l / 8.
template <int kCount, bool kTranspose>
void ldmatrix_all_lanes(const std::array<void*, 32>& lanes) {
  for (int matrix = 0; matrix < kCount; ++matrix) {
    std::uint16_t element[8][8];
    for (int row = 0; row < 8; ++row) {
      const auto* source =
          static_cast<const LdmatrixArguments*>(lanes[static_cast<std::size_t>(matrix * 8 + row)]);
      check(reinterpret_cast<std::uintptr_t>(source->row) % 16 == 0, emulator::current().shape().kernel,
            ": ldmatrix reads a row that is not aligned to 16 bytes");
      check(emulator::current().shared().contains(source->row, 16), emulator::current().shape().kernel,
            ": ldmatrix reads memory that is not shared");
      std::memcpy(element[row], source->row, 16);
    }
    for (int lane = 0; lane < 32; ++lane) {
      const int row = lane / 4;
      const int column = lane % 4 * 2;
      const std::uint32_t low = kTranspose ? element[column][row] : element[row][column];
      const std::uint32_t high = kTranspose ? element[column + 1][row] : element[row][column + 1];
      static_cast<const LdmatrixArguments*>(lanes[static_cast<std::size_t>(lane)])->registers[matrix] =
          low | high << 16;
    }
  }
}

}  // namespace detail
#endif

// Four 8x8 matrices of 16-bit elements: lane l passes the address of row l % 8 of matrix l / 8 (16 bytes, shared), and
// register i receives, of matrix i, the elements [l / 4][2 (l % 4)] (low) and [l / 4][2 (l % 4) + 1] (high); with
// kTranspose those of the transposed matrix.
template <bool kTranspose = false>
__device__ __forceinline__ void ldmatrix_x4(std::uint32_t (&registers)[4], const void* row) {
#if defined(DG_EMULATED)
  detail::LdmatrixArguments mine{row, registers};
  emulator::current().collective("ldmatrix", kFullMask, &mine, &detail::ldmatrix_all_lanes<4, kTranspose>);
#else
  if constexpr (kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(shared_address(row))
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(shared_address(row))
                 : "memory");
  }
#endif
}

// D (16x8, float) += A (16x16, bf16) B (16x8, bf16).
__device__ __forceinline__ void mma_bf16_16x8x16(float (&d)[4], const std::uint32_t (&a)[4],
                                                 const std::uint32_t (&b)[2]) {
#if defined(DG_EMULATED)
  detail::MmaArguments mine{a, b, d};
  emulator::current().collective(
      "mma_bf16_16x8x16", kFullMask, &mine,
      [](const std::array<void*, 32>& lanes) { detail::mma_all_lanes<16, 2>(lanes, detail::Bf16Half{}); });
#else
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// D (16x8, float) += A (16x8, tf32) B (8x8, tf32). Registers hold float bits; the 13 lowest are not read.
__device__ __forceinline__ void mma_tf32_16x8x8(float (&d)[4], const std::uint32_t (&a)[4],
                                                const std::uint32_t (&b)[2]) {
#if defined(DG_EMULATED)
  detail::MmaArguments mine{a, b, d};
  emulator::current().collective("mma_tf32_16x8x8", kFullMask, &mine, [](const std::array<void*, 32>& lanes) {
    detail::mma_all_lanes<8, 1>(lanes, detail::Tf32Value{});
  });
#else
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// Rounds a float to tf32 (nearest, ties away), as its bits.
__device__ __forceinline__ std::uint32_t to_tf32(float value) {
#if defined(DG_EMULATED)
  if (value != value) return 0x7fffffffU;  // rounding up would carry a NaN's bits into the sign
  return (std::bit_cast<std::uint32_t>(value) + 0x1000U) & 0xffffe000U;
#else
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
  return bits;
#endif
}

}  // namespace dg::DG_TARGET
