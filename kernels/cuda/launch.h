// The only way a kernel is started:
//
//   launch(norm_kernel<T>, {.name = "norm", .grid = {groups}, .block = 256, .shared_bytes = bytes}, stream, shape, x, y);
//
// The arguments are converted to the kernel's parameter types before the launch. What goes wrong becomes an Error that
// names the kernel and its configuration; debug builds wait for the kernel, so that it is this kernel that is named.
#pragma once

#include <cstdint>
#include <tuple>
#include <utility>

#include "kernels/check.h"
#include "kernels/cuda/device/target.h"

#if defined(DG_EMULATED)
#include "kernels/emulator/stream.h"
#endif

namespace dg::DG_TARGET {

#if defined(DG_EMULATED)
using Stream = emulator::Stream*;
#else
using Stream = cudaStream_t;
#endif

// Blocks of a grid: up to 2^31 - 1 along x, 65535 along y and z.
struct Grid {
  std::int64_t x = 1, y = 1, z = 1;
};

struct LaunchConfig {
  const char* name;
  Grid grid{};
  int block = 0;  // threads, one-dimensional, a multiple of 32
  std::size_t shared_bytes = 0;
};

inline void check_config(const LaunchConfig& c) {
  check(c.grid.x > 0 && c.grid.x <= 0x7fffffff && c.grid.y > 0 && c.grid.y <= 65535 && c.grid.z > 0 &&
            c.grid.z <= 65535,
        "kernel ", c.name, ": a grid of ", c.grid.x, " x ", c.grid.y, " x ", c.grid.z,
        " blocks is beyond what a GPU takes (2147483647 x 65535 x 65535)");
  check(c.block > 0 && c.block <= 1024 && c.block % kWarp == 0, "kernel ", c.name, ": a block of ", c.block,
        " threads; expected a multiple of 32 up to 1024");
}

// The blocks of `per_block` that cover n.
inline std::int64_t blocks_for(std::int64_t n, std::int64_t per_block) {
  return (n + per_block - 1) / per_block;
}

// For kernels that index with 32 bits.
inline int to_int32(std::int64_t value, const char* kernel, const char* what) {
  check(value >= 0 && value <= 0x7fffffff, "kernel ", kernel, ": ", what, " = ", value,
        " does not fit its 32-bit index; split the work into smaller pieces");
  return static_cast<int>(value);
}

#if defined(DG_EMULATED)

template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const LaunchConfig& config, Stream stream, Args&&... args) {
  check_config(config);
  const auto size = [](std::int64_t extent) { return static_cast<unsigned>(extent); };
  const emulator::BlockShape shape{.kernel = config.name,
                                   .grid = {size(config.grid.x), size(config.grid.y), size(config.grid.z)},
                                   .block = {static_cast<unsigned>(config.block), 1, 1},
                                   .shared_bytes = config.shared_bytes};
  stream->submit_kernel(shape, [kernel, values = std::tuple<Params...>(std::forward<Args>(args)...)] {
    std::apply(kernel, values);
  });
}

#else

// Throws Error with the kernel's name, its configuration and CUDA's reason.
[[noreturn]] void throw_launch_error(const LaunchConfig& config, cudaError_t error);
bool is_capturing(Stream stream);

template <typename... Params, typename... Args>
void launch(void (*kernel)(Params...), const LaunchConfig& config, Stream stream, Args&&... args) {
  check_config(config);
  std::tuple<Params...> values(std::forward<Args>(args)...);
  const auto succeed = [&](cudaError_t error) {
    if (error != cudaSuccess) [[unlikely]]
      throw_launch_error(config, error);
  };
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (config.shared_bytes > 48 * 1024) {  // beyond this a kernel must ask for it
    succeed(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(config.shared_bytes)));
  }
  const auto size = [](std::int64_t extent) { return static_cast<unsigned>(extent); };
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {const_cast<void*>(static_cast<const void*>(&value))..., nullptr};
        succeed(cudaLaunchKernel(function,
                                 dim3(size(config.grid.x), size(config.grid.y), size(config.grid.z)),
                                 dim3(size(config.block)), pointers, config.shared_bytes, stream));
      },
      values);
#if !defined(NDEBUG)
  if (!is_capturing(stream)) succeed(cudaStreamSynchronize(stream));
#endif
}

#endif

}  // namespace dg::DG_TARGET
