// PNG files by libpng.
#pragma once

#include <cstdint>
#include <vector>

#include "data/picture.h"

namespace dg {

// Lossless for every Image: grey, grey + alpha, RGB or RGBA at its own bit depth. The image must be well formed, and
// the metadata such as PNG can hold.
std::vector<std::uint8_t> encode_png(const Image& image, const PictureMetadata& metadata);

}  // namespace dg
