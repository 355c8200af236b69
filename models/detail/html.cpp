#include "models/detail/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace dg::html {

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default: result += c;
    }
  }
  return result;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
  }
  return text;
}

std::string jpeg_uri(std::span<const std::uint8_t> bytes) {
  return "data:image/jpeg;base64," + base64(bytes);
}

std::string number(std::optional<double> value, int digits) {
  if (!value) return "–";
  if (std::isinf(*value)) return *value > 0 ? "∞" : "−∞";
  std::array<char, 352> text{};  // the longest double in fixed notation has 309 digits before the point
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), *value, std::chars_format::fixed, digits);
  return {text.data(), result.ptr};
}

}  // namespace dg::html
