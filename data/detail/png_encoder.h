// PNG files with 8 or 16 bits per channel.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"

namespace dg {

// Lossless for every Image: grey, grey + alpha, RGB or RGBA at its own bit depth.
// The image must be well formed.
std::vector<std::uint8_t> encode_png(const Image& image);

}  // namespace dg
