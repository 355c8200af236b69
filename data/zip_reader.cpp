// Every size and position comes from the file: each is compared with what there is before it is used.
#include "data/zip_reader.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <zlib.h>

#include "data/detail/little_endian.h"
#include "data/detail/safetensors_header.h"
#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50;
constexpr std::uint32_t kDirectoryEntry = 0x02014b50;
constexpr std::uint32_t kEndOfDirectory = 0x06054b50;
constexpr std::uint32_t kEndOfDirectory64 = 0x06064b50;
constexpr std::uint32_t kLocator64 = 0x07064b50;

constexpr std::uint64_t kLocalHeaderSize = 30;
constexpr std::uint64_t kDirectoryEntrySize = 46;
constexpr std::uint64_t kEndSize = 22;
constexpr std::uint64_t kEnd64Size = 56;
constexpr std::uint64_t kLocator64Size = 20;
constexpr std::uint64_t kLongestComment = 0xffff;

constexpr std::uint32_t kIn64 = 0xffffffff;  // the value stands in the zip64 extra field
constexpr std::uint16_t kZip64Field = 1;

constexpr std::uint64_t kMaxInflated = std::uint64_t{1} << 30U;
constexpr std::uint64_t kMaxRatio = 1032;  // of deflate: 258 bytes for two bits

// Little-endian numbers out of a piece of the archive, one after the other.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  std::size_t left() const { return bytes_.size(); }

  std::span<const std::byte> take(std::uint64_t count) {
    check(count <= bytes_.size(), file_, ": its zip directory is cut short; copy the file again");
    const auto taken = bytes_.first(static_cast<std::size_t>(count));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }

 private:
  std::uint64_t number(std::size_t count) { return little_endian(take(count)); }

  std::span<const std::byte> bytes_;
  const std::string& file_;
};

std::span<const std::byte> piece(std::span<const std::byte> archive, std::uint64_t begin, std::uint64_t size,
                                 const std::string& file) {
  check(begin <= archive.size() && size <= archive.size() - begin, file, ": a part of ", size,
        " bytes at position ", begin, " lies outside of its ", archive.size(),
        " bytes; the archive is truncated or damaged: copy the file again");
  return archive.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(size));
}

// The last place that looks like the end record and whose comment fills the rest of the file.
std::uint64_t find_end(std::span<const std::byte> archive, const std::string& file) {
  if (archive.size() >= kEndSize) {
    const std::uint64_t last = archive.size() - kEndSize;
    for (std::uint64_t at = last;; --at) {
      Fields fields(archive.subspan(static_cast<std::size_t>(at), kEndSize), file);
      if (fields.u32() == kEndOfDirectory) {
        fields.take(16);
        if (fields.u16() == last - at) return at;
      }
      if (at == 0 || last - at == kLongestComment) break;
    }
  }
  fail(file,
       ": begins like a zip archive, but has no directory at its end; it is truncated: copy the file again");
}

// Sizes and position that did not fit into 32 bits, in this order.
void read_zip64_field(ZipEntry& entry, std::span<const std::byte> extra, const std::string& file) {
  Fields fields(extra, file);
  while (fields.left() >= 4) {
    const std::uint16_t kind = fields.u16();
    const std::uint16_t size = fields.u16();
    Fields field(fields.take(size), file);
    if (kind != kZip64Field) continue;
    for (std::uint64_t* value : {&entry.size, &entry.compressed_size, &entry.header}) {
      if (*value == kIn64) *value = field.u64();
    }
    return;
  }
}

ZipEntry read_entry(Fields& fields, const std::string& file) {
  check(fields.u32() == kDirectoryEntry, file, ": its zip directory is damaged; copy the file again");
  ZipEntry entry;
  fields.take(4);  // versions
  const std::uint16_t flags = fields.u16();
  const std::uint16_t method = fields.u16();
  fields.take(4);  // time and date
  entry.crc = fields.u32();
  entry.compressed_size = fields.u32();
  entry.size = fields.u32();
  const std::uint16_t name_size = fields.u16();
  const std::uint16_t extra_size = fields.u16();
  const std::uint16_t comment_size = fields.u16();
  fields.take(8);  // disk, attributes
  entry.header = fields.u32();
  for (const std::byte byte : fields.take(name_size)) entry.name += std::to_integer<char>(byte);
  read_zip64_field(entry, fields.take(extra_size), file);
  fields.take(comment_size);

  check((flags & 1U) == 0, file, ": its entry ", quote_for_message(entry.name),
        " is encrypted; save the weights without a password");
  check(method == 0 || method == Z_DEFLATED, file, ": its entry ", quote_for_message(entry.name),
        " is compressed by method ", method, ", expected 0 (stored) or 8 (deflated); pack it again");
  entry.deflated = method == Z_DEFLATED;
  check(entry.deflated || entry.compressed_size == entry.size, file, ": its stored entry ",
        quote_for_message(entry.name), " has ", entry.compressed_size, " bytes instead of ", entry.size,
        "; the archive is damaged: copy the file again");
  return entry;
}

const Bytef* zlib_bytes(std::span<const std::byte> bytes) {
  return reinterpret_cast<const Bytef*>(bytes.data());
}

}  // namespace

ZipReader::ZipReader(std::span<const std::byte> archive, std::string file)
    : archive_(archive), file_(std::move(file)) {
  const std::uint64_t end = find_end(archive_, file_);
  Fields fields(piece(archive_, end, kEndSize, file_), file_);
  fields.take(4);
  const std::uint16_t disk = fields.u16();
  fields.take(4);
  std::uint64_t count = fields.u16();
  std::uint64_t size = fields.u32();
  std::uint64_t begin = fields.u32();
  check(disk == 0 || disk == 0xffff, file_, ": is one part of a split archive; join the parts first");

  if (end >= kLocator64Size) {
    Fields locator(piece(archive_, end - kLocator64Size, kLocator64Size, file_), file_);
    if (locator.u32() == kLocator64) {
      locator.take(4);
      Fields end64(piece(archive_, locator.u64(), kEnd64Size, file_), file_);
      check(end64.u32() == kEndOfDirectory64, file_, ": its zip64 directory is damaged; copy the file again");
      end64.take(28);
      count = end64.u64();
      size = end64.u64();
      begin = end64.u64();
    }
  }
  read_directory(begin, size, count);
}

void ZipReader::read_directory(std::uint64_t begin, std::uint64_t size, std::uint64_t count) {
  Fields fields(piece(archive_, begin, size, file_), file_);
  check(count <= size / kDirectoryEntrySize, file_, ": claims ", count, " entries in a directory of ", size,
        " bytes; the archive is damaged: copy the file again");
  std::uint64_t left = archive_.size();
  for (std::uint64_t i = 0; i < count; ++i) {
    ZipEntry entry = read_entry(fields, file_);
    check(entry.compressed_size <= left, file_,
          ": its entries claim more bytes than the archive has; it is truncated, "
          "damaged, or they overlap: copy the file again");
    left -= entry.compressed_size;
    check(index_.emplace(entry.name, entries_.size()).second, file_, ": has two entries ",
          quote_for_message(entry.name), "; pack it again");
    entries_.push_back(std::move(entry));
  }
}

const ZipEntry* ZipReader::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

std::span<const std::byte> ZipReader::contents(const ZipEntry& entry) {
  if (const auto known = inflated_.find(entry.name); known != inflated_.end()) return known->second;
  Fields header(piece(archive_, entry.header, kLocalHeaderSize, file_), file_);
  check(header.u32() == kLocalHeader, file_, ": its entry ", quote_for_message(entry.name),
        " does not begin where the directory says; copy the file again");
  header.take(22);
  const std::uint64_t name_size = header.u16();
  const std::uint64_t extra_size = header.u16();
  // No overflow: piece() has bounded header by the archive's size.
  const std::uint64_t data = entry.header + kLocalHeaderSize + name_size + extra_size;
  const std::span<const std::byte> stored = piece(archive_, data, entry.compressed_size, file_);
  const std::span<const std::byte> result = entry.deflated ? inflate(entry, stored) : stored;
  check(crc32_z(0, zlib_bytes(result), result.size()) == entry.crc, file_, ": the check sum of its entry ",
        quote_for_message(entry.name), " is wrong; the file is damaged: copy it again");
  return result;
}

std::span<const std::byte> ZipReader::inflate(const ZipEntry& entry, std::span<const std::byte> compressed) {
  check(entry.size <= kMaxInflated - inflated_size_, file_, ": its entry ", quote_for_message(entry.name),
        " is to be inflated to ", entry.size,
        " bytes, more than the 1 GiB allowed in all; pack it without compression");
  check(entry.size <= compressed.size() * kMaxRatio, file_, ": its entry ", quote_for_message(entry.name),
        " claims ", entry.size, " bytes out of ", compressed.size(),
        ", which deflate cannot reach; the archive is damaged: copy it again");
  inflated_size_ += entry.size;
  std::vector<std::byte> result(static_cast<std::size_t>(entry.size) + 1);  // zlib refuses a null pointer
  z_stream stream = {};
  check(compressed.size() <= std::numeric_limits<uInt>::max() && inflateInit2(&stream, -MAX_WBITS) == Z_OK,
        file_, ": its entry ", quote_for_message(entry.name),
        " cannot be inflated; pack it without compression");
  stream.next_in = const_cast<Bytef*>(zlib_bytes(compressed));  // zlib reads only
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(result.data());
  stream.avail_out = static_cast<uInt>(entry.size);
  const int status = ::inflate(&stream, Z_FINISH);
  const bool complete = status == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  check(complete, file_, ": its entry ", quote_for_message(entry.name),
        " does not inflate to the size that the directory gives; copy the file again");
  result.pop_back();
  return inflated_.emplace(entry.name, std::move(result)).first->second;
}

}  // namespace dg
