// The emulated device around the kernels: launches, memory, graphs, several of them at once.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>

#include "kernels/cuda/device/block.h"
#include "kernels/cuda/device/shared_memory.h"
#include "tests/emulator/device_array.h"

using namespace dg;
using namespace dg::cuda_emulated;
using Catch::Matchers::Contains;
using dg::emulator_tests::DeviceArray;

namespace {

__global__ void nothing() {}

__global__ void store_arguments(double* y, int narrow, std::int64_t wide, float single,
                                const float* pointer) {
  if (threadIdx.x != 0) return;
  y[0] = narrow;
  y[1] = static_cast<double>(wide);
  y[2] = single;
  y[3] = pointer == nullptr ? 1 : 0;
}

// Which block came when; blocks run one after the other.
__global__ void record_blocks(int* order, int* next) {
  if (threadIdx.x != 0) return;
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  order[block] = (*next)++;
}

__global__ void record_dimensions(unsigned* y) {
  if (threadIdx.x + 1 != blockDim.x) return;
  y[0] = blockDim.x;
  y[1] = blockDim.y * blockDim.z;
  y[2] = gridDim.x;
  y[3] = gridDim.y;
  y[4] = gridDim.z;
  y[5] = threadIdx.x;
}

__global__ void add(float* y, float value) { y[threadIdx.x] += value; }

constexpr int kRows = 6;
constexpr int kColumns = 300;

__global__ void sum_rows(const float* x, float* y, int columns) {
  SharedMemory shared;
  auto* scratch = shared.array<float>(kWarp);
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < columns; i += static_cast<int>(blockDim.x)) {
    sum += x[static_cast<int>(blockIdx.x) * columns + i];
  }
  sum = block_sum(sum, scratch);
  if (threadIdx.x == 0) y[blockIdx.x] = sum;
}

std::vector<int> order_of_blocks(std::uint64_t seed) {
  const auto device = make_runtime({.device = 0, .seed = seed});
  const DeviceArray<int> order(*device, std::vector<int>(60, -1));
  const DeviceArray<int> next(*device, std::vector<int>(1, 0));
  launch(record_blocks, {.name = "record_blocks", .grid = {3, 4, 5}, .block = 32}, device->stream(),
         order.data(), next.data());
  return order.values();
}

}  // namespace

TEST_CASE("launch: arguments are converted to the kernel's parameter types") {
  const auto device = make_runtime({});
  const DeviceArray<double> y(*device, 4);
  launch(store_arguments, {.name = "store_arguments", .block = 32}, device->stream(), y.data(),
         std::int64_t{7}, 8, 0.5, nullptr);
  CHECK(y.values() == std::vector<double>{7, 8, 0.5, 1});
}

TEST_CASE("launch: a grid or block that no GPU takes is refused with the kernel's name") {
  const auto device = make_runtime({});
  const auto with = [&](Grid grid, int block) {
    return [&device, grid, block] {
      launch(nothing, {.name = "nothing", .grid = grid, .block = block}, device->stream());
    };
  };
  const auto refused = Contains("kernel nothing");
  CHECK_THROWS_WITH(with({0}, 32)(), refused && Contains("a grid of 0 x 1 x 1"));
  CHECK_THROWS_WITH(with({std::int64_t{1} << 31}, 32)(), refused && Contains("2147483648 x 1 x 1"));
  CHECK_THROWS_WITH(with({1, 65536}, 32)(), refused && Contains("1 x 65536 x 1"));
  CHECK_THROWS_WITH(with({1, 1, 65536}, 32)(), refused && Contains("1 x 1 x 65536"));
  CHECK_THROWS_WITH(with({1}, 0)(), refused && Contains("a block of 0 threads"));
  CHECK_THROWS_WITH(with({1}, 48)(), refused && Contains("a block of 48 threads"));
  CHECK_THROWS_WITH(with({1}, 1056)(), refused && Contains("a block of 1056 threads"));
  CHECK_NOTHROW(with({1}, 1024)());
  CHECK_THROWS_WITH(to_int32(std::int64_t{1} << 31, "nothing", "n"), refused && Contains("n = 2147483648"));
}

TEST_CASE("launch: every block runs once, in an order that the seed draws") {
  auto order = order_of_blocks(1);
  CHECK(order == order_of_blocks(1));
  CHECK(order != order_of_blocks(2));
  std::sort(order.begin(), order.end());
  std::vector<int> all(60);
  std::iota(all.begin(), all.end(), 0);
  CHECK(order == all);
}

TEST_CASE("launch: the index variables describe the launch") {
  const auto device = make_runtime({});
  const DeviceArray<unsigned> y(*device, 6);
  launch(record_dimensions, {.name = "record_dimensions", .grid = {2, 3, 4}, .block = 96}, device->stream(),
         y.data());
  CHECK(y.values() == std::vector<unsigned>{96, 1, 2, 3, 4, 95});
}

TEST_CASE("memory: fresh memory is NaN, aligned to 256 bytes, and may be empty") {
  const auto device = make_runtime({});
  const DeviceArray<std::uint32_t> fresh(*device, 3);
  CHECK(fresh.values() == std::vector<std::uint32_t>(3, 0xffffffffU));
  CHECK(reinterpret_cast<std::uintptr_t>(fresh.data()) % 256 == 0);
  CHECK(DeviceArray<float>(*device, 0).values().empty());
}

TEST_CASE("memory: giving back what was not handed out is told at the next synchronisation") {
  const auto device = make_runtime({});
  float host = 0;
  device->deallocate(&host, sizeof(host));
  CHECK_THROWS_WITH(device->synchronize(), Contains("given back"));
  CHECK_NOTHROW(device->synchronize());
}

TEST_CASE("graph: capture records without running, every replay runs kernels and copies in order") {
  const auto device = make_runtime({});
  const DeviceArray<float> x(*device, std::vector<float>(32, 1.0F));
  const DeviceArray<float> y(*device, std::vector<float>(32, 0.0F));
  device->begin_capture();
  CHECK(device->capturing());
  launch(add, {.name = "add", .block = 32}, device->stream(), x.data(), 2.0F);
  device->copy(y.data(), x.data(), 32 * sizeof(float), CopyDirection::device_to_device);
  launch(add, {.name = "add", .block = 32}, device->stream(), y.data(), 10.0F);
  const auto graph = device->end_capture();
  CHECK_FALSE(device->capturing());
  CHECK(x.values() == std::vector<float>(32, 1.0F));
  CHECK(y.values() == std::vector<float>(32, 0.0F));
  for (const float expected : {3.0F, 5.0F, 7.0F}) {
    device->replay(*graph);
    CHECK(x.values() == std::vector<float>(32, expected));
    CHECK(y.values() == std::vector<float>(32, expected + 10.0F));
  }
}

TEST_CASE("graph: a second capture, an end without beginning and copies from the host are refused") {
  const auto device = make_runtime({});
  const DeviceArray<float> x(*device, 1);
  const float host = 0;
  CHECK_THROWS_AS(device->end_capture(), Error);
  device->begin_capture();
  CHECK_THROWS_AS(device->begin_capture(), Error);
  CHECK_THROWS_AS(device->copy(x.data(), &host, sizeof(host), CopyDirection::host_to_device), Error);
  CHECK(device->end_capture() != nullptr);
}

TEST_CASE("two devices on two threads do not know of each other", "[threads]") {
  const auto work = [](std::uint64_t seed, bool& right) {
    const auto device = make_runtime({.device = 0, .seed = seed});
    std::vector<float> x(kRows * kColumns);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17 + seed);
    std::vector<float> expected(kRows, 0.0F);
    for (std::size_t i = 0; i < x.size(); ++i) expected[i / kColumns] += x[i];
    const DeviceArray<float> input(*device, x);
    right = true;
    for (int repeat = 0; repeat < 5; ++repeat) {
      const DeviceArray<float> output(*device, kRows);
      launch(sum_rows,
             {.name = "sum_rows", .grid = {kRows}, .block = 64, .shared_bytes = kWarp * sizeof(float)},
             device->stream(), input.data(), output.data(), kColumns);
      right = right && output.values() == expected;
    }
  };
  bool first = false;
  bool second = false;
  std::thread other(work, 1, std::ref(first));
  work(2, second);
  other.join();
  CHECK(first);
  CHECK(second);
}
