// JPEG files by libjpeg-turbo.
#pragma once

#include <cstdint>
#include <vector>

#include "data/picture.h"

namespace dg {

// Baseline; grey as grey, all else as YCbCr, without alpha. 8 bits; the metadata must be such as JPEG can hold.
std::vector<std::uint8_t> encode_jpeg(const Image& image, const PictureMetadata& metadata, int quality);

}  // namespace dg
