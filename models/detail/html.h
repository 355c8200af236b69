// Pieces of pages that programs write.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dg::html {

// For text and for attributes in double quotes. Bytes that are no UTF-8 stay; browsers show U+FFFD.
std::string escaped(std::string_view text);

// RFC 4648, with padding.
std::string base64(std::span<const std::uint8_t> bytes);

// "data:image/jpeg;base64,..."
std::string jpeg_uri(std::span<const std::uint8_t> bytes);

// Fixed digits behind the point; "∞" for infinity, "–" for nothing.
std::string number(std::optional<double> value, int digits);

}  // namespace dg::html
