#include "models/detail/html.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "models/detail/page_assets.h"

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

std::string head(std::string_view title, std::string_view style) {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<link rel=\"icon\" href=\"data:,\"><title>" +
      escaped(title) + "</title>\n<style>";
  return text.append(kPageStyle).append(style) + "</style></head><body>\n";
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

std::string comparison(std::string_view name, std::int64_t width, std::int64_t height,
                       const std::vector<std::uint8_t>& blurred,
                       std::span<const std::vector<std::uint8_t>> restored,
                       const std::vector<std::uint8_t>& sharp) {
  const auto picture = [](const char* kind, const std::vector<std::uint8_t>& bytes, const char* more = "") {
    return std::string("<img class=\"") + kind + "\" alt=\"" + kind + "\"" + more + " src=\"" +
           jpeg_uri(bytes) + "\">";
  };
  const std::string columns = std::to_string(width);
  std::string text = "<div class=\"compare\" style=\"aspect-ratio:" + columns + "/" + std::to_string(height) +
                     ";max-width:" + columns + "px\">";
  for (std::size_t i = 0; i < restored.size(); ++i)
    text += picture("restored", restored[i], i == 0 ? "" : " hidden");
  text += picture("sharp", sharp) + picture("blurred", blurred);
  text +=
      "<input type=\"range\" min=\"0\" max=\"100\" value=\"50\" step=\"0.5\" aria-label=\"blurred up to "
      "here: ";
  return text + escaped(name) + "\"></div>";
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
