// Walks over the skeletons of PNG, JPEG, BMP and TGA files; no pixel is decoded here.
// PNG (ISO/IEC 15948): 8-byte signature, then chunks of big-endian u32 length, 4-byte type, data, u32 CRC.
// JPEG (ITU-T T.81 annex B): markers FF xx, most followed by a big-endian u16 length that counts itself.
#include "data/detail/image_format.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <string_view>
#include <zlib.h>

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::uint8_t kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

std::uint32_t u16_le(Bytes b, std::size_t at) {
  return b[at] | (static_cast<std::uint32_t>(b[at + 1]) << 8U);
}
std::uint32_t u32_le(Bytes b, std::size_t at) { return u16_le(b, at) | (u16_le(b, at + 2) << 16U); }
std::uint32_t u16_be(Bytes b, std::size_t at) {
  return (static_cast<std::uint32_t>(b[at]) << 8U) | b[at + 1];
}
std::uint32_t u32_be(Bytes b, std::size_t at) { return (u16_be(b, at) << 16U) | u16_be(b, at + 2); }

struct PngChunk {
  std::string_view type;
  std::size_t data = 0;
  std::size_t length = 0;
};

// The chunk at `at`, or nothing if the bytes end inside its head.
std::optional<PngChunk> png_chunk(Bytes bytes, std::size_t at) {
  if (bytes.size() < 8 || at > bytes.size() - 8) return std::nullopt;
  const char* type = reinterpret_cast<const char*>(&bytes[at + 4]);
  return PngChunk{std::string_view(type, 4), at + 8, u32_be(bytes, at)};
}

std::string png_damage(Bytes bytes) {
  std::size_t at = sizeof kPngSignature;
  while (const auto chunk = png_chunk(bytes, at)) {
    if (chunk->length + 4 > bytes.size() - chunk->data) break;
    const auto covered = static_cast<uInt>(chunk->length + 4);  // the CRC is over type and data
    if (crc32(0, &bytes[at + 4], covered) != u32_be(bytes, chunk->data + chunk->length)) {
      return "the checksum of a PNG chunk at byte " + std::to_string(at) + " is wrong";
    }
    if (chunk->type == "IEND") return {};
    at = chunk->data + chunk->length + 4;
  }
  return "the file ends before the end of the PNG";
}

// A DHT segment: tables of a class byte, the numbers of codes of each length 1..16, and one byte per code.
// stb 2.27 writes beyond its arrays where a table has more than 256 codes.
bool huffman_tables_fit(Bytes segment) {
  while (!segment.empty()) {
    if (segment.size() < 17) return false;
    const std::size_t codes = std::accumulate(segment.begin() + 1, segment.begin() + 17, std::size_t{0});
    if (codes > 256 || segment.size() < 17 + codes) return false;
    segment = segment.subspan(17 + codes);
  }
  return true;
}

// Where the start marker FF D8 of a JPEG ends; 0: there is none. Any number of FF may stand before it, and stb skips them.
std::size_t jpeg_start(Bytes bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && bytes[at] == 0xff) ++at;
  return at > 0 && at < bytes.size() && bytes[at] == 0xd8 ? at + 1 : 0;
}

// Follows the segments, so that an end marker inside of one (a thumbnail, a comment) does not count.
std::string jpeg_damage(Bytes bytes) {
  const char* const truncated = "the file ends before the end marker of the JPEG";
  std::size_t at = jpeg_start(bytes);
  while (at + 1 < bytes.size()) {
    const std::uint8_t marker = bytes[at + 1];
    if (bytes[at] != 0xff || marker == 0xff) {  // coded data, or a fill byte
      ++at;
    } else if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;  // a stuffed FF, TEM or a restart marker: no segment follows
    } else if (marker == 0xd9) {
      return {};
    } else {
      if (at + 3 >= bytes.size()) return truncated;
      const std::size_t length = u16_be(bytes, at + 2);
      if (length < 2) return "a JPEG segment at byte " + std::to_string(at) + " has no length";
      if (at + 2 + length > bytes.size()) return truncated;
      if (marker == 0xc4 && !huffman_tables_fit(bytes.subspan(at + 4, length - 2))) {
        return "the Huffman tables of the JPEG at byte " + std::to_string(at) + " are impossible";
      }
      at += 2 + length;
    }
  }
  return truncated;
}

std::string bmp_damage(Bytes bytes) {
  const char* const truncated = "the file ends before the last row of the BMP";
  if (bytes.size() < 26) return truncated;
  const bool core = u32_le(bytes, 14) == 12;  // the OS/2 header with 16-bit sizes
  if (!core && bytes.size() < 34) return truncated;
  const std::uint64_t width = core ? u16_le(bytes, 18) : u32_le(bytes, 18);
  const std::uint64_t height =
      core ? u16_le(bytes, 20)
           : static_cast<std::uint64_t>(
                 std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(u32_le(bytes, 22)))));
  const std::uint64_t bits = u16_le(bytes, core ? 24 : 28);
  const bool compressed = !core && (u32_le(bytes, 30) == 1 || u32_le(bytes, 30) == 2);
  if (width == 0 || height == 0 || compressed) return {};  // stb refuses these with its own reason
  const std::uint64_t stride = (width * bits + 31) / 32 * 4;
  const std::uint64_t last_row = (width * bits + 7) / 8;  // its padding is often left out
  if (u32_le(bytes, 10) + stride * (height - 1) + last_row > bytes.size()) return truncated;
  return {};
}

std::string tga_damage(Bytes bytes) {
  const char* const truncated = "the file ends before the last pixel of the TGA";
  if (bytes.size() < 18) return truncated;
  const std::size_t palette = bytes[1] == 0 ? 0 : u16_le(bytes, 5) * ((bytes[7] + 7U) / 8U);
  const std::size_t pixel = (bytes[16] + 7U) / 8U;
  std::size_t at = 18U + bytes[0] + palette;
  std::size_t left = static_cast<std::size_t>(u16_le(bytes, 12)) * u16_le(bytes, 14);
  if (bytes[2] < 8) return at + left * pixel > bytes.size() ? std::string(truncated) : std::string();
  while (left > 0) {  // run-length packets: a count byte, then one pixel or `count` pixels
    if (at >= bytes.size()) return truncated;
    const std::size_t count = std::min<std::size_t>((bytes[at] & 0x7fU) + 1U, left);
    at += 1 + pixel * ((bytes[at] & 0x80U) != 0 ? 1 : count);
    left -= count;
  }
  return at > bytes.size() ? std::string(truncated) : std::string();
}

}  // namespace

ImageFormat sniff_image_format(Bytes bytes) {
  if (bytes.size() >= sizeof kPngSignature &&
      std::equal(std::begin(kPngSignature), std::end(kPngSignature), bytes.begin())) {
    return ImageFormat::png;
  }
  if (jpeg_start(bytes) > 0) return ImageFormat::jpeg;
  if (bytes.size() >= 2 && bytes[0] == 'B' && bytes[1] == 'M') return ImageFormat::bmp;
  return ImageFormat::tga;
}

std::string find_damage(Bytes bytes, ImageFormat format) {
  switch (format) {
    case ImageFormat::png: return png_damage(bytes);
    case ImageFormat::jpeg: return jpeg_damage(bytes);
    case ImageFormat::bmp: return bmp_damage(bytes);
    case ImageFormat::tga: return tga_damage(bytes);
  }
  return "its format is unknown";
}

std::optional<ImageInfo> png_header(Bytes bytes) {
  constexpr std::size_t header = sizeof kPngSignature;
  if (bytes.size() < header + 8 + 13) return std::nullopt;
  ImageInfo info;
  info.width = u32_be(bytes, header + 8);
  info.height = u32_be(bytes, header + 12);
  info.bit_depth = bytes[header + 16] == 16 ? 16 : 8;
  const unsigned colour_type = bytes[header + 17];  // 1: palette, 2: colour, 4: alpha
  info.channels = ((colour_type & 2U) != 0 ? 3 : 1) + ((colour_type & 4U) != 0 ? 1 : 0);
  std::size_t at = header;
  while (const auto chunk = png_chunk(bytes, at)) {
    if (chunk->type == "IDAT") return info;
    if (chunk->type == "tRNS") {
      ++info.channels;
      return info;
    }
    at = chunk->data + chunk->length + 4;
  }
  return std::nullopt;
}

}  // namespace dg
