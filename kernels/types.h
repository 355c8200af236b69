// Element types, and pointers that remember theirs.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "kernels/check.h"
#include "kernels/host_device.h"

namespace dg {

enum class DType : std::uint8_t { float32, bfloat16, float64 };

// The upper half of a float32, rounded to nearest even. Storage only: arithmetic happens in float.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  DG_HOST_DEVICE explicit bfloat16(float value) {
#if defined(__CUDA_ARCH__)
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
#else
    const auto word = std::bit_cast<std::uint32_t>(value);
    if ((word & 0x7fffffffU) > 0x7f800000U) {
      bits = static_cast<std::uint16_t>((word >> 16) | 0x40U);  // NaN stays NaN
    } else {
      bits = static_cast<std::uint16_t>((word + 0x7fffU + ((word >> 16) & 1U)) >> 16);
    }
#endif
  }
  DG_HOST_DEVICE explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

inline std::int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return 4;
    case DType::bfloat16: return 2;
    case DType::float64: return 8;
  }
  fail("size_of: unknown element type ", static_cast<int>(dtype));
}

inline const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::bfloat16: return "bfloat16";
    case DType::float64: return "float64";
  }
  return "unknown";
}

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<bfloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};

// The type that arithmetic on T is done in: double for double, float for everything narrower.
template <typename T>
struct ComputeOf {
  using type = float;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <typename T>
using Compute = typename ComputeOf<T>::type;

// A pointer into device memory with its element type. Shapes travel beside it; ownership never does.
struct ConstArray {
  const void* data = nullptr;
  DType dtype = DType::float32;

  explicit operator bool() const { return data != nullptr; }

  template <typename T>
  const T* as() const {
    check(dtype == DTypeOf<T>::value, "kernel got ", name_of(dtype), " where it expects ",
          name_of(DTypeOf<T>::value));
    return static_cast<const T*>(data);
  }
};

struct Array {
  void* data = nullptr;
  DType dtype = DType::float32;

  explicit operator bool() const { return data != nullptr; }
  operator ConstArray() const { return {data, dtype}; }  // NOLINT: a mutable array reads as a constant one

  template <typename T>
  T* as() const {
    check(dtype == DTypeOf<T>::value, "kernel got ", name_of(dtype), " where it expects ",
          name_of(DTypeOf<T>::value));
    return static_cast<T*>(data);
  }
};

// Calls body.template operator()<T>() with T = float, bfloat16 or double.
template <typename Body>
decltype(auto) dispatch_float(DType dtype, Body&& body) {
  switch (dtype) {
    case DType::float32: return body.template operator()<float>();
    case DType::bfloat16: return body.template operator()<bfloat16>();
    case DType::float64: return body.template operator()<double>();
  }
  fail("dispatch: unknown element type ", static_cast<int>(dtype));
}

}  // namespace dg
