// What kind of image file some bytes are, and whether all of it is there.
// Needed beside stb_image, which fills the missing part of truncated JPEG, BMP and TGA files with grey
// or black and does not look at PNG checksums.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "data/image_io.h"

namespace dg {

// By content. TGA has no signature: whatever is none of the others may be a TGA.
ImageFormat sniff_image_format(std::span<const std::uint8_t> bytes);

// Empty if the file runs to its end; otherwise what is missing or damaged, to be put after "is damaged: ".
// For TGA the header must have been found plausible before.
std::string find_damage(std::span<const std::uint8_t> bytes, ImageFormat format);

// Size, channels after expansion of palettes and transparency, and depth of a PNG;
// nothing if the bytes do not reach from the signature to the pixel data.
// (stb reports RGB with a transparent colour as 3 channels, decodes 4.)
std::optional<ImageInfo> png_header(std::span<const std::uint8_t> bytes);

}  // namespace dg
