// Types, extents and values of HDF5's arrays and attributes, as messages of an object describe them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/detail/hdf5_bytes.h"

namespace dg {

enum class Hdf5Class : std::uint8_t { real, text, long_text, other };

struct Hdf5Type {
  Hdf5Class kind = Hdf5Class::other;
  std::uint64_t size = 0;   // bytes of an element in the file
  bool big_endian = false;  // numbers
  bool is_bfloat16 = false;
};

struct Hdf5Space {
  bool is_scalar = false;
  std::vector<std::int64_t> shape;
  std::uint64_t count = 1;  // elements; at most `limit` of parse_hdf5_space
};

// Floats of 2 (half and bfloat16), 4 and 8 bytes; texts of fixed length and of their own; all else is `other`.
Hdf5Type parse_hdf5_type(Hdf5Bytes message);

// Throws Error beyond `limit` elements.
Hdf5Space parse_hdf5_space(Hdf5Bytes message, std::uint64_t limit);

// `bytes` are count elements of a real type.
std::vector<float> read_hdf5_floats(std::span<const std::byte> bytes, const Hdf5Type& type);

// `bytes` are elements of a text of fixed length, each ended by a zero or by its length.
std::vector<std::string> read_hdf5_texts(std::span<const std::byte> bytes, const Hdf5Type& type);

}  // namespace dg
