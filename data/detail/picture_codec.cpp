#include "data/detail/picture_codec.h"

#include <algorithm>
#include <new>

#include "data/detail/bmp_tga.h"
#include "data/detail/exif.h"
#include "data/detail/image_format.h"
#include "data/detail/jpeg_reader.h"
#include "data/detail/jpeg_writer.h"
#include "data/detail/png_reader.h"
#include "data/detail/png_writer.h"
#include "kernels/check.h"

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::int64_t kMaxJpegSide =
    65500;  // libjpeg's JPEG_MAX_DIMENSION; the format itself ends at 65,535
constexpr std::int64_t kMaxTgaSide = 65535;

PictureHead stored_head(Bytes bytes, const std::string& name) try {
  const ImageFormat format = sniff_image_format(bytes);
  switch (format) {
    case ImageFormat::png: return read_png_head(bytes, name);
    case ImageFormat::jpeg: return read_jpeg_head(bytes, name);
    default: return {format, read_bmp_tga_head(bytes, format, name), 1, {}};
  }
} catch (const std::bad_alloc&) {
  fail(name, ": not enough memory to read its head; close other programs");
}

void check_encodable(const Image& image, ImageFormat format, const EncodeOptions& options) {
  check(image.width > 0 && image.height > 0 && image.channels >= 1 && image.channels <= 4 &&
            static_cast<std::int64_t>(image.pixels.size()) == image.numel() &&
            (image.bit_depth == 8 || image.bit_depth == 16),
        "encode_image: got ", image.width, "x", image.height, ", ", image.channels, " channels, ",
        image.bit_depth, " bits and ", image.pixels.size(),
        " values, expected 1 to 4 channels of 8 or 16 bits and all values");
  check(image.width <= kMaxImagePixels / image.height, "encode_image: got ", image.width, "x", image.height,
        " pixels, expected at most 2^28; cut the image up");
  const std::uint16_t largest = *std::max_element(image.pixels.begin(), image.pixels.end());
  check(largest <= image.max_value(), "encode_image: got a value of ", largest, " in an image of ",
        image.bit_depth, " bits, expected at most ", image.max_value(),
        "; set bit_depth to 16 or scale the values");
  if (format == ImageFormat::png) return;
  check(image.bit_depth == 8, "encode_image: ", name_of(format),
        " stores 8 bits per channel, got an image of ", image.bit_depth,
        "; use PNG or convert the image to 8 bits");
  const std::int64_t max_side = format == ImageFormat::jpeg ? kMaxJpegSide : kMaxTgaSide;
  check(format == ImageFormat::bmp || (image.width <= max_side && image.height <= max_side),
        "encode_image: ", name_of(format), " holds at most ", max_side, " pixels per side, got ", image.width,
        "x", image.height, "; use PNG");
  if (format != ImageFormat::jpeg) return;
  check(options.jpeg_quality >= 1 && options.jpeg_quality <= 100, "encode_image: got JPEG quality ",
        options.jpeg_quality, ", expected 1 to 100");
  check(!image.has_alpha() || options.drop_alpha,
        "encode_image: JPEG cannot store the alpha channel; use PNG or ask for alpha to be dropped");
}

}  // namespace

PictureHead read_picture_head(Bytes bytes, const std::string& name) {
  check(!bytes.empty(), name, ": is empty, expected an image; copy the file again");
  PictureHead head = stored_head(bytes, name);
  check_size(head.info, name);
  head.orientation = take_orientation(head.metadata.exif);
  return head;
}

Image decode_pixels(Bytes bytes, ImageFormat format, const std::string& name) {
  switch (format) {
    case ImageFormat::png: return decode_png(bytes, name);
    case ImageFormat::jpeg: return decode_jpeg(bytes, name);
    default: return decode_bmp_tga(bytes, format, name);
  }
}

std::vector<std::uint8_t> encode_pixels(const Image& image, const PictureMetadata& metadata,
                                        ImageFormat format, const EncodeOptions& options) {
  check_encodable(image, format, options);
  switch (format) {
    case ImageFormat::png: return encode_png(image, metadata);
    case ImageFormat::jpeg: return encode_jpeg(image, metadata, options.jpeg_quality);
    default: return encode_bmp_tga(image, format);
  }
}

}  // namespace dg
