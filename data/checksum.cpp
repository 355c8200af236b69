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
