// An array in the memory of an emulated device.
#pragma once

#include <vector>

#include "kernels/cuda/runtime.h"

namespace dg::emulator_tests {

template <typename T>
class DeviceArray {
 public:
  DeviceArray(cuda_emulated::Runtime& device, std::size_t count)
      : device_(device), count_(count), data_(static_cast<T*>(device.allocate(bytes()))) {}
  DeviceArray(cuda_emulated::Runtime& device, const std::vector<T>& values)
      : DeviceArray(device, values.size()) {
    device.copy(data_, values.data(), bytes(), CopyDirection::host_to_device);
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { device_.deallocate(data_, bytes()); }

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> host(count_);
    device_.copy(host.data(), data_, bytes(), CopyDirection::device_to_host);
    device_.synchronize();
    return host;
  }

 private:
  std::int64_t bytes() const { return static_cast<std::int64_t>(count_ * sizeof(T)); }

  cuda_emulated::Runtime& device_;
  std::size_t count_;
  T* data_;
};

}  // namespace dg::emulator_tests
