// decode_image over arbitrary bytes: read or refused with an Error, and nothing else.
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/image_io.h"
#include "kernels/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    dg::decode_image(std::span(data, size), "fuzz");
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
