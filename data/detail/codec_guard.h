// How libpng and libjpeg leave their work when something is wrong. They report it to a callback that must not return;
// ours jumps to the place where the guarded part was entered. The jump skips destructors, so a guarded body owns
// nothing: what it works on is made before it and freed after it.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "data/detail/image_format.h"
#include "kernels/check.h"

namespace dg {

struct CodecGuard {
  enum class Problem { undecodable, damaged, out_of_memory };

  std::jmp_buf entry;
  Problem problem = Problem::undecodable;
  char reason[256] = {};  // cut if longer; no std::string, which would be lost in the jump

  // To be called from within a guarded body only.
  [[noreturn]] void leave(Problem what, std::string_view why) {
    problem = what;
    const std::size_t length = std::min(why.size(), sizeof reason - 1);
    std::copy_n(why.begin(), length, reason);
    reason[length] = '\0';
    std::longjmp(entry, 1);
  }

  // Whether the body ran to its end; if not, `problem` and `reason` say why.
  template <typename Body>
  bool run(const Body& body) {
    if (setjmp(entry) != 0) return false;
    body();
    return true;
  }

  // The problem as an exception: of a file that is read, where memory is the caller's to explain,
  [[noreturn]] void fail_reading(const std::string& name, ImageFormat format) const {
    if (problem == Problem::out_of_memory) throw std::bad_alloc();
    if (problem == Problem::damaged) fail_damaged(name, reason);
    fail_undecodable(name, format, reason);
  }
  // or of one that is written.
  [[noreturn]] void fail_writing(ImageFormat format) const {
    if (problem == Problem::out_of_memory) throw std::bad_alloc();
    fail("encode_image: the ", name_of(format), " encoder failed (", reason, "); write another format");
  }
};

// For callbacks of the libraries, which no exception may leave: whether there was memory for the bytes.
inline bool append_bytes(std::vector<std::uint8_t>& target, const std::uint8_t* data, std::size_t count) {
  try {
    target.insert(target.end(), data, data + count);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace dg
