// Guards: bytes between and behind arrays that no kernel may write. Read as numbers they are NaN (float, bfloat16 and
// double), so that reading them shows in the result, but not the NaN that memory starts with (all ones), so that copying
// uninitialised elements over them shows too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dg::emulator {

inline std::byte guard_byte(const std::byte* at) {
  return reinterpret_cast<std::uintptr_t>(at) % 2 == 0 ? std::byte{0xFE} : std::byte{0xFF};
}

inline void write_guard(std::byte* begin, std::size_t bytes) {
  for (std::byte* at = begin; at < begin + bytes; ++at) *at = guard_byte(at);
}

inline bool guard_is_whole(const std::byte* begin, std::size_t bytes) {
  for (const std::byte* at = begin; at < begin + bytes; ++at) {
    if (*at != guard_byte(at)) return false;
  }
  return true;
}

}  // namespace dg::emulator
