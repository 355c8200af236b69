// The JSON header of a safetensors file, and what reader and writer share about it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "data/safetensors.h"

namespace dg {

inline constexpr std::int64_t kMaxSafeTensorsHeader = 100'000'000;  // as the reference implementation
inline constexpr std::string_view kSafeTensorsMetadata = "__metadata__";

struct SafeTensorsHeader {
  std::vector<SafeTensorEntry> entries;  // sorted by begin; checked to tile [0, data_size) exactly
  std::map<std::string, std::string> metadata;
};

// Throws Error, beginning with `file`, for everything that SafeTensorsFile promises to refuse.
SafeTensorsHeader parse_safetensors_header(const std::string& json, std::int64_t data_size,
                                           const std::string& file);

// Bytes of a tensor of `shape`, or -1 if a dimension is negative or the size does not fit into 63 bits.
std::int64_t safe_tensor_bytes(SafeDType dtype, const std::vector<std::int64_t>& shape);

// For messages: in quotes, control characters replaced, cut after 100 bytes. Names come from hostile files.
std::string quote_for_message(std::string_view text);

}  // namespace dg
