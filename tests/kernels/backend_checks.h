// Every backend that the build has, and comparisons between them. A kernel test runs over all of them.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/backend.h"

namespace dg::test {

// Backends whose results are compared with the reference loops: the same kernels on one and on several threads.
inline std::vector<std::unique_ptr<Backend>> fast_backends() {
  std::vector<std::unique_ptr<Backend>> out;
  out.push_back(make_cpu_backend(1));
  out.push_back(make_cpu_backend(3));
  return out;
}

inline std::unique_ptr<Backend> reference_backend() { return make_cpu_backend(1, CpuKernels::reference); }

// Memory of one backend with values of one element type.
class DeviceArray {
 public:
  DeviceArray(Backend& backend, DType dtype, const std::vector<double>& values)
      : backend_(backend), dtype_(dtype), numel_(static_cast<std::int64_t>(values.size())) {
    memory_ = backend.allocate(bytes());
    void* staged = backend.allocate(numel_ * 8);
    backend.copy(staged, values.data(), numel_ * 8, CopyDirection::host_to_device);
    backend.cast({staged, DType::float64}, array(), numel_);
    backend.synchronize();
    backend.deallocate(staged, numel_ * 8);
  }
  DeviceArray(Backend& backend, DType dtype, std::int64_t numel)
      : DeviceArray(backend, dtype, std::vector<double>(static_cast<std::size_t>(numel), NAN)) {}
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { backend_.deallocate(memory_, bytes()); }

  Array array() const { return {memory_, dtype_}; }
  std::vector<double> values() const {
    void* staged = backend_.allocate(numel_ * 8);
    backend_.cast(array(), {staged, DType::float64}, numel_);
    std::vector<double> out(static_cast<std::size_t>(numel_));
    backend_.copy(out.data(), staged, numel_ * 8, CopyDirection::device_to_host);
    backend_.synchronize();
    backend_.deallocate(staged, numel_ * 8);
    return out;
  }

 private:
  std::int64_t bytes() const { return numel_ * size_of(dtype_); }

  Backend& backend_;
  DType dtype_;
  std::int64_t numel_;
  void* memory_ = nullptr;
};

// Normal numbers, rounded to what `dtype` can hold, so that all backends start from the same values.
inline std::vector<double> test_values(std::int64_t n, std::uint64_t seed, DType dtype = DType::float32) {
  auto backend = make_cpu_backend(1);
  const DeviceArray x(*backend, dtype, n);
  backend->random_normal({seed, 0}, x.array(), n);
  return x.values();
}

// A kernel run: fills `output` of the given size on the given backend.
using KernelRun = std::function<void(Backend& backend, DType dtype, Array output)>;

// The largest |difference| / (largest |reference| value) over all fast backends. NaN counts as infinite.
inline double worst_difference(DType dtype, std::int64_t output_numel, const KernelRun& run) {
  auto reference = reference_backend();
  const DeviceArray expected(*reference, DType::float64, output_numel);
  run(*reference, DType::float64, expected.array());
  const auto want = expected.values();
  double scale = 0.0;
  for (const double v : want) scale = std::max(scale, std::abs(v));
  double worst = 0.0;
  for (auto& backend : fast_backends()) {
    const DeviceArray actual(*backend, dtype, output_numel);
    run(*backend, dtype, actual.array());
    const auto got = actual.values();
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double difference = std::abs(got[i] - want[i]) / std::max(scale, 1e-30);
      worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
    }
  }
  return worst;
}

// Rounding of one stored result, and of sums of a few thousand products: measured 2.2e-6 for 3136 in float32.
inline double tolerance(DType dtype) {
  switch (dtype) {
    case DType::float32: return 4e-6;
    case DType::bfloat16: return 8e-3;
    case DType::float64: return 1e-13;
  }
  return 0.0;
}

}  // namespace dg::test
