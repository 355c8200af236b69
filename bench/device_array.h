// Memory of a backend with random values, and how far two of them are apart.
#pragma once

#include <cmath>
#include <vector>

#include "kernels/backend.h"

namespace dg::bench {

class DeviceArray {
 public:
  // Normally distributed values.
  DeviceArray(Backend& backend, DType dtype, std::int64_t numel, std::uint64_t seed)
      : DeviceArray(backend, dtype, numel) {
    backend.random_normal({seed, 0}, array(), numel);
  }
  // These values, rounded to the element type.
  DeviceArray(Backend& backend, DType dtype, const std::vector<float>& values)
      : DeviceArray(backend, dtype, static_cast<std::int64_t>(values.size())) {
    const DeviceArray staged(backend, DType::float32, numel_);
    backend.copy(staged.memory_, values.data(), numel_ * 4, CopyDirection::host_to_device);
    backend.cast(staged.array(), array(), numel_);
    backend.synchronize();
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() { backend_.deallocate(memory_, numel_ * size_of(dtype_)); }

  Backend& backend() const { return backend_; }
  Array array() const { return {memory_, dtype_}; }
  std::int64_t numel() const { return numel_; }
  // What no kernel may leave behind.
  void poison() const { backend_.fill(array(), numel_, NAN); }

  std::vector<float> values() const {
    const DeviceArray staged(backend_, DType::float32, numel_);
    backend_.cast(array(), staged.array(), numel_);
    std::vector<float> out(static_cast<std::size_t>(numel_));
    backend_.copy(out.data(), staged.memory_, numel_ * 4, CopyDirection::device_to_host);
    backend_.synchronize();
    return out;
  }

 private:
  DeviceArray(Backend& backend, DType dtype, std::int64_t numel)
      : backend_(backend), dtype_(dtype), numel_(numel), memory_(backend.allocate(numel * size_of(dtype))) {}
  friend double relative_error(const DeviceArray& actual, const DeviceArray& expected);

  Backend& backend_;
  DType dtype_;
  std::int64_t numel_;
  void* memory_;
};

// |actual - expected| / |expected|, Euclidean; NaN where any value is NaN.
inline double relative_error(const std::vector<float>& actual, const std::vector<float>& expected) {
  double difference = 0.0;
  double scale = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(actual[i]) - static_cast<double>(expected[i]);
    difference += d * d;
    scale += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(difference / scale);
}

// The same on the device of both, in float32.
inline double relative_error(const DeviceArray& actual, const DeviceArray& expected) {
  Backend& backend = actual.backend();
  const std::int64_t n = expected.numel();
  const auto make = [&](std::int64_t count) { return DeviceArray(backend, DType::float32, count); };
  const DeviceArray a = make(n), b = make(n), scratch = make(n), total = make(1);
  const auto norm = [&](const DeviceArray& x) {
    backend.unary(UnaryOp::square, x.array(), scratch.array(), n, 0.0, 0.0);
    backend.sum(scratch.array(), total.array(), {.outer = 1, .reduce = n, .inner = 1});
    return std::sqrt(static_cast<double>(total.values()[0]));
  };
  backend.cast(expected.array(), b.array(), n);
  const double scale = norm(b);
  backend.cast(actual.array(), scratch.array(), n);
  backend.binary(BinaryOp::subtract, scratch.array(), b.array(), a.array(),
                 {{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}}, 0.0, 0.0);
  return norm(a) / scale;
}

}  // namespace dg::bench
