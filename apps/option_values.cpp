#include "apps/option_values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "apps/common.h"
#include "kernels/check.h"
#include "models/presets.h"

namespace dg::apps {
namespace {

constexpr std::int64_t kMaxSide = 65536;

std::optional<std::int64_t> parse_side(std::string_view text) {
  const auto side = parse_number<std::int64_t>(text);
  return side && *side >= 1 && *side <= kMaxSide ? side : std::nullopt;
}

bool is_gpu_number(std::string_view text) { return parse_number<unsigned>(text).has_value(); }

// What a unit multiplies by: "", "B", "k", "KB", "MiB", ..., in any case.
std::optional<double> factor_of(std::string unit) {
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (unit.ends_with("ib")) {
    unit.resize(unit.size() - 2);
    if (unit.empty()) return std::nullopt;
  } else if (unit.ends_with('b')) {
    unit.pop_back();
  }
  if (unit.empty()) return 1.0;
  const std::size_t power = std::string_view("kmgt").find(unit[0]);
  if (unit.size() != 1 || power == std::string_view::npos) return std::nullopt;
  return std::pow(1024.0, static_cast<double>(power + 1));
}

}  // namespace

// ---- checks ----

CLI::Validator preset_name() {
  return CLI::Validator(
      [](const std::string& name) -> std::string {
        try {
          find_preset(name);
        } catch (const Error& error) {
          const std::string sentence = error.what();
          const std::string subject = "preset: ";  // CLI11 puts the option's name there
          return sentence.starts_with(subject) ? sentence.substr(subject.size()) : sentence;
        }
        return {};
      },
      "");
}

CLI::Validator device_name() {
  return CLI::Validator(
      [](const std::string& name) -> std::string {
        constexpr std::string_view kNumbered = "cuda:";
        const bool known =
            name == "cpu" || name == "cuda" || name == "cuda-emulated" ||
            (name.starts_with(kNumbered) && is_gpu_number(std::string_view(name).substr(kNumbered.size())));
        return known ? "" : "unknown device '" + name + "'; expected cpu, cuda, cuda:N or cuda-emulated";
      },
      "");
}

CLI::Validator at_least(std::int64_t least) {
  return CLI::Validator(
      [least](const std::string& text) -> std::string {
        // Beyond 64 bits the option's own type says so.
        const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
          return std::isdigit(c) != 0;
        });
        const auto value = parse_number<std::int64_t>(text);
        if (digits && (!value || *value >= least)) return {};
        return "got '" + text + "', expected a whole number of at least " + std::to_string(least);
      },
      "");
}

CLI::Validator no_nan() {
  return CLI::Validator(
      [](const std::string& text) -> std::string {
        const auto value = parse_number<double>(text);
        return value && std::isnan(*value) ? "got '" + text + "', expected a number" : "";
      },
      "");
}

// ---- sizes ----

PixelSize parse_pixel_size(const std::string& option, const std::string& text, bool square) {
  const std::size_t x = text.find('x');
  const auto width = parse_side(std::string_view(text).substr(0, x));
  const auto height = x == std::string::npos ? (square ? width : std::nullopt)
                                             : parse_side(std::string_view(text).substr(x + 1));
  if (width && height) return {*width, *height};
  throw UsageError(option + " is '" + text + "', expected width and height in pixels, such as 1280x720" +
                   (square ? " or 256" : "") + ", at most " + std::to_string(kMaxSide));
}

std::int64_t parse_memory_size(const std::string& option, const std::string& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::size_t unit = std::min(text.find_first_not_of(' ', end), text.size());
  const auto number = parse_number<double>(std::string_view(text).substr(0, end));
  const auto factor = factor_of(text.substr(unit));
  const double bytes = number && factor ? *number * *factor : 0.0;
  if (bytes >= 1.0 && bytes < 9e18) return static_cast<std::int64_t>(bytes);
  throw UsageError(option + " is '" + text + "', expected a size such as 800M or 6G");
}

}  // namespace dg::apps
