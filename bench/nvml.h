// Driver and clocks from NVIDIA's management library, which comes with the driver. Found at run time.
#pragma once

#include <string>

#include "kernels/cuda/shared_library.h"

namespace dg::bench {

class Nvml {
 public:
  explicit Nvml(const std::string& pci_bus_id);  // Error: the library or the device is not there
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml();

  std::string driver() const;
  // MHz; 0: not told.
  double multiprocessor_clock() const { return clock(kMultiprocessors, clock_); }
  double memory_clock() const { return clock(kMemory, clock_); }
  double highest_multiprocessor_clock() const { return clock(kMultiprocessors, highest_clock_); }

 private:
  using Device = void*;
  using ClockFunction = int (*)(Device, int kind, unsigned* mhz);
  static constexpr int kMultiprocessors = 1;
  static constexpr int kMemory = 2;

  double clock(int kind, ClockFunction function) const {
    unsigned mhz = 0;
    return function(device_, kind, &mhz) == 0 ? static_cast<double>(mhz) : 0.0;
  }

  cuda::SharedLibrary library_;
  Device device_ = nullptr;
  int (*init_)() = nullptr;
  int (*shutdown_)() = nullptr;
  int (*find_)(const char* bus_id, Device*) = nullptr;
  int (*driver_)(char* text, unsigned size) = nullptr;
  ClockFunction clock_ = nullptr;
  ClockFunction highest_clock_ = nullptr;
};

}  // namespace dg::bench
