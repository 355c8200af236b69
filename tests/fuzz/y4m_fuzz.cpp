// Y4mReader over arbitrary bytes: frames, or refused with an Error. A header that was understood is written so that it is
// understood again, alike.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "data/y4m.h"
#include "kernels/check.h"
#include "tests/fuzz/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const dg::Y4mFormat format = dg::parse_y4m_header(text.substr(0, text.find('\n')), "fuzz");
    const std::string line = dg::y4m_header(format);
    if (dg::y4m_header(dg::parse_y4m_header(line, "again")) != line) std::abort();
    if (format.width > (1 << 12) / format.height) return 0;  // allowed, but slow, and no new paths
  } catch (const dg::Error&) {                               // refused; the reader must see to it by itself
  }

  const MemoryFile input(data, size);
  if (!input.written()) return -1;
  try {
    dg::ByteInput bytes{std::filesystem::path(input.path())};
    dg::Y4mReader reader(bytes);
    while (reader.next({})) {
    }
  } catch (const dg::Error&) {  // refused
  }
  return 0;
}
