// stb_image fills the missing part of truncated files with black, so the skeleton is walked over before.
#include "data/detail/bmp_tga.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <string_view>

#include "data/detail/image_format.h"
#include "kernels/check.h"

// Static: a program that brings its own copy of stb must not clash with ours.
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;

std::uint32_t u16_le(Bytes b, std::size_t at) {
  return b[at] | (static_cast<std::uint32_t>(b[at + 1]) << 8U);
}
std::uint32_t u32_le(Bytes b, std::size_t at) { return u16_le(b, at) | (u16_le(b, at + 2) << 16U); }

bool bmp_is_whole(Bytes bytes) {
  if (bytes.size() < 26) return false;
  const bool core = u32_le(bytes, 14) == 12;  // the OS/2 header with 16-bit sizes
  if (!core && bytes.size() < 34) return false;
  const std::uint64_t width = core ? u16_le(bytes, 18) : u32_le(bytes, 18);
  const std::uint64_t height =
      core ? u16_le(bytes, 20)
           : static_cast<std::uint64_t>(
                 std::abs(static_cast<std::int64_t>(static_cast<std::int32_t>(u32_le(bytes, 22)))));
  const std::uint64_t bits = u16_le(bytes, core ? 24 : 28);
  const bool compressed = !core && (u32_le(bytes, 30) == 1 || u32_le(bytes, 30) == 2);
  if (width == 0 || height == 0 || compressed) return true;  // stb refuses these with its own reason
  const std::uint64_t stride = (width * bits + 31) / 32 * 4;
  const std::uint64_t last_row = (width * bits + 7) / 8;  // its padding is often left out
  return u32_le(bytes, 10) + stride * (height - 1) + last_row <= bytes.size();
}

bool tga_is_whole(Bytes bytes) {
  if (bytes.size() < 18) return false;
  const std::size_t palette = bytes[1] == 0 ? 0 : u16_le(bytes, 5) * ((bytes[7] + 7U) / 8U);
  const std::size_t pixel = (bytes[16] + 7U) / 8U;
  std::size_t at = 18U + bytes[0] + palette;
  std::size_t left = static_cast<std::size_t>(u16_le(bytes, 12)) * u16_le(bytes, 14);
  if (bytes[2] < 8) return at + left * pixel <= bytes.size();
  while (left > 0) {  // run-length packets: a count byte, then one pixel or `count` pixels
    if (at >= bytes.size()) return false;
    const std::size_t count = std::min<std::size_t>((bytes[at] & 0x7fU) + 1U, left);
    at += 1 + pixel * ((bytes[at] & 0x80U) != 0 ? 1 : count);
    left -= count;
  }
  return at <= bytes.size();
}

// The channels listed in `sources`, as bytes.
std::vector<std::uint8_t> pick_channels(const Image& image, const std::vector<int>& sources) {
  std::vector<std::uint8_t> result;
  result.reserve(static_cast<std::size_t>(image.width * image.height) * sources.size());
  for (std::size_t at = 0; at < image.pixels.size(); at += static_cast<std::size_t>(image.channels)) {
    for (const int c : sources) {
      result.push_back(static_cast<std::uint8_t>(image.pixels[at + static_cast<std::size_t>(c)]));
    }
  }
  return result;
}

}  // namespace

ImageInfo read_bmp_tga_head(Bytes bytes, ImageFormat format, const std::string& name) {
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT32_MAX));
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0) {
    fail_undecodable(name, format, stbi_failure_reason());
  }
  return {width, std::abs(std::int64_t{height}), channels, 8};  // below 0: a BMP whose rows run from the top
}

Image decode_bmp_tga(Bytes bytes, ImageFormat format, const std::string& name) {
  check(bytes.size() <= INT32_MAX, name, ": has ", bytes.size(),
        " bytes, expected less than 2 GiB; save it compressed");
  if (format == ImageFormat::bmp && !bmp_is_whole(bytes)) {
    fail_damaged(name, "the file ends before the last row of the BMP");
  }
  if (format == ImageFormat::tga && !tga_is_whole(bytes)) {
    fail_damaged(name, "the file ends before the last pixel of the TGA");
  }
  int width = 0;
  int height = 0;
  int channels = 0;
  const std::unique_ptr<stbi_uc, decltype(&stbi_image_free)> decoded(
      stbi_load_from_memory(bytes.data(), static_cast<int>(bytes.size()), &width, &height, &channels, 0),
      stbi_image_free);
  if (!decoded && std::string_view(stbi_failure_reason()) == "outofmem") throw std::bad_alloc();
  if (!decoded) fail_undecodable(name, format, stbi_failure_reason());
  Image image{width, height, channels, 8, {}};
  image.pixels.assign(decoded.get(), decoded.get() + image.numel());
  return image;
}

std::vector<std::uint8_t> encode_bmp_tga(const Image& image, ImageFormat format) {
  std::vector<int> sources = {0, 1, 2, 3};
  sources.resize(static_cast<std::size_t>(image.channels));
  const bool bmp = format == ImageFormat::bmp;
  if (bmp && image.channels == 2) sources = {0, 0, 0, 1};  // stb would lose the alpha
  const std::vector<std::uint8_t> values = pick_channels(image, sources);
  const auto width = static_cast<int>(image.width);
  const auto height = static_cast<int>(image.height);
  const auto channels = static_cast<int>(sources.size());
  std::vector<std::uint8_t> out;
  const auto append = [](void* context, void* data, int size) {
    const auto* begin = static_cast<const std::uint8_t*>(data);
    auto* target = static_cast<std::vector<std::uint8_t>*>(context);
    target->insert(target->end(), begin, begin + size);
  };
  const int written = bmp ? stbi_write_bmp_to_func(append, &out, width, height, channels, values.data())
                          : stbi_write_tga_to_func(append, &out, width, height, channels, values.data());
  check(written != 0, "encode_image: the ", name_of(format), " encoder refused ", width, "x", height,
        " pixels with ", channels, " channels; use PNG");
  return out;
}

}  // namespace dg
