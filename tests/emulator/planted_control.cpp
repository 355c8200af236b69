// Threads that do not meet where they should: the emulator stops the kernel.
#include "kernels/cuda/device/warp.h"
#include "tests/emulator/device_array.h"
#include "tests/emulator/planted.h"

namespace dg::emulator_tests {
namespace {

using namespace cuda_emulated;

constexpr int kThreads = 64;

__global__ void divergent_shuffle(float* y) {
  const float value = 1.0F;
  y[threadIdx.x] = lane_index() < 16 ? shuffle_xor(value, 1) : shuffle_down(value, 1);
}

__global__ void shuffles_of_two_types(float* y) {
  y[threadIdx.x] = lane_index() < 16 ? shuffle(1.0F, 0) : static_cast<float>(shuffle(1.0, 0));
}

__global__ void shuffle_in_half_a_warp(float* y) {
  if (lane_index() < 16) y[threadIdx.x] = shuffle_xor(1.0F, 1);
}

__global__ void shuffle_beyond_the_warp(float* y) {
  y[threadIdx.x] = shuffle(1.0F, static_cast<int>(threadIdx.x));
}

__global__ void exit_before_barrier(float* y) {
  if (threadIdx.x >= 48) return;
  __syncthreads();
  y[threadIdx.x] = 1;
}

__global__ void barrier_against_shuffle(float* y) {
  if (lane_index() < 16) {
    __syncthreads();
  } else {
    y[threadIdx.x] = shuffle_xor(1.0F, 1);
  }
}

__global__ void divergent_barriers(float* y) {
  if (warp_index() == 0) {
    __syncthreads();
  } else {
    y[threadIdx.x] = 1;
    __syncthreads();
  }
}

__global__ void kernel_that_throws(float* y) {
  y[threadIdx.x] = 1;
  check(threadIdx.x != 40, "kernel_that_throws: thread 40 objects");
}

template <auto kKernel>
Outcome run_kernel(const char* name, Runtime& device) {
  const DeviceArray<float> output(device, kThreads);
  launch(kKernel, {.name = name, .block = kThreads}, device.stream(), output.data());
  return {output.values(), std::vector<float>(kThreads, 1.0F)};
}

}  // namespace

std::vector<Planted> planted_control() {
  using enum Shows;
  return {
      {.name = "divergent_shuffle",
       .shows = as_error,
       .error = "the lanes of warp",
       .run = run_kernel<divergent_shuffle>},
      {.name = "shuffles_of_two_types",
       .shows = as_error,
       .error = "the lanes of warp",
       .run = run_kernel<shuffles_of_two_types>},
      {.name = "shuffle_in_half_a_warp",
       .shows = as_error,
       .error = "is stuck; 32 of 64 threads have exited; threads 0..15 wait for other lanes in shuffle_xor",
       .run = run_kernel<shuffle_in_half_a_warp>},
      {.name = "shuffle_beyond_the_warp",
       .shows = as_error,
       .error = "reads from lane",
       .run = run_kernel<shuffle_beyond_the_warp>},
      {.name = "exit_before_barrier",
       .shows = as_error,
       .error = "is stuck; 16 of 64 threads have exited; threads 0..47 wait at __syncthreads in "
                "planted_control.cpp:",
       .run = run_kernel<exit_before_barrier>},
      {.name = "barrier_against_shuffle",
       .shows = as_error,
       .error = "is stuck; threads 0..15 wait at __syncthreads",
       .run = run_kernel<barrier_against_shuffle>},
      {.name = "divergent_barriers",
       .shows = as_error,
       .error = "meet at different barriers",
       .run = run_kernel<divergent_barriers>},
      {.name = "kernel_that_throws",
       .shows = as_error,
       .error = "thread 40 objects",
       .run = run_kernel<kernel_that_throws>},
  };
}

}  // namespace dg::emulator_tests
