// The GPUs of this machine and the CUDA versions, as CUDA's runtime tells them; nothing in a build without CUDA.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dg::apps {

struct Gpu {
  int number = 0;
  std::string name;
  int compute_capability = 0;  // 90 for sm_90
  int multiprocessors = 0;
  std::int64_t memory_bytes = 0;
};

struct CudaSystem {
  std::string runtime_version;  // "13.0"; empty: a build without CUDA
  std::string driver_version;   // the newest CUDA that the driver serves; empty: no driver
  std::vector<Gpu> gpus;
};

CudaSystem find_gpus();

}  // namespace dg::apps
