// Pieces of pages that programs write.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dg::html {

// For text and for attributes in double quotes. Bytes that are no UTF-8 stay; browsers show U+FFFD.
std::string escaped(std::string_view text);

// A page's beginning, up to and including <body>: kPageStyle, then the page's own style.
std::string head(std::string_view title, std::string_view style);

// RFC 4648, with padding.
std::string base64(std::span<const std::uint8_t> bytes);

// "data:image/jpeg;base64,..."
std::string jpeg_uri(std::span<const std::uint8_t> bytes);

// Three pictures of one scene over each other, with a slider: blurred on its left, on its right the restored or the
// sharp one. Of several restored pictures the first shows, the others are hidden. JPEG files; at most `width` x `height`
// pixels of the screen. Needs kPageStyle and kPageScript.
std::string comparison(std::string_view name, std::int64_t width, std::int64_t height,
                       const std::vector<std::uint8_t>& blurred,
                       std::span<const std::vector<std::uint8_t>> restored,
                       const std::vector<std::uint8_t>& sharp);
// What chooses the right side of the comparisons in the same figure.
inline constexpr std::string_view kRightSideChoice =
    "<select aria-label=\"right side\"><option>restored</option><option>sharp</option></select>";

// Fixed digits behind the point; "∞" for infinity, "–" for nothing.
std::string number(std::optional<double> value, int digits);

}  // namespace dg::html
