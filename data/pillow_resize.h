// Resizing pictures of 8 bits exactly as Pillow 3.4 to 12 do, bit for bit: what programs in Python measure with.
// (Pillow 13 shrinks columns first where that is faster, which changes single levels: its pull request 9549.)
// resize_bicubic of data/image.h is the same filter without the rounding between the two passes.
#pragma once

#include <cstdint>
#include <string_view>

#include "data/image.h"

namespace dg {

// What Image.resize(size) does when no filter is named: nearest up to Pillow 6.2, bicubic since 7.0 (January 2020).
enum class PillowFilter : std::uint8_t { nearest, bicubic };

// "nearest", "bicubic"; throws Error for anything else.
PillowFilter parse_pillow_filter(std::string_view name);
const char* name_of(PillowFilter filter);

// Any number of channels, each on its own. Throws Error for 16 bits, for a size below 1x1, and for sides above
// 2^20 pixels.
Image resize_as_pillow(const Image& image, std::int64_t width, std::int64_t height, PillowFilter filter);

}  // namespace dg
