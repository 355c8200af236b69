// BMP and TGA files, by stb_image and stb_image_write.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/image_io.h"

namespace dg {

// `format` is bmp or tga in all of them.

// From the head of the file; what follows is not looked at.
ImageInfo read_bmp_tga_head(std::span<const std::uint8_t> bytes, ImageFormat format, const std::string& name);

// The size must have been found plausible before. Throws std::bad_alloc where memory does not suffice.
Image decode_bmp_tga(std::span<const std::uint8_t> bytes, ImageFormat format, const std::string& name);

// 8 bits. BMP is written in colour: grey as RGB, grey + alpha as RGBA.
std::vector<std::uint8_t> encode_bmp_tga(const Image& image, ImageFormat format);

}  // namespace dg
