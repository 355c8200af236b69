// parse_torch_file over arbitrary bytes (pickles, zip archives): read or refused with an Error, and nothing else.
#include <cstddef>
#include <cstdint>
#include <span>

#include "data/torch_file.h"
#include "kernels/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    dg::parse_torch_file(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
