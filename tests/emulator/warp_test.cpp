// The primitives of kernels/cuda/device that exchange values: each against what CUDA's documentation says it returns.
#include <bit>
#include <catch2/catch.hpp>
#include <numeric>

#include "kernels/cuda/device/async_copy.h"
#include "kernels/cuda/device/block.h"
#include "kernels/cuda/device/shared_memory.h"
#include "tests/emulator/device_array.h"

using namespace dg;
using namespace dg::cuda_emulated;
using dg::emulator_tests::DeviceArray;

namespace {

template <typename T>
__global__ void shuffles(T* rotated, T* crossed, T* shifted) {
  const unsigned t = threadIdx.x;
  const T value = static_cast<T>(t * 10);
  rotated[t] = shuffle(value, (lane_index() + 5) % kWarp);
  crossed[t] = shuffle_xor(value, 6);
  shifted[t] = shuffle_down(value, 3);
}

__global__ void votes(unsigned* bits) { bits[threadIdx.x] = ballot(threadIdx.x % 3 == 0); }

__global__ void sums(double* of_warp, double* of_block) {
  SharedMemory shared;
  auto* scratch = shared.array<double>(kWarp);
  const auto value = static_cast<double>(threadIdx.x + 1);
  of_warp[threadIdx.x] = warp_sum(value);
  of_block[threadIdx.x] = block_sum(value, scratch);
}

// Thread t copies `valid[t]` of the 16 bytes of source[4 t ...]; nothing is read where that is 0.
__global__ void copy_16(const float* source, const int* valid, float* target) {
  SharedMemory shared;
  auto* tile = shared.array<float>(4 * kWarp);
  const unsigned t = threadIdx.x;
  async_copy_16(tile + 4 * t, valid[t] == 0 ? nullptr : source + 4 * t, valid[t]);
  async_copy_commit();
  async_copy_wait<0>();
  for (unsigned i = 0; i < 4; ++i) target[4 * t + i] = tile[4 * t + i];
}

__global__ void copy_4(const float* source, float* target) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kWarp);
  const unsigned t = threadIdx.x;
  async_copy_4(tile + t, t % 2 == 0 ? source + t : nullptr, t % 2 == 0 ? 4 : 0);
  async_copy_commit();
  async_copy_wait<0>();
  target[t] = tile[t];
}

// Three groups in flight; wait<1> and wait<2> leave the newest ones, and what is left lands with wait<0>.
__global__ void copy_in_groups(const float* source, float* target) {
  SharedMemory shared;
  auto* tile = shared.array<float>(3 * kWarp);
  const unsigned t = threadIdx.x;
  for (unsigned group = 0; group < 3; ++group) {
    async_copy_4(tile + group * kWarp + t, source + group * kWarp + t, 4);
    async_copy_commit();
  }
  async_copy_wait<2>();
  target[t] = tile[t];
  async_copy_wait<1>();
  target[kWarp + t] = tile[kWarp + t];
  async_copy_wait<0>();
  target[2 * kWarp + t] = tile[2 * kWarp + t];
}

struct Carving {
  std::uintptr_t bytes, words, doubles;
  float initial;
};
__global__ void carve(Carving* result) {
  SharedMemory shared;
  const auto* bytes = shared.array<std::uint8_t>(5);
  const auto* words = shared.array<float>(33);
  const auto* doubles = shared.array<double>(2);
  if (threadIdx.x != 0) return;
  const auto address = [](const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); };
  *result = {address(bytes), address(words), address(doubles), words[32]};
}

template <typename T>
void check_shuffles(Runtime& device) {
  constexpr std::size_t kThreads = 96;
  const DeviceArray<T> rotated(device, kThreads);
  const DeviceArray<T> crossed(device, kThreads);
  const DeviceArray<T> shifted(device, kThreads);
  launch(shuffles<T>, {.name = "shuffles", .block = kThreads}, device.stream(), rotated.data(),
         crossed.data(), shifted.data());
  const auto got_rotated = rotated.values();
  const auto got_crossed = crossed.values();
  const auto got_shifted = shifted.values();
  for (std::size_t t = 0; t < kThreads; ++t) {
    const std::size_t first = t / 32 * 32;
    const std::size_t lane = t % 32;
    CHECK(got_rotated[t] == static_cast<T>(10 * (first + (lane + 5) % 32)));
    CHECK(got_crossed[t] == static_cast<T>(10 * (first + (lane ^ 6U))));
    CHECK(got_shifted[t] == static_cast<T>(10 * (first + (lane < 29 ? lane + 3 : lane))));
  }
}

std::vector<float> counting(std::size_t n) {
  std::vector<float> x(n);
  std::iota(x.begin(), x.end(), 1.0F);
  return x;
}

// Runs body(device) under 8 seeds.
template <typename Body>
void for_seeds(Body body) {
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    const auto device = make_runtime({.device = 0, .seed = seed});
    body(*device);
  }
}

}  // namespace

TEST_CASE("shuffles: each lane gets the value of the lane it names, within its warp", "[threads]") {
  for_seeds([](Runtime& device) {
    check_shuffles<int>(device);
    check_shuffles<float>(device);
    check_shuffles<double>(device);
  });
}

TEST_CASE("ballot: bit i is lane i's predicate, in every lane") {
  for_seeds([](Runtime& device) {
    const DeviceArray<unsigned> bits(device, 64);
    launch(votes, {.name = "votes", .block = 64}, device.stream(), bits.data());
    const auto got = bits.values();
    for (unsigned t = 0; t < 64; ++t) {
      unsigned expected = 0;
      for (unsigned lane = 0; lane < 32; ++lane)
        expected |= ((t / 32 * 32 + lane) % 3 == 0 ? 1U : 0U) << lane;
      CHECK(got[t] == expected);
    }
  });
}

TEST_CASE("warp_sum and block_sum: every thread gets the sum", "[threads]") {
  for_seeds([](Runtime& device) {
    for (const int threads : {32, 96, 512}) {
      const auto n = static_cast<std::size_t>(threads);
      const DeviceArray<double> of_warp(device, n);
      const DeviceArray<double> of_block(device, n);
      launch(sums,
             {.name = "sums", .block = threads, .shared_bytes = SharedBytes().add<double>(kWarp).total()},
             device.stream(), of_warp.data(), of_block.data());
      CHECK(of_block.values() == std::vector<double>(n, 0.5 * threads * (threads + 1)));
      const auto got = of_warp.values();
      for (std::size_t t = 0; t < n; ++t) CHECK(got[t] == 32.0 * static_cast<double>(t / 32 * 32) + 528.0);
    }
  });
}

TEST_CASE("async copies: the first `valid` bytes arrive, the rest is zero, and nothing is read for none",
          "[threads]") {
  for_seeds([](Runtime& device) {
    const std::vector<float> x = counting(4 * kWarp);
    std::vector<int> valid(kWarp);
    for (std::size_t t = 0; t < kWarp; ++t) valid[t] = static_cast<int>(t % 5 * 4);
    const DeviceArray<float> source(device, x);
    const DeviceArray<int> counts(device, valid);
    const DeviceArray<float> target(device, x.size());
    launch(copy_16, {.name = "copy_16", .block = kWarp, .shared_bytes = x.size() * sizeof(float)},
           device.stream(), source.data(), counts.data(), target.data());
    auto expected = x;
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (static_cast<int>(i % 4 * 4) >= valid[i / 4]) expected[i] = 0;
    }
    CHECK(target.values() == expected);

    const DeviceArray<float> singles(device, kWarp);
    launch(copy_4, {.name = "copy_4", .block = kWarp, .shared_bytes = kWarp * sizeof(float)}, device.stream(),
           source.data(), singles.data());
    const auto got = singles.values();
    for (std::size_t t = 0; t < kWarp; ++t) CHECK(got[t] == (t % 2 == 0 ? x[t] : 0.0F));
  });
}

TEST_CASE("async copies: a wait leaves the newest groups in flight and no others") {
  for_seeds([](Runtime& device) {
    const std::vector<float> x = counting(3 * kWarp);
    const DeviceArray<float> source(device, x);
    const DeviceArray<float> target(device, x.size());
    launch(copy_in_groups,
           {.name = "copy_in_groups", .block = kWarp, .shared_bytes = x.size() * sizeof(float)},
           device.stream(), source.data(), target.data());
    CHECK(target.values() == x);
  });
}

TEST_CASE("shared memory: arrays are aligned to 128 bytes, apart, and start as NaN") {
  const auto device = make_runtime({});
  const DeviceArray<Carving> result(*device, 1);
  const std::size_t bytes = SharedBytes().add<std::uint8_t>(5).add<float>(33).add<double>(2).total();
  CHECK(bytes == 128 + 256 + 16);
  launch(carve, {.name = "carve", .block = 32, .shared_bytes = bytes}, device->stream(), result.data());
  const Carving got = result.values().front();
  CHECK(got.bytes % 128 == 0);
  CHECK(got.words % 128 == 0);
  CHECK(got.doubles % 128 == 0);
  CHECK(got.words > got.bytes + 5);
  CHECK(got.doubles > got.words + 33 * sizeof(float));
  CHECK(std::bit_cast<std::uint32_t>(got.initial) == 0xffffffffU);
}
