// decode_picture over arbitrary bytes: read or refused with an Error, and nothing else. What was read survives a PNG whole,
// EXIF block and profile included.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "data/picture.h"
#include "kernels/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const dg::Picture picture = dg::decode_picture(std::span(data, size), "fuzz");
    if (picture.image.numel() > 1 << 16) return 0;  // long to write, and no new paths
    const dg::Picture back = dg::decode_picture(dg::encode_picture(picture, dg::ImageFormat::png), "again");
    if (back.image.pixels != picture.image.pixels) std::abort();
    if (back.metadata.exif != picture.metadata.exif) std::abort();
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
