// parse_keras_file over arbitrary bytes (HDF5, zip archives): read or refused with an Error, and nothing else.
// What the HDF5 library itself does wrong is found here, too.
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/keras_file.h"
#include "kernels/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    dg::parse_keras_file(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
