// Barriers and waits that are missing. Nothing stops such a kernel: the seeds make its result wrong, and ThreadSanitizer
// names the two lines that bear the comment `race: <fault>`.
#include <numeric>

#include "kernels/cuda/device/async_copy.h"
#include "kernels/cuda/device/block.h"
#include "kernels/cuda/device/shared_memory.h"
#include "tests/emulator/device_array.h"
#include "tests/emulator/planted.h"

namespace dg::emulator_tests {
namespace {

using namespace cuda_emulated;

constexpr int kThreads = 128;
constexpr int kTiles = 4;

// y = x reversed, through shared memory: every thread reads what another one wrote.
template <bool kBarrier>
__global__ void reverse(const float* x, float* y) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  const unsigned t = threadIdx.x;
  tile[t] = x[t];  // race: missing_barrier_before_read
  if constexpr (kBarrier) __syncthreads();
  y[t] = tile[kThreads - 1 - t];  // race: missing_barrier_before_read
}

// y[t] = the sum over tiles of x[tile][last - t]; one tile at a time lies in shared memory.
template <bool kTrailingBarrier>
__global__ void sum_tiles(const float* x, float* y) {
  SharedMemory shared;
  auto* staged = shared.array<float>(kThreads);
  const unsigned t = threadIdx.x;
  float sum = 0;
  for (unsigned tile = 0; tile < kTiles; ++tile) {
    staged[t] = x[tile * kThreads + t];  // race: missing_trailing_barrier
    __syncthreads();
    sum += staged[kThreads - 1 - t];  // race: missing_trailing_barrier
    if constexpr (kTrailingBarrier) __syncthreads();
  }
  y[t] = sum;
}

// block_sum without its first barrier: a fast warp writes the second sum's part while a slow one still reads the first's.
float careless_block_sum(float value, float* scratch) {
  value = warp_sum(value);
  if (lane_index() == 0) scratch[warp_index()] = value;  // race: overtaking_between_sums
  __syncthreads();
  constexpr int kWarps = kThreads / kWarp;
  return warp_sum(lane_index() < kWarps ? scratch[lane_index()] : 0.0F);  // race: overtaking_between_sums
}

// y[t] = sum(x) + sum(x^2), in every thread.
template <bool kCareful>
__global__ void two_sums(const float* x, float* y) {
  SharedMemory shared;
  auto* scratch = shared.array<float>(kWarp);
  const float value = x[threadIdx.x];
  if constexpr (kCareful) {
    const float sum = block_sum(value, scratch);
    y[threadIdx.x] = sum + block_sum(value * value, scratch);
  } else {
    const float sum = careless_block_sum(value, scratch);
    y[threadIdx.x] = sum + careless_block_sum(value * value, scratch);
  }
}

// y = x rotated within each warp.
template <bool kBarrier>
__global__ void rotate_warp(const float* x, float* y) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  const int first = warp_index() * kWarp;
  tile[t] = x[t];  // race: missing_warp_barrier
  if constexpr (kBarrier) warp_barrier();
  y[t] = tile[first + (lane_index() + 1) % kWarp];  // race: missing_warp_barrier
}

// y = x reversed, through an asynchronous copy.
constexpr int kNoWait = -1;
template <int kNewestLeft, bool kBarrier>
__global__ void reverse_async(const float* x, float* y) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  const unsigned t = threadIdx.x;
  async_copy_4(tile + t, x + t, 4);  // race: missing_barrier_after_wait
  async_copy_commit();
  if constexpr (kNewestLeft != kNoWait) async_copy_wait<kNewestLeft>();
  if constexpr (kBarrier) __syncthreads();
  y[t] = tile[kThreads - 1 - t];  // race: missing_barrier_after_wait
}

// 1, 2, 3, ...: all sums are exact.
std::vector<float> counting(int n) {
  std::vector<float> x(static_cast<std::size_t>(n));
  std::iota(x.begin(), x.end(), 1.0F);
  return x;
}

template <typename Kernel>
std::vector<float> run_kernel(const char* name, Runtime& device, Kernel kernel, const std::vector<float>& x) {
  const DeviceArray<float> input(device, x);
  const DeviceArray<float> output(device, kThreads);
  launch(kernel, {.name = name, .block = kThreads, .shared_bytes = kThreads * sizeof(float)}, device.stream(),
         input.data(), output.data());
  return output.values();
}

template <auto kKernel>
Outcome expect_reversed(const char* name, Runtime& device) {
  const std::vector<float> x = counting(kThreads);
  return {run_kernel(name, device, kKernel, x), {x.rbegin(), x.rend()}};
}

template <auto kKernel>
Outcome expect_tile_sums(const char* name, Runtime& device) {
  const std::vector<float> x = counting(kTiles * kThreads);
  std::vector<float> expected(kThreads, 0.0F);
  for (std::size_t i = 0; i < x.size(); ++i) expected[kThreads - 1 - i % kThreads] += x[i];
  return {run_kernel(name, device, kKernel, x), expected};
}

template <auto kKernel>
Outcome expect_both_sums(const char* name, Runtime& device) {
  const std::vector<float> x = counting(kThreads);
  float sum = 0;
  for (const float value : x) sum += value + value * value;
  return {run_kernel(name, device, kKernel, x), std::vector<float>(kThreads, sum)};
}

template <auto kKernel>
Outcome expect_rotated(const char* name, Runtime& device) {
  const std::vector<float> x = counting(kThreads);
  std::vector<float> expected;
  for (std::size_t i = 0; i < x.size(); ++i) expected.push_back(x[i / kWarp * kWarp + (i + 1) % kWarp]);
  return {run_kernel(name, device, kKernel, x), expected};
}

}  // namespace

std::vector<Planted> planted_barriers() {
  using enum Shows;
  return {
      {.name = "reverse", .shows = never, .run = expect_reversed<reverse<true>>},
      {.name = "missing_barrier_before_read", .shows = in_result, .run = expect_reversed<reverse<false>>},
      {.name = "sum_tiles", .shows = never, .run = expect_tile_sums<sum_tiles<true>>},
      {.name = "missing_trailing_barrier", .shows = in_result, .run = expect_tile_sums<sum_tiles<false>>},
      {.name = "two_sums", .shows = never, .run = expect_both_sums<two_sums<true>>},
      {.name = "overtaking_between_sums", .shows = in_result, .run = expect_both_sums<two_sums<false>>},
      {.name = "rotate_warp", .shows = never, .run = expect_rotated<rotate_warp<true>>},
      {.name = "missing_warp_barrier", .shows = in_result, .run = expect_rotated<rotate_warp<false>>},
      {.name = "reverse_async", .shows = never, .run = expect_reversed<reverse_async<0, true>>},
      {.name = "missing_async_wait",
       .shows = in_result,
       .run = expect_reversed<reverse_async<kNoWait, true>>},
      {.name = "async_wait_for_older_group",
       .shows = in_result,
       .run = expect_reversed<reverse_async<1, true>>},
      {.name = "missing_barrier_after_wait",
       .shows = in_result,
       .run = expect_reversed<reverse_async<0, false>>},
  };
}

}  // namespace dg::emulator_tests
