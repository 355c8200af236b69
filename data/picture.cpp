#include "data/picture.h"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "data/detail/image_format.h"
#include "data/detail/orientation.h"
#include "data/detail/picture_codec.h"
#include "data/input_file.h"
#include "kernels/check.h"

namespace dg {
namespace {

// One segment, less "Exif\0\0"; 255 segments, less a head of 14 bytes each.
constexpr std::size_t kMaxJpegExif = 65533 - 6;
constexpr std::size_t kMaxJpegIcc = std::size_t{255} * (65533 - 14);

bool begins_like_tiff(const std::vector<std::uint8_t>& block) {
  const std::string_view head(reinterpret_cast<const char*>(block.data()),
                              std::min<std::size_t>(block.size(), 4));
  return head == std::string_view("II*\0", 4) || head == std::string_view("MM\0*", 4);
}

// ICC.1:2022, 7.2: length at byte 0, colour space of the data at 16, the signature 'acsp' at 36. PNG's rule for iCCP.
bool icc_fits_png(const std::vector<std::uint8_t>& icc, int channels) {
  if (icc.size() < 132) return false;
  const std::string_view head(reinterpret_cast<const char*>(icc.data()), 128);
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) length = length << 8U | icc[i];
  return length == icc.size() && head.substr(36, 4) == "acsp" &&
         head.substr(16, 4) == (channels >= 3 ? "RGB " : "GRAY");
}

}  // namespace

ImageFormat picture_format(std::span<const std::uint8_t> bytes) { return sniff_image_format(bytes); }

Picture decode_picture(std::span<const std::uint8_t> bytes, const std::string& name) {
  PictureHead head = read_picture_head(bytes, name);
  try {
    Image image = decode_pixels(bytes, head.format, name);
    return {upright(std::move(image), head.orientation), std::move(head.metadata)};
  } catch (const std::bad_alloc&) {
    fail(name, ": not enough memory for its ", head.info.width, "x", head.info.height,
         " pixels; cut the picture up, load fewer at the same time, or close other programs");
  }
}

Picture read_picture(const std::filesystem::path& path) {
  return decode_picture(read_file(path), path.string());
}

PictureMetadata carried_metadata(const Picture& picture, ImageFormat format) {
  PictureMetadata carried = picture.metadata;
  if (format == ImageFormat::bmp || format == ImageFormat::tga) return {};
  if (format == ImageFormat::jpeg && carried.exif.size() > kMaxJpegExif) carried.exif.clear();
  if (format == ImageFormat::jpeg && carried.icc.size() > kMaxJpegIcc) carried.icc.clear();
  if (format == ImageFormat::png && !icc_fits_png(carried.icc, picture.image.channels)) carried.icc.clear();
  return carried;
}

std::vector<std::uint8_t> encode_picture(const Picture& picture, ImageFormat format,
                                         const EncodeOptions& options) {
  check(picture.metadata.exif.empty() || begins_like_tiff(picture.metadata.exif),
        "encode_picture: got an EXIF block of ", picture.metadata.exif.size(),
        " bytes that does not begin with II or MM; give the TIFF block alone, without a head");
  return encode_pixels(picture.image, carried_metadata(picture, format), format, options);
}

}  // namespace dg
