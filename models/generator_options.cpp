// Generator options as text, key by key.
#include <array>
#include <charconv>

#include "kernels/check.h"
#include "models/presets.h"

namespace dg {

namespace {

// The shortest text that reads back as the same number, whatever the locale.
template <typename T>
std::string number_text(T value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

template <typename T>
T parse_number(const std::string& key, const std::string& text) {
  T value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  check(result.ec == std::errc{} && result.ptr == text.data() + text.size(), "generator option ", key,
        ": got '", text, "', expected a number, use the file as it was written");
  return value;
}

bool parse_bool(const std::string& key, const std::string& text) {
  check(text == "true" || text == "false", "generator option ", key, ": got '", text,
        "', expected true or false, use the file as it was written");
  return text == "true";
}

}  // namespace

Metadata to_metadata(const GeneratorOptions& options) {
  return {{"preset", options.preset},
          {"ngf", number_text(options.ngf)},
          {"blocks", number_text(options.blocks)},
          {"convs_per_block", number_text(options.convs_per_block)},
          {"norm", to_string(options.norm)},
          {"dropout", number_text(options.dropout)},
          {"learn_residual", options.learn_residual ? "true" : "false"}};
}

GeneratorOptions generator_options(const Metadata& metadata) {
  const auto preset = metadata.find("preset");
  check(preset != metadata.end(),
        "generator options: the weights do not name their preset, name it yourself");
  GeneratorOptions options = find_preset(preset->second).generator;
  for (const auto& [key, text] : metadata) {
    if (key == "ngf") options.ngf = parse_number<std::int64_t>(key, text);
    if (key == "blocks") options.blocks = parse_number<std::int64_t>(key, text);
    if (key == "convs_per_block") options.convs_per_block = parse_number<std::int64_t>(key, text);
    if (key == "norm") options.norm = parse_norm(text);
    if (key == "dropout") options.dropout = parse_number<double>(key, text);
    if (key == "learn_residual") options.learn_residual = parse_bool(key, text);
  }
  return options;
}

}  // namespace dg
