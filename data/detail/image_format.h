// What kind of image file some bytes are, and the sentences for those that cannot be read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/image_io.h"

namespace dg {

// By content. TGA has no signature: whatever is none of the others may be a TGA.
ImageFormat sniff_image_format(std::span<const std::uint8_t> bytes);

// "PNG", "JPEG", "BMP", "TGA".
const char* name_of(ImageFormat format);

// The file is of this format, and something is missing or wrong.
[[noreturn]] void fail_damaged(const std::string& name, std::string_view damage);

// The decoder cannot read it, for this reason.
[[noreturn]] void fail_undecodable(const std::string& name, ImageFormat format, std::string_view reason);

// Throws Error for a picture without pixels, and for one with more than kMaxImagePixels. To be called before memory is
// taken for pixels.
void check_size(const ImageInfo& info, const std::string& name);

}  // namespace dg
