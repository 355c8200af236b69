// Division by a number that is known before the launch, as one multiplication and one shift: GPUs have no
// instruction for integer division. Granlund and Montgomery, "Division by invariant integers using
// multiplication", PLDI 1994, figure 4.1:
//   n / d = (high32(m n) + n) >> l  with  l = ceil(log2 d),  m = floor(2^32 (2^l - d) / d) + 1
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/check.h"
#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET {

struct Quotient {
  int quotient;
  int remainder;
};

class FastDivision {
 public:
  FastDivision() = default;  // by 1
  explicit FastDivision(std::int64_t divisor) : divisor_(static_cast<std::uint32_t>(divisor)) {
    check(divisor > 0 && divisor <= 0x7fffffff, "FastDivision: got the divisor ", divisor,
          ", expected 1 to 2147483647");
    shift_ = static_cast<std::uint32_t>(std::bit_width(divisor_ - 1));
    const std::uint64_t excess = (std::uint64_t{1} << shift_) - divisor_;
    multiplier_ = static_cast<std::uint32_t>((excess << 32) / divisor_ + 1);
  }

  // For 0 <= n < 2^31, so that the sum below stays within 32 bits.
  __device__ __forceinline__ Quotient operator()(int n) const {
    const auto dividend = static_cast<std::uint32_t>(n);
    const auto high = static_cast<std::uint32_t>((std::uint64_t{multiplier_} * dividend) >> 32);
    const std::uint32_t quotient = (high + dividend) >> shift_;
    return {static_cast<int>(quotient), static_cast<int>(dividend - quotient * divisor_)};
  }

 private:
  std::uint32_t divisor_ = 1;
  std::uint32_t multiplier_ = 1;
  std::uint32_t shift_ = 0;
};

}  // namespace dg::DG_TARGET
