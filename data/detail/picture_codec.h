// The decoders and encoders of the four formats behind one door.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/picture.h"

namespace dg {

// What a file says before its pixels.
struct PictureHead {
  ImageFormat format = ImageFormat::png;
  ImageInfo info;       // the stored size
  int orientation = 1;  // of the stored pixels; 1: upright
  PictureMetadata metadata;
};

// The size has been checked, the orientation has been taken out of the EXIF block. Throws Error as read_image does.
PictureHead read_picture_head(std::span<const std::uint8_t> bytes, const std::string& name);

// The pixels as stored, of a file whose head has been read. Throws std::bad_alloc where memory does not suffice.
Image decode_pixels(std::span<const std::uint8_t> bytes, ImageFormat format, const std::string& name);

// Throws Error for an image that is not well formed or that the format cannot hold. The metadata must be such as the
// format carries.
std::vector<std::uint8_t> encode_pixels(const Image& image, const PictureMetadata& metadata,
                                        ImageFormat format, const EncodeOptions& options);

}  // namespace dg
