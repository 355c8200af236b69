#include "apps/gpus.h"

#if defined(DEBLURGAN_HAS_CUDA)
#include <cuda_runtime.h>
#endif

namespace dg::apps {

#if defined(DEBLURGAN_HAS_CUDA)

namespace {

// 13000 -> "13.0".
std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace

CudaSystem find_gpus() {
  CudaSystem system;
  int version = 0;
  if (cudaRuntimeGetVersion(&version) == cudaSuccess) system.runtime_version = version_text(version);
  if (cudaDriverGetVersion(&version) == cudaSuccess && version > 0)
    system.driver_version = version_text(version);
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return system;
  for (int number = 0; number < count; ++number) {
    cudaDeviceProp p{};
    if (cudaGetDeviceProperties(&p, number) != cudaSuccess) continue;
    system.gpus.push_back({.number = number,
                           .name = p.name,
                           .compute_capability = p.major * 10 + p.minor,
                           .multiprocessors = p.multiProcessorCount,
                           .memory_bytes = static_cast<std::int64_t>(p.totalGlobalMem)});
  }
  return system;
}

#else

CudaSystem find_gpus() { return {}; }

#endif

}  // namespace dg::apps
