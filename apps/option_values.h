// What the options of several programs take: checks for CLI11 that name what they got and what they expected, and sizes.
#pragma once

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace dg::apps {

// ---- checks, with an empty description: --help tells the values by the option's type name ----

CLI::Validator preset_name();
CLI::Validator device_name();
CLI::Validator at_least(std::int64_t least);  // whole numbers
CLI::Validator no_nan();                      // which CLI::Range lets through

// ---- numbers and sizes ----

// The whole text as a number; nothing if it is none.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

struct PixelSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// "1280x720": width and height, as ffmpeg and photographers write it; where `square` is true, "256" stands for both.
// Sides are 1 to 65536. Throws UsageError with the option's name.
PixelSize parse_pixel_size(const std::string& option, const std::string& text, bool square);

// "800M", "1.5G", "2 GiB", or bytes: powers of 1024, above 0. Throws UsageError with the option's name.
std::int64_t parse_memory_size(const std::string& option, const std::string& text);

}  // namespace dg::apps
