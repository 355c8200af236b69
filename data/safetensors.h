// safetensors files: named arrays and string metadata, without code execution.
// Layout: u64 little-endian header length, that many bytes of JSON
//   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}},
// then the data, little-endian, row-major; offsets count from the end of the header.
// Source: https://github.com/huggingface/safetensors, README, "Format".
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dg {

enum class SafeDType { BOOL, U8, I8, U16, I16, U32, I32, U64, I64, F16, BF16, F32, F64 };

const char* name_of(SafeDType dtype);   // as in the file: "F32"
std::int64_t size_of(SafeDType dtype);  // bytes per element

struct SafeTensorEntry {
  std::string name;
  SafeDType dtype = SafeDType::F32;
  std::vector<std::int64_t> shape;  // empty: a scalar, one element
  std::int64_t begin = 0;           // bytes from the end of the header
  std::int64_t end = 0;

  std::int64_t numel() const { return (end - begin) / size_of(dtype); }
};

// A file in memory. Files are treated as hostile: the constructor throws Error,
// naming the file and the tensor, for anything but a well-formed file: truncated or too long, bad JSON,
// duplicate names, unknown types, negative or overflowing shapes, sizes that disagree with shapes,
// overlaps and holes, metadata that is not text.
class SafeTensorsFile {
 public:
  explicit SafeTensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<SafeTensorEntry>& entries() const { return entries_; }  // in the order of their data
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  bool contains(std::string_view name) const { return index_.find(name) != index_.end(); }
  const SafeTensorEntry& entry(std::string_view name) const;  // Error if there is none

  // As stored; not aligned to the element size. Valid as long as this object.
  std::span<const std::byte> bytes(std::string_view name) const;

  // F16, BF16, F32 and F64 become floats (F64 is rounded); integers throw Error.
  std::vector<float> read_as_float(std::string_view name) const;
  std::vector<double> read_as_double(std::string_view name) const;

 private:
  std::filesystem::path path_;
  std::vector<SafeTensorEntry> entries_;
  std::map<std::string, std::string> metadata_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::byte> data_;
};

struct SafeTensorToWrite {
  std::string name;
  SafeDType dtype = SafeDType::F32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // little-endian, row-major
};

// The same arguments give the same bytes: tensors in the given order, metadata sorted, header padded with
// spaces so that the data starts at a multiple of 8. The file appears whole or not at all
// (data/atomic_file.h). Throws Error for duplicate or reserved names, names or texts that are not UTF-8, and
// sizes that disagree with shapes.
void write_safetensors(const std::filesystem::path& path, const std::vector<SafeTensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace dg
