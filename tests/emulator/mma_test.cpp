// Matrix fragments, position by position, as the PTX ISA lists them: "Matrix Fragments for mma.m16n8k16" (bf16) and
// "mma.m16n8k8" (tf32), and "ldmatrix". The formulas here are PTX's own, element by element; those of the emulator
// are written for registers.
#include "kernels/cuda/device/mma.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>

#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/warp.h"
#include "tests/emulator/device_array.h"

using namespace dg;
using namespace dg::cuda_emulated;
using dg::emulator_tests::DeviceArray;

namespace {

constexpr int kRows = 16;
constexpr int kColumns = 8;
constexpr int kRowStride = 24;  // elements of a row of the ldmatrix tile: 48 bytes, 16 used

// d += a b for one warp; a (16 x 16), b (16 x 8) and d (16 x 8) in global memory, row by row.
__global__ void product_bf16(const float* a, const float* b, float* d) {
  const int group = lane_index() / 4;
  const int in_group = lane_index() % 4;
  std::uint32_t a_registers[4] = {};
  std::uint32_t b_registers[2] = {};
  float sums[4];
  const auto bits = [](float value) { return std::uint32_t{bfloat16(value).bits}; };
  for (int i = 0; i < 8; ++i) {
    const int row = (i % 4 < 2) ? group : group + 8;
    const int column = in_group * 2 + i % 2 + (i < 4 ? 0 : 8);
    a_registers[i / 2] |= bits(a[row * 16 + column]) << (i % 2 * 16);
  }
  for (int i = 0; i < 4; ++i) {
    const int row = in_group * 2 + i % 2 + (i < 2 ? 0 : 8);
    b_registers[i / 2] |= bits(b[row * kColumns + group]) << (i % 2 * 16);
  }
  const auto of_d = [&](int i) { return (i < 2 ? group : group + 8) * kColumns + in_group * 2 + i % 2; };
  for (int i = 0; i < 4; ++i) sums[i] = d[of_d(i)];
  mma_bf16_16x8x16(sums, a_registers, b_registers);
  for (int i = 0; i < 4; ++i) d[of_d(i)] = sums[i];
}

// The same with a (16 x 8) and b (8 x 8).
__global__ void product_tf32(const float* a, const float* b, float* d) {
  const int group = lane_index() / 4;
  const int in_group = lane_index() % 4;
  const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
  const std::uint32_t a_registers[4] = {bits(a[group * 8 + in_group]), bits(a[(group + 8) * 8 + in_group]),
                                        bits(a[group * 8 + in_group + 4]),
                                        bits(a[(group + 8) * 8 + in_group + 4])};
  const std::uint32_t b_registers[2] = {bits(b[in_group * kColumns + group]),
                                        bits(b[(in_group + 4) * kColumns + group])};
  float sums[4];
  const auto of_d = [&](int i) { return (i < 2 ? group : group + 8) * kColumns + in_group * 2 + i % 2; };
  for (int i = 0; i < 4; ++i) sums[i] = d[of_d(i)];
  mma_tf32_16x8x8(sums, a_registers, b_registers);
  for (int i = 0; i < 4; ++i) d[of_d(i)] = sums[i];
}

// registers[lane][i] of four 8x8 matrices that lie below each other in x.
template <bool kTranspose>
__global__ void load_matrices(const std::uint16_t* x, std::uint32_t* registers) {
  SharedMemory shared;
  auto* tile = shared.array<std::uint16_t>(32 * kRowStride);
  const int lane = lane_index();
  for (int i = 0; i < 8; ++i) tile[lane * kRowStride + i] = x[lane * 8 + i];
  warp_barrier();
  std::uint32_t mine[4];
  ldmatrix_x4<kTranspose>(mine, tile + lane * kRowStride);
  for (int i = 0; i < 4; ++i) registers[lane * 4 + i] = mine[i];
}

__global__ void round_to_tf32(const float* x, std::uint32_t* bits) {
  bits[threadIdx.x] = to_tf32(x[threadIdx.x]);
}

template <typename Kernel>
std::vector<float> multiply(Runtime& device, Kernel kernel, const std::vector<float>& a,
                            const std::vector<float>& b, const std::vector<float>& d) {
  const DeviceArray<float> on_device_a(device, a);
  const DeviceArray<float> on_device_b(device, b);
  const DeviceArray<float> sums(device, d);
  launch(kernel, {.name = "product", .block = 32}, device.stream(), on_device_a.data(), on_device_b.data(),
         sums.data());
  return sums.values();
}

// A has a single 1, at every place in turn, and B and D count: row r of the result is D's plus row k of B.
template <typename Kernel>
void check_every_position(Kernel kernel, int depth) {
  std::vector<float> b;
  std::vector<float> d;
  for (int i = 0; i < depth * kColumns; ++i) b.push_back(static_cast<float>(i + 1));
  for (int i = 0; i < kRows * kColumns; ++i) d.push_back(static_cast<float>(1000 * i));
  for (int row = 0; row < kRows; ++row) {
    const auto device = make_runtime({.device = 0, .seed = static_cast<std::uint64_t>(row)});
    for (int k = 0; k < depth; ++k) {
      std::vector<float> a(static_cast<std::size_t>(kRows * depth), 0.0F);
      a[static_cast<std::size_t>(row * depth + k)] = 1;
      auto expected = d;
      for (int column = 0; column < kColumns; ++column) {
        expected[static_cast<std::size_t>(row * kColumns + column)] +=
            b[static_cast<std::size_t>(k * kColumns + column)];
      }
      INFO("row " << row << ", k " << k);
      REQUIRE(multiply(*device, kernel, a, b, d) == expected);
    }
  }
}

// Dense small integers: all products and sums are exact.
template <typename Kernel>
void check_product(Kernel kernel, int depth) {
  std::vector<float> a;
  std::vector<float> b;
  for (int i = 0; i < kRows * depth; ++i) a.push_back(static_cast<float>(i * 7 % 11 - 5));
  for (int i = 0; i < depth * kColumns; ++i) b.push_back(static_cast<float>(i * 5 % 13 - 6));
  std::vector<float> expected;
  for (int row = 0; row < kRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      float sum = 3;
      for (int k = 0; k < depth; ++k) {
        sum +=
            a[static_cast<std::size_t>(row * depth + k)] * b[static_cast<std::size_t>(k * kColumns + column)];
      }
      expected.push_back(sum);
    }
  }
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto device = make_runtime({.device = 0, .seed = seed});
    CHECK(multiply(*device, kernel, a, b, std::vector<float>(expected.size(), 3.0F)) == expected);
  }
}

}  // namespace

TEST_CASE("mma bf16 16x8x16: every element of A, B and D lies where PTX says", "[threads]") {
  check_every_position(product_bf16, 16);
  check_product(product_bf16, 16);
}

TEST_CASE("mma tf32 16x8x8: every element of A, B and D lies where PTX says", "[threads]") {
  check_every_position(product_tf32, 8);
  check_product(product_tf32, 8);
}

TEST_CASE("mma tf32: the 13 lowest bits of an operand are not read") {
  const auto device = make_runtime({});
  const float one_and_a_bit = std::bit_cast<float>(std::bit_cast<std::uint32_t>(1.0F) | 0x1fffU);
  const std::vector<float> sums = multiply(*device, product_tf32, std::vector<float>(16 * 8, one_and_a_bit),
                                           std::vector<float>(8 * 8, 1.0F), std::vector<float>(16 * 8, 0.0F));
  CHECK(sums == std::vector<float>(16 * 8, 8.0F));
}

TEST_CASE("to_tf32: rounds to nearest, ties away from zero; infinities and NaN stay") {
  const auto device = make_runtime({});
  const auto with_bits = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  std::vector<float> x(32, 0.0F);
  x[0] = with_bits(0x3f800fffU);  // below the middle
  x[1] = with_bits(0x3f801000U);  // the middle
  x[2] = with_bits(0xbf801000U);
  x[3] = with_bits(0x7f800000U);  // infinity
  x[4] = with_bits(0xffffffffU);  // NaN, as fresh memory holds
  const DeviceArray<float> input(*device, x);
  const DeviceArray<std::uint32_t> output(*device, x.size());
  launch(round_to_tf32, {.name = "round_to_tf32", .block = 32}, device->stream(), input.data(),
         output.data());
  const auto bits = output.values();
  CHECK(bits[0] == 0x3f800000U);
  CHECK(bits[1] == 0x3f802000U);
  CHECK(bits[2] == 0xbf802000U);
  CHECK(bits[3] == 0x7f800000U);
  CHECK(std::isnan(with_bits(bits[4])));
}

TEST_CASE("ldmatrix: plain and transposed, every register of every lane", "[threads]") {
  std::vector<std::uint16_t> x;
  for (int i = 0; i < 4 * 64; ++i) x.push_back(static_cast<std::uint16_t>(i));
  const auto element = [&](int matrix, int row, int column) {
    return std::uint32_t{x[static_cast<std::size_t>(matrix * 64 + row * 8 + column)]};
  };
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto device = make_runtime({.device = 0, .seed = seed});
    const DeviceArray<std::uint16_t> input(*device, x);
    for (const bool transpose : {false, true}) {
      const DeviceArray<std::uint32_t> registers(*device, 32 * 4);
      launch(transpose ? load_matrices<true> : load_matrices<false>,
             {.name = "load_matrices", .block = 32, .shared_bytes = 32 * kRowStride * 2}, device->stream(),
             input.data(), registers.data());
      const auto got = registers.values();
      for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < 4; ++i) {
          const int row = lane / 4;
          const int column = lane % 4 * 2;
          const std::uint32_t expected = transpose
                                             ? element(i, column, row) | element(i, column + 1, row) << 16
                                             : element(i, row, column) | element(i, row, column + 1) << 16;
          CHECK(got[static_cast<std::size_t>(lane * 4 + i)] == expected);
        }
      }
    }
  }
}
