#include "data/detail/image_format.h"

#include <algorithm>
#include <iterator>

#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::uint8_t kPngSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

// FF D8, with any number of further FF before it (ITU-T T.81, B.1.1.2).
bool starts_like_jpeg(std::span<const std::uint8_t> bytes) {
  const auto after = std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0xff; });
  return after != bytes.begin() && after != bytes.end() && *after == 0xd8;
}

}  // namespace

ImageFormat sniff_image_format(std::span<const std::uint8_t> bytes) {
  if (bytes.size() >= sizeof kPngSignature &&
      std::equal(std::begin(kPngSignature), std::end(kPngSignature), bytes.begin())) {
    return ImageFormat::png;
  }
  if (starts_like_jpeg(bytes)) return ImageFormat::jpeg;
  if (bytes.size() >= 2 && bytes[0] == 'B' && bytes[1] == 'M') return ImageFormat::bmp;
  return ImageFormat::tga;
}

const char* name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::png: return "PNG";
    case ImageFormat::jpeg: return "JPEG";
    case ImageFormat::bmp: return "BMP";
    case ImageFormat::tga: return "TGA";
  }
  return "unknown";
}

void fail_damaged(const std::string& name, std::string_view damage) {
  fail(name, ": is damaged: ", damage, "; copy or save the file again");
}

void fail_undecodable(const std::string& name, ImageFormat format, std::string_view reason) {
  if (format == ImageFormat::tga) fail(name, ": is not a PNG, JPEG, BMP or TGA image; convert it to PNG");
  fail(name, ": cannot be decoded as ", name_of(format), " (", reason, "); save it again as PNG");
}

void check_size(const ImageInfo& info, const std::string& name) {
  check(info.width > 0 && info.height > 0 && info.width <= kMaxImagePixels / info.height, name, ": claims ",
        info.width, "x", info.height,
        " pixels, expected at least one and at most 2^28; the file is damaged or has to be cut up");
}

}  // namespace dg
