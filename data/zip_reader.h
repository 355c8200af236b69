// Zip archives in memory: the central directory at the end, entries stored or deflated, zip64 where it is
// used. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 (layout) and 4.5.3 (zip64).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dg {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  std::uint32_t crc = 0;              // of the contents
  std::uint64_t compressed_size = 0;  // bytes in the archive
  std::uint64_t size = 0;             // bytes of the contents
  std::uint64_t header = 0;           // position of the local header
};

// Archives are treated as hostile: constructor and contents() throw Error, beginning with `file`, for what is
// truncated, damaged, encrypted, compressed otherwise, split, or named twice.
class ZipReader {
 public:
  // The archive must live as long as this object.
  ZipReader(std::span<const std::byte> archive, std::string file);

  const std::vector<ZipEntry>& entries() const { return entries_; }  // in the directory's order
  const ZipEntry* find(std::string_view name) const;                 // null if there is none

  // Valid as long as this object: a piece of the archive, or inflated into memory of this object. The check
  // sum is compared. All that is inflated from one archive may have 1 GiB: a bomb of a few kilobytes ends
  // there.
  std::span<const std::byte> contents(const ZipEntry& entry);

 private:
  void read_directory(std::uint64_t begin, std::uint64_t size, std::uint64_t count);
  std::span<const std::byte> inflate(const ZipEntry& entry, std::span<const std::byte> compressed);

  std::span<const std::byte> archive_;
  std::string file_;
  std::vector<ZipEntry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::vector<std::byte>, std::less<>> inflated_;
  std::uint64_t inflated_size_ = 0;
};

}  // namespace dg
