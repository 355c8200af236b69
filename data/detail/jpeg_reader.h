// JPEG files by libjpeg-turbo: baseline, progressive, arithmetic; grey, YCbCr and RGB. CMYK and YCCK become RGB.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/detail/picture_codec.h"

namespace dg {

// All that stands before the pixels. The size has not been checked. A profile for CMYK is left away.
PictureHead read_jpeg_head(std::span<const std::uint8_t> bytes, const std::string& name);

// The pixels as they are stored. The size must have been found plausible before. Throws std::bad_alloc where memory
// does not suffice.
Image decode_jpeg(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace dg
