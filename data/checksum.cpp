#include "data/checksum.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>
#include <vector>
#include <zlib.h>

#include "data/input_file.h"

namespace dg {
namespace {

// Entry k: the remainder of the byte k, bits reversed.
constexpr std::array<std::uint32_t, 256> crc32c_table() {
  constexpr std::uint32_t kPolynomial = 0x82F63B78;  // 0x1EDC6F41 with its bits reversed
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1U) != 0 ? value >> 1U ^ kPolynomial : value >> 1U;
    table[byte] = value;
  }
  return table;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr std::array<std::uint32_t, 256> kTable = crc32c_table();
  std::uint32_t value = 0xFFFFFFFF;
  for (const char byte : bytes)
    value = value >> 8U ^ kTable[(value ^ static_cast<std::uint8_t>(byte)) & 0xFFU];
  return ~value;
}

std::string crc32_of_file(const std::filesystem::path& path) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 20;
  InputFile file(path);
  std::vector<std::byte> block(static_cast<std::size_t>(std::min(kBlock, file.size())));
  uLong sum = crc32(0, nullptr, 0);
  for (std::int64_t left = file.size(); left > 0;) {
    const std::span<std::byte> part =
        std::span(block).first(static_cast<std::size_t>(std::min(kBlock, left)));
    file.read(part);
    sum = crc32(sum, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size()));
    left -= static_cast<std::int64_t>(part.size());
  }
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08lx", sum);
  return text.data();
}

}  // namespace dg
