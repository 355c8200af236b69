// Image files: PNG (8 and 16 bit), JPEG, BMP and TGA; grey, grey + alpha, RGB, RGBA. Values are kept as
// stored, and pictures stand upright: what EXIF says about their orientation has been done. data/picture.h also
// keeps EXIF and colour profiles. Every error is one sentence that names the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "data/image.h"

namespace dg {

enum class ImageFormat { png, jpeg, bmp, tga };

struct ImageInfo {
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 0;   // as read_image would return: palettes and transparent colours count as expanded
  int bit_depth = 8;  // 8 or 16

  bool operator==(const ImageInfo&) const = default;
};

struct EncodeOptions {
  int jpeg_quality = 95;    // 1..100; above 90 the colours are kept at full resolution
  bool drop_alpha = false;  // JPEG only, which has no alpha: leave it away instead of throwing
};

// Larger pictures (2^28 pixels) are refused: they are damaged or hostile headers more often than photographs.
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 28;

// By extension, in any case: png, jpg, jpeg, bmp, tga. Does not look at the disk.
bool is_image_path(const std::filesystem::path& path);

// The format that the extension asks for. Throws Error if it is not one of the above.
ImageFormat image_format_of(const std::filesystem::path& path);

// The format is recognised by content, not by extension. CMYK becomes RGB. Throws Error for a file that is missing,
// unreadable, empty, a folder, not an image, truncated, damaged (PNG checksums; coded data of a JPEG that does not
// reach to the last pixel), or larger than kMaxImagePixels.
Image read_image(const std::filesystem::path& path);

// The same for a file in memory; `name` stands in error messages.
Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name);

// Size (upright) and kind from the head of the file, without decoding it; a truncated body is not noticed.
ImageInfo probe_image(const std::filesystem::path& path);

// PNG stores every Image exactly. JPEG, BMP and TGA store 8 bits. BMP is written in colour: grey comes back as
// RGB, grey + alpha as RGBA. Throws Error for what a format cannot hold: 16 bits, alpha in JPEG, sides above
// 65,500 pixels in JPEG and 65,535 in TGA.
std::vector<std::uint8_t> encode_image(const Image& image, ImageFormat format,
                                       const EncodeOptions& options = {});

// The extension decides the format. The file appears whole or not at all (data/atomic_file.h).
void write_image(const std::filesystem::path& path, const Image& image, const EncodeOptions& options = {});

}  // namespace dg
