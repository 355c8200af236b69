// Every backend that the build has, and comparisons between them. A kernel test runs over all of them.
#pragma once

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/backend.h"

namespace dg::test {

// Whether the device cuda can be used here. Said once, so that a run without a GPU is not taken for one with it.
inline bool has_gpu() {
  static const bool found = [] {
    try {
      const auto backend = make_cuda_backend();
      std::fprintf(stderr, "tests: also on %s\n", backend->description().c_str());
      return true;
    } catch (const Error& error) {
      std::fprintf(stderr, "tests: not on a GPU: %s\n", error.what());
      return false;
    }
  }();
  return found;
}

// Schedules of the emulated GPU that each comparison runs under. ThreadSanitizer needs one to see a race.
#if defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kEmulatorSeeds = 1;
#else
constexpr std::uint64_t kEmulatorSeeds = 8;
#endif

// Every backend that this build and machine have, to be compared with the reference loops: the CPU on one and on several
// threads and with every instruction set, the emulated GPU under several schedules, and a GPU where there is one. Made once: threads and devices are
// dear, and kernels that leave something behind should meet the next one.
inline const std::vector<std::unique_ptr<Backend>>& fast_backends() {
  static const auto all = [] {
    std::vector<std::unique_ptr<Backend>> out;
    out.push_back(make_cpu_backend(1));
    for (const CpuIsa isa : available_cpu_isas()) out.push_back(make_cpu_backend(3, CpuKernels::fast, isa));
    for (std::uint64_t seed = 1; has_cuda_emulator() && seed <= kEmulatorSeeds; ++seed) {
      out.push_back(make_cuda_emulated_backend({.emulator_seed = seed}));
    }
    if (has_gpu()) out.push_back(make_cuda_backend());
    return out;
  }();
  return all;
}

// Of a CPU backend with CpuKernels::bf16: whether the processor has what it takes.
inline bool has_bf16_products(const Backend& backend) {
  return backend.description().find("bf16 products") != std::string::npos;
}
inline constexpr const char* kNoBf16Products = "not run: this processor has no bf16 products (AVX-512 BF16)";

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

// Memory of one backend with plain values: pixels, indices.
template <typename T>
class DeviceVector {
 public:
  DeviceVector(Backend& backend, const std::vector<T>& values)
      : DeviceVector(backend, static_cast<std::int64_t>(values.size())) {
    backend.copy(memory_, values.data(), bytes(), CopyDirection::host_to_device);
  }
  DeviceVector(Backend& backend, std::int64_t numel) : backend_(backend), numel_(numel) {
    memory_ = static_cast<T*>(backend.allocate(bytes()));
  }
  DeviceVector(const DeviceVector&) = delete;
  DeviceVector& operator=(const DeviceVector&) = delete;
  ~DeviceVector() { backend_.deallocate(memory_, bytes()); }

  T* data() const { return memory_; }
  std::vector<T> values() const {
    std::vector<T> out(static_cast<std::size_t>(numel_));
    backend_.copy(out.data(), memory_, bytes(), CopyDirection::device_to_host);
    backend_.synchronize();
    return out;
  }

 private:
  std::int64_t bytes() const { return numel_ * static_cast<std::int64_t>(sizeof(T)); }

  Backend& backend_;
  std::int64_t numel_;
  T* memory_ = nullptr;
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

// The largest |difference| / (largest |expected| value). NaN counts as infinite.
inline double relative_difference(const std::vector<double>& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  double scale = 1e-30;
  for (const double v : expected) scale = std::max(scale, std::abs(v));
  double worst = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(got[i] - expected[i]) / scale;
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  }
  return worst;
}

// The largest relative difference to the reference in float64 over the given backends.
inline double worst_difference(DType dtype, std::int64_t output_numel, const KernelRun& run,
                               const std::vector<std::unique_ptr<Backend>>& backends = fast_backends()) {
  auto reference = reference_backend();
  const DeviceArray expected(*reference, DType::float64, output_numel);
  run(*reference, DType::float64, expected.array());
  const auto want = expected.values();
  double worst = 0.0;
  for (const auto& backend : backends) {
    const DeviceArray actual(*backend, dtype, output_numel);
    run(*backend, dtype, actual.array());
    worst = std::max(worst, relative_difference(actual.values(), want));
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
