// SafeTensorsFile over arbitrary bytes: it is read or refused with an Error, and nothing else happens.
#include <cstddef>
#include <cstdint>

#include "data/safetensors.h"
#include "kernels/check.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile input(data, size);
  if (!input.written()) return -1;
  try {
    const dg::SafeTensorsFile file(input.path());
    for (const dg::SafeTensorEntry& entry : file.entries()) {
      try {
        file.read_as_float(entry.name);
      } catch (const dg::Error&) {  // integers
      }
    }
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
