// SafeTensorsFile over arbitrary bytes: it is read or refused with an Error, and nothing else happens.
#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "data/safetensors.h"
#include "kernels/check.h"

namespace {

// A file without a folder. It is made anew for each input: a fuzzer makes thousands a second.
class MemoryFile {
 public:
  MemoryFile(const std::uint8_t* data, std::size_t size) : descriptor_(memfd_create("fuzz", 0)) {
    written_ = descriptor_ >= 0 && write(descriptor_, data, size) == static_cast<ssize_t>(size);
  }
  ~MemoryFile() { close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  bool written() const { return written_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
  bool written_ = false;
};

}  // namespace

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
