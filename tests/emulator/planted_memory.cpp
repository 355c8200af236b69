// Accesses beside the memory that is meant. A write is noticed by the guard that it hits, a read returns NaN; under
// AddressSanitizer both end the program with the line that bears the comment `address: <fault>`.
#include "kernels/cuda/device/mma.h"
#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"
#include "tests/emulator/device_array.h"
#include "tests/emulator/planted.h"

namespace dg::emulator_tests {
namespace {

using namespace cuda_emulated;

constexpr int kThreads = 64;
constexpr std::size_t kSharedBytes = SharedBytes().add<float>(kThreads).add<float>(kThreads).total();

// y = x, through two arrays in shared memory. `beyond` moves the accesses of a fault outside; it comes from the host, so
// that no compiler sees the overrun.
__global__ void two_arrays(const float* x, float* y, int /*beyond*/) {
  SharedMemory shared;
  auto* first = shared.array<float>(kThreads);
  auto* second = shared.array<float>(kThreads);
  const unsigned t = threadIdx.x;
  first[t] = x[t];
  second[t] = first[t];
  y[t] = second[t];
}

__global__ void write_between_shared_arrays(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* first = shared.array<float>(kThreads);
  auto* second = shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  second[t] = x[t];
  first[t + beyond] = x[t];  // address: write_between_shared_arrays
  y[t] = second[t];
}

__global__ void read_between_shared_arrays(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* first = shared.array<float>(kThreads);
  shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  first[t] = x[t];
  y[t] = first[t + beyond];  // address: read_between_shared_arrays
}

__global__ void write_past_shared_memory(const float* x, float* y, int beyond) {
  SharedMemory shared;
  shared.array<float>(kThreads);
  auto* second = shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  second[t + beyond] = x[t];  // address: write_past_shared_memory
  y[t] = x[t];
}

__global__ void write_before_shared_memory(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* first = shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  first[t - beyond] = x[t];  // address: write_before_shared_memory
  y[t] = x[t];
}

__global__ void carve_past_shared_memory(const float* x, float* y, int beyond) {
  SharedMemory shared;
  shared.array<float>(kThreads);
  auto* second = shared.array<float>(static_cast<std::size_t>(kThreads + beyond));
  const unsigned t = threadIdx.x;
  second[t] = x[t];
  y[t] = second[t];
}

__global__ void carve_differently(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* tile = shared.array<float>(threadIdx.x == 0 ? kThreads : static_cast<std::size_t>(kThreads + beyond));
  tile[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = tile[threadIdx.x];
}

__global__ void write_past_global_memory(const float* x, float* y, int beyond) {
  const int t = static_cast<int>(threadIdx.x);
  y[t] = x[t];
  y[t + beyond] = x[t];  // address: write_past_global_memory
}

__global__ void read_past_global_memory(const float* x, float* y, int beyond) {
  const int t = static_cast<int>(threadIdx.x);
  y[t] = x[t + beyond];  // address: read_past_global_memory
}

__global__ void copy_past_global_memory(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  const int t = static_cast<int>(threadIdx.x);
  async_copy_4(tile + t, x + t + beyond, 4);
  async_copy_commit();
  async_copy_wait<0>();
  y[t] = tile[t];
}

// A plain pointer, which only UndefinedBehaviorSanitizer checks.
__global__ void misaligned_pointer(const float* x, float* y, int beyond) {
  const auto* bytes = reinterpret_cast<const std::byte*>(x) + beyond;
  y[threadIdx.x] = *reinterpret_cast<const float*>(bytes);  // address: misaligned_pointer
}

__global__ void misaligned_load(const float* x, float* y, int beyond) {
  y[threadIdx.x] = load_vector<4>(x + beyond).value[0];
}

__global__ void misaligned_store(const float* x, float* y, int beyond) {
  store_vector(y + beyond, load_vector<4>(x));
}

__global__ void misaligned_copy(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  async_copy_16(tile, x + beyond, 16);
  async_copy_commit();
  async_copy_wait<0>();
  y[threadIdx.x] = tile[0];
}

__global__ void copy_of_17_bytes(const float* x, float* y, int beyond) {
  SharedMemory shared;
  async_copy_16(shared.array<float>(kThreads), x, 16 + beyond);
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void copy_to_global_memory(const float* x, float* y, int /*beyond*/) { async_copy_16(y, x, 16); }

__global__ void misaligned_ldmatrix(const float* x, float* y, int beyond) {
  SharedMemory shared;
  auto* tile = shared.array<float>(kThreads);
  std::uint32_t registers[4];
  ldmatrix_x4(registers, tile + beyond);
  y[threadIdx.x] = x[threadIdx.x];
}

__global__ void ldmatrix_of_global_memory(const float* x, float* y, int /*beyond*/) {
  std::uint32_t registers[4];
  ldmatrix_x4(registers, x);
  y[threadIdx.x] = x[threadIdx.x];
}

template <auto kKernel, std::size_t kBytes = kSharedBytes>
Outcome run_kernel(const char* name, Runtime& device) {
  const std::vector<float> ones(kThreads, 1.0F);
  const DeviceArray<float> input(device, ones);
  const DeviceArray<float> output(device, kThreads);
  launch(kKernel, {.name = name, .block = kThreads, .shared_bytes = kBytes}, device.stream(), input.data(),
         output.data(), 1);
  return {output.values(), ones};
}

}  // namespace

std::vector<Planted> planted_memory() {
  using enum Shows;
  return {
      {.name = "two_arrays", .shows = never, .run = run_kernel<two_arrays>},
      {.name = "write_between_shared_arrays",
       .shows = as_error,
       .error = "wrote past the end of shared array 0",
       .stops_sanitizer = true,
       .run = run_kernel<write_between_shared_arrays>},
      {.name = "read_between_shared_arrays",
       .shows = in_result,
       .stops_sanitizer = true,
       .run = run_kernel<read_between_shared_arrays>},
      {.name = "write_past_shared_memory",
       .shows = as_error,
       .error = "wrote past the end of shared array 1",
       .stops_sanitizer = true,
       .run = run_kernel<write_past_shared_memory>},
      {.name = "write_before_shared_memory",
       .shows = as_error,
       .error = "wrote before the beginning of shared array 0",
       .stops_sanitizer = true,
       .run = run_kernel<write_before_shared_memory>},
      {.name = "carve_past_shared_memory",
       .shows = as_error,
       .error = "shared array 1 ends past the end of shared memory",
       .run = run_kernel<carve_past_shared_memory>},
      {.name = "carve_differently",
       .shows = as_error,
       .error = "all threads carve the same arrays",
       .run = run_kernel<carve_differently>},
      {.name = "more_shared_memory_than_there_is",
       .shows = as_error,
       .error = "bytes of shared memory; a block has at most",
       .run = run_kernel<two_arrays, 1 << 20>},
      {.name = "write_past_global_memory",
       .shows = as_error,
       .error = "wrote past the end of global memory",
       .stops_sanitizer = true,
       .run = run_kernel<write_past_global_memory>},
      {.name = "read_past_global_memory",
       .shows = in_result,
       .stops_sanitizer = true,
       .run = run_kernel<read_past_global_memory>},
      {.name = "copy_past_global_memory",
       .shows = in_result,
       .stops_sanitizer = true,
       .run = run_kernel<copy_past_global_memory>},
      {.name = "misaligned_pointer",
       .shows = in_result,
       .stops_sanitizer = true,
       .run = run_kernel<misaligned_pointer>},
      {.name = "misaligned_load",
       .shows = as_error,
       .error = "misaligned access of 16 bytes",
       .run = run_kernel<misaligned_load>},
      {.name = "misaligned_store",
       .shows = as_error,
       .error = "misaligned access of 16 bytes",
       .run = run_kernel<misaligned_store>},
      {.name = "misaligned_copy",
       .shows = as_error,
       .error = "misaligned asynchronous copy of 16 bytes",
       .run = run_kernel<misaligned_copy>},
      {.name = "copy_of_17_bytes",
       .shows = as_error,
       .error = "was given 17 as the number of valid ones",
       .run = run_kernel<copy_of_17_bytes>},
      {.name = "copy_to_global_memory",
       .shows = as_error,
       .error = "targets memory that is not shared",
       .run = run_kernel<copy_to_global_memory>},
      {.name = "misaligned_ldmatrix",
       .shows = as_error,
       .error = "ldmatrix reads a row that is not aligned",
       .run = run_kernel<misaligned_ldmatrix>},
      {.name = "ldmatrix_of_global_memory",
       .shows = as_error,
       .error = "ldmatrix reads memory that is not shared",
       .run = run_kernel<ldmatrix_of_global_memory>},
  };
}

}  // namespace dg::emulator_tests
