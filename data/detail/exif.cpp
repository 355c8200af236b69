// A TIFF block: byte order, 42, offset of the first directory (IFD0). A directory: u16 number of entries, entries of 12
// bytes (u16 tag, u16 type, u32 count, 4 bytes of value), u32 offset of the next directory, which is the thumbnail's.
#include "data/detail/exif.h"

#include <algorithm>
#include <span>

namespace dg {
namespace {

constexpr std::uint32_t kOrientationTag = 0x0112;
constexpr std::uint32_t kShort = 3;
constexpr std::size_t kEntryBytes = 12;

// Numbers of the block in its own byte order. Offsets must lie inside.
class TiffBlock {
 public:
  explicit TiffBlock(std::span<std::uint8_t> bytes) : bytes_(bytes), big_endian_(bytes[0] == 'M') {}

  std::uint32_t read(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{bytes_[at + i]} << shift(i, size);
    return value;
  }
  void write(std::size_t at, std::size_t size, std::uint32_t value) {
    for (std::size_t i = 0; i < size; ++i)
      bytes_[at + i] = static_cast<std::uint8_t>(value >> shift(i, size));
  }

 private:
  unsigned shift(std::size_t i, std::size_t size) const {
    return static_cast<unsigned>(8 * (big_endian_ ? size - 1 - i : i));
  }

  std::span<std::uint8_t> bytes_;
  bool big_endian_;
};

// The place of IFD0; 0 if the block is no TIFF or its directory is cut.
std::size_t first_directory(std::span<std::uint8_t> bytes) {
  if (bytes.size() < 8 || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M')) return 0;
  const TiffBlock block(bytes);
  const std::size_t directory = block.read(4, 4);
  if (block.read(2, 2) != 42 || directory < 8 || directory > bytes.size() - 2) return 0;
  const std::size_t entries = block.read(directory, 2);
  return entries * kEntryBytes > bytes.size() - 2 - directory ? 0 : directory;
}

}  // namespace

int take_orientation(std::vector<std::uint8_t>& exif) {
  const std::size_t directory = first_directory(exif);
  if (directory == 0) {
    exif.clear();
    return 1;
  }
  TiffBlock block(exif);
  const std::size_t end = directory + 2 + block.read(directory, 2) * kEntryBytes;
  std::uint32_t orientation = 1;
  for (std::size_t entry = directory + 2; entry < end; entry += kEntryBytes) {
    if (block.read(entry, 2) != kOrientationTag || block.read(entry + 2, 2) != kShort) continue;
    orientation = block.read(entry + 8, 2);
    block.write(entry + 8, 2, 1);
  }
  if (end + 4 <= exif.size()) block.write(end, 4, 0);
  return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
}

}  // namespace dg
