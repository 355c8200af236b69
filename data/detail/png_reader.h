// PNG files by libpng. Palettes, transparent colours and fewer than 8 bits are expanded.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "data/detail/picture_codec.h"

namespace dg {

// All that stands before the pixels. The size has not been checked.
PictureHead read_png_head(std::span<const std::uint8_t> bytes, const std::string& name);

// The pixels as they are stored; every check sum up to the end of the PNG must be right. The size must have been found
// plausible before. Throws std::bad_alloc where memory does not suffice.
Image decode_png(std::span<const std::uint8_t> bytes, const std::string& name);

}  // namespace dg
