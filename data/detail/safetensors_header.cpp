// JSON by nlohmann-json; a parser callback adds what it does not check: duplicate keys and nesting depth.
#include "data/detail/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "kernels/check.h"

namespace dg {
namespace {

using nlohmann::json;

struct DTypeRow {
  SafeDType dtype;
  const char* name;
  std::int64_t size;
};

constexpr std::array<DTypeRow, 13> kDTypes = {{{SafeDType::BOOL, "BOOL", 1},
                                               {SafeDType::U8, "U8", 1},
                                               {SafeDType::I8, "I8", 1},
                                               {SafeDType::U16, "U16", 2},
                                               {SafeDType::I16, "I16", 2},
                                               {SafeDType::U32, "U32", 4},
                                               {SafeDType::I32, "I32", 4},
                                               {SafeDType::U64, "U64", 8},
                                               {SafeDType::I64, "I64", 8},
                                               {SafeDType::F16, "F16", 2},
                                               {SafeDType::BF16, "BF16", 2},
                                               {SafeDType::F32, "F32", 4},
                                               {SafeDType::F64, "F64", 8}}};

const DTypeRow& row_of(SafeDType dtype) {
  const auto* row =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeRow& r) { return r.dtype == dtype; });
  check(row != kDTypes.end(), "safetensors: unknown element type number ", static_cast<int>(dtype));
  return *row;
}

json parse_json(const std::string& text, const std::string& file) {
  check(text.starts_with('{'), file, ": its header does not begin with '{'; this is not a safetensors file");
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    check(depth <= 3, file, ": its header is nested more than three deep; this is not a safetensors file");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      check(keys.back().insert(key).second, file, ": its header has ", quote_for_message(key),
            " twice; write the file again");
    }
    return true;
  };
  try {
    return json::parse(text, watch);
  } catch (const json::exception& error) {
    fail(file, ": its header is not valid JSON (", quote_for_message(error.what()), "); copy the file again");
  }
}

std::map<std::string, std::string> parse_metadata(const json& object, const std::string& file) {
  check(object.is_object(), file, ": its __metadata__ is not an object of texts; write the file again");
  std::map<std::string, std::string> result;
  for (const auto& [key, value] : object.items()) {
    check(value.is_string(), file, ": its metadata ", quote_for_message(key),
          " is not a text; write the file again");
    result[key] = value.get<std::string>();
  }
  return result;
}

// A list of integers >= 0 that fit into 63 bits. -1, 1.5 and 1e3 are no such integers.
std::vector<std::int64_t> parse_sizes(const json& list, const std::string& where, const char* what) {
  check(list.is_array(), where, " has no list '", what, "'; write the file again");
  std::vector<std::int64_t> result;
  for (const json& item : list) {
    check(
        item.is_number_unsigned() &&
            item.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()),
        where, " has ", quote_for_message(item.dump(-1, ' ', true, json::error_handler_t::replace)),
        " in its ", what, ", expected integers from 0 to 2^63 - 1; write the file again");
    result.push_back(item.get<std::int64_t>());
  }
  return result;
}

SafeTensorEntry parse_entry(const std::string& name, const json& fields, const std::string& file) {
  const std::string where = file + ": tensor " + quote_for_message(name);
  check(fields.is_object() && fields.contains("dtype") && fields["dtype"].is_string() &&
            fields.contains("shape") && fields.contains("data_offsets"),
        where, " lacks one of dtype, shape and data_offsets; write the file again");
  const auto& dtype = fields["dtype"].get_ref<const std::string&>();
  const auto* row =
      std::find_if(kDTypes.begin(), kDTypes.end(), [&](const DTypeRow& r) { return r.name == dtype; });
  check(row != kDTypes.end(), where, " has the element type ", quote_for_message(dtype),
        ", expected BOOL, an integer type, F16, BF16, F32 or F64; convert it first");
  const std::vector<std::int64_t> offsets = parse_sizes(fields["data_offsets"], where, "data_offsets");
  check(offsets.size() == 2 && offsets[0] <= offsets[1], where,
        " has data_offsets that are not a begin and an end; write the file again");
  SafeTensorEntry entry{name, row->dtype, parse_sizes(fields["shape"], where, "shape"), offsets[0],
                        offsets[1]};
  const std::int64_t expected = safe_tensor_bytes(entry.dtype, entry.shape);
  check(expected >= 0, where,
        " has a shape whose size does not fit into 63 bits; the file is damaged or hostile");
  check(expected == entry.end - entry.begin, where, " has ", entry.end - entry.begin,
        " bytes, but its shape and type ", row->name, " need ", expected, "; write the file again");
  return entry;
}

// Overlaps and holes could hide data or share it between tensors; the format forbids both.
void check_tiling(const std::vector<SafeTensorEntry>& entries, std::int64_t data_size,
                  const std::string& file) {
  std::int64_t end = 0;
  for (const SafeTensorEntry& entry : entries) {
    check(entry.begin == end, file, ": tensor ", quote_for_message(entry.name), " begins at byte ",
          entry.begin, " of the data, which ",
          entry.begin < end ? "overlaps the tensor before it" : "leaves a hole before it", " (expected ", end,
          "); write the file again");
    end = entry.end;
  }
  check(end <= data_size, file, ": is truncated: its tensors need ", end, " bytes of data, it has ",
        data_size, "; copy the file again");
  check(end == data_size, file, ": has ", data_size - end,
        " bytes after its last tensor; write the file again");
}

}  // namespace

const char* name_of(SafeDType dtype) { return row_of(dtype).name; }
std::int64_t size_of(SafeDType dtype) { return row_of(dtype).size; }

std::int64_t safe_tensor_bytes(SafeDType dtype, const std::vector<std::int64_t>& shape) {
  std::int64_t bytes = size_of(dtype);
  // Zeros first: (2^40, 2^40, 0) is an empty tensor, in whatever order it is multiplied.
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) bytes = 0;
  for (const std::int64_t size : shape) {
    if (size < 0) return -1;
    if (size > 0 && bytes > std::numeric_limits<std::int64_t>::max() / size) return -1;
    bytes *= size;
  }
  return bytes;
}

std::string quote_for_message(std::string_view text) {
  constexpr std::size_t longest = 100;
  std::string result = "'";
  for (const char c : text.substr(0, longest))
    result += static_cast<unsigned char>(c) < 32 || c == 127 ? '?' : c;
  return result + (text.size() > longest ? "...'" : "'");
}

SafeTensorsHeader parse_safetensors_header(const std::string& text, std::int64_t data_size,
                                           const std::string& file) {
  const json root = parse_json(text, file);
  SafeTensorsHeader header;
  for (const auto& [name, fields] : root.items()) {
    if (name == kSafeTensorsMetadata) {
      header.metadata = parse_metadata(fields, file);
    } else {
      header.entries.push_back(parse_entry(name, fields, file));
    }
  }
  // By end as well: an empty tensor may lie at the begin of another.
  std::sort(header.entries.begin(), header.entries.end(),
            [](const SafeTensorEntry& a, const SafeTensorEntry& b) {
              return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
            });
  check_tiling(header.entries, data_size, file);
  return header;
}

}  // namespace dg
