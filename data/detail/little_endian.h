#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dg {

// At most eight bytes, the lowest first, without sign.
inline std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  unsigned shift = 0;
  for (const std::byte byte : bytes) {
    value |= std::to_integer<std::uint64_t>(byte) << shift;
    shift += 8;
  }
  return value;
}

}  // namespace dg
