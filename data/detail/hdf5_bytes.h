// Little-endian numbers out of a piece of an HDF5 file, one after the other. Every piece knows its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "data/detail/little_endian.h"
#include "kernels/check.h"

namespace dg {

class Hdf5Bytes {
 public:
  Hdf5Bytes(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(&file) {}

  const std::string& file() const { return *file_; }
  std::size_t left() const { return bytes_.size(); }

  std::span<const std::byte> take(std::uint64_t count) {
    check(count <= bytes_.size(), *file_, ": a structure of ", count, " bytes is cut off after ",
          bytes_.size(), "; the file is truncated or damaged: copy it again");
    const auto taken = bytes_.first(static_cast<std::size_t>(count));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  Hdf5Bytes piece(std::uint64_t count) { return {take(count), *file_}; }

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }

  void expect(std::string_view signature, const char* what) {
    for (const char letter : signature) {
      check(u8() == static_cast<std::uint8_t>(letter), *file_, ": ", what,
            " is not where the file says; it is damaged: copy it again");
    }
  }
  void expect(std::uint8_t version, const char* what) {
    const int given = u8();
    check(given == version, *file_, ": ", what, " has version ", given, ", expected ", int{version},
          "; save it again with Keras, or pass it through h5repack --high=0");
  }

 private:
  std::uint64_t number(std::size_t count) { return little_endian(take(count)); }

  std::span<const std::byte> bytes_;
  const std::string* file_;
};

}  // namespace dg
