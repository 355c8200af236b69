// Errors: one exception type, thrown with a sentence that says what was got,
// what was expected and what to do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace dg {

// The only exception type that deblurgan throws on its own account. what() is fit to be shown to a user.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Throws Error with all arguments streamed together.
template <typename... Args>
[[noreturn]] void fail(const Args&... args) {
  std::ostringstream message;
  (message << ... << args);
  throw Error(message.str());
}

// check(c == cw, "conv2d: input has C=", c, ", weight expects C=", cw);
template <typename... Args>
void check(bool condition, const Args&... args) {
  if (!condition) [[unlikely]] {
    fail(args...);
  }
}

}  // namespace dg
