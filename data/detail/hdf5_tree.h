// HDF5 files as a tree in memory: groups, arrays of floats, attributes of text. That is all that Keras' weights
// need; what else a file holds is skipped. The HDF5 library writes; reading is our own, and works in every build.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dg {

struct Hdf5Array {
  std::string name;
  std::vector<std::int64_t> shape;  // empty: a scalar, one element
  std::vector<float> values;        // row-major
};

struct Hdf5Text {
  std::string name;
  std::vector<std::string> values;
  bool is_list = true;  // false: one value, not a list of one
};

struct Hdf5Group {
  std::string name;  // "" for the root
  std::vector<Hdf5Text> texts;
  std::vector<Hdf5Array> arrays;
  std::vector<Hdf5Group> groups;

  // Null if there is none.
  const Hdf5Text* find_text(std::string_view text) const;
  const Hdf5Array* find_array(std::string_view array) const;
  const Hdf5Group* find_group(std::string_view group) const;
};

// Files are treated as hostile: every address and size is compared with the file before it is used, memory stays in
// proportion to the file's size, and what Keras does not need (links to elsewhere, chunked and compressed arrays,
// newer kinds of groups) is refused. Throws Error, beginning with `file`.
Hdf5Group parse_hdf5(std::span<const std::byte> bytes, const std::string& file);

// Whether this build has the HDF5 library.
bool has_hdf5_writer();

// The same tree gives the same bytes. Arrays become float32. Throws Error with the package to install where the
// library is missing.
std::vector<std::byte> format_hdf5(const Hdf5Group& root);

}  // namespace dg
