// A reader of our own: the HDF5 library trusts its files. Given damaged ones, version 1.10.8 writes into freed memory
// or runs forever; a minute of fuzzing shows it. Keras' files need a small part of the format, as h5py writes it by
// default: superblock 0 or 1, object headers 1, symbol tables, contiguous and compact arrays.
// Source: The HDF Group, HDF5 File Format Specification Version 2.0; the sections stand at the functions.
#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "data/detail/hdf5_tree.h"
#include "data/detail/hdf5_values.h"
#include "data/detail/safetensors_header.h"

namespace dg {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxObjects = 200'000;  // nodes, headers, messages: a group may contain itself
constexpr std::uint64_t kMaxRepeats = 8;      // of the file's bytes, by several names for one thing
constexpr std::uint64_t kEntrySize = 40;      // of a symbol table
constexpr std::uint32_t kSoftLink = 2;

enum Message : std::uint16_t {
  kSpace = 0x01,
  kLinkInfo = 0x02,
  kType = 0x03,
  kLink = 0x06,
  kExternal = 0x07,
  kLayout = 0x08,
  kFilters = 0x0b,
  kAttribute = 0x0c,
  kContinuation = 0x10,
  kSymbolTable = 0x11,
  kAttributeInfo = 0x15,
};

struct HeaderMessage {
  std::uint16_t kind = 0;
  Hdf5Bytes contents;
};

class Reader {
 public:
  Reader(Bytes bytes, const std::string& file)
      : bytes_(bytes), file_(file), budget_(kMaxRepeats * bytes.size()) {}

  // II.A: the superblock.
  Hdf5Group read() {
    Hdf5Bytes block(bytes_, file_);
    block.expect("\x89HDF\r\n\x1a\n", "the signature of HDF5");
    const int version = block.u8();
    check(version <= 1, file_, ": its superblock has version ", version,
          ", expected 0 or 1; save it again with Keras, or pass it through h5repack --high=0");
    block.take(4);
    const int offset_size = block.u8();
    const int length_size = block.u8();
    check(offset_size == 8 && length_size == 8, file_, ": has addresses of ", offset_size, " and lengths of ",
          length_size, " bytes, expected 8; save it again with Keras");
    block.take(version == 0 ? 9 : 13);
    check(block.u64() == 0, file_, ": does not begin at its own address 0; save it again with Keras");
    block.take(8);
    const std::uint64_t end = block.u64();
    check(end <= bytes_.size(), file_, ": has ", bytes_.size(), " bytes, but its parts lie in ", end,
          "; it is truncated: copy it again");
    block.take(16);  // the driver, the root's name
    Hdf5Group root;
    read_object(block.u64(), "", root, 0);
    return root;
  }

 private:
  Hdf5Bytes at(std::uint64_t address, std::uint64_t size) {
    check(address <= bytes_.size() && size <= bytes_.size() - address, file_, ": a part of ", size,
          " bytes at position ", address, " lies outside of its ", bytes_.size(),
          " bytes; the file is truncated or damaged: copy it again");
    return {bytes_.subspan(static_cast<std::size_t>(address), static_cast<std::size_t>(size)), file_};
  }

  void count_object() {
    check(++objects_ <= kMaxObjects, file_, ": has more than ", kMaxObjects,
          " parts, or a group that contains itself; give a file of weights");
  }

  void spend(std::uint64_t bytes) {
    check(bytes <= budget_, file_, ": gives one piece of data too many names; save it again with Keras");
    budget_ -= bytes;
  }

  // ---- objects (IV.A.1.a) ----

  std::vector<HeaderMessage> messages_at(std::uint64_t address) {
    Hdf5Bytes prefix = at(address, 16);
    prefix.expect(std::uint8_t{1}, "the header of an object");
    prefix.take(7);
    const std::uint32_t size = prefix.u32();
    std::vector<HeaderMessage> messages;
    std::vector<Hdf5Bytes> blocks{at(address + 16, size)};
    while (!blocks.empty()) {
      Hdf5Bytes block = blocks.back();
      blocks.pop_back();
      while (block.left() >= 8) {
        count_object();
        const std::uint16_t kind = block.u16();
        const std::uint16_t length = block.u16();
        const bool shared = (block.u8() & 2U) != 0;
        block.take(3);
        Hdf5Bytes contents = block.piece(length);
        if (kind == kContinuation) {
          const std::uint64_t begin = contents.u64();
          blocks.push_back(at(begin, contents.u64()));
          continue;
        }
        check(!shared || (kind != kType && kind != kSpace && kind != kAttribute), file_,
              ": shares types between arrays; save it again with Keras");
        messages.push_back({kind, contents});
      }
    }
    return messages;
  }

  static const Hdf5Bytes* find(const std::vector<HeaderMessage>& messages, Message kind) {
    const auto found = std::find_if(messages.begin(), messages.end(),
                                    [&](const HeaderMessage& message) { return message.kind == kind; });
    return found == messages.end() ? nullptr : &found->contents;
  }

  // A group goes into `parent` as a child, or is the root itself (name ""); an array becomes one of its arrays.
  void read_object(std::uint64_t address, const std::string& name, Hdf5Group& parent, int depth) {
    check(depth < kMaxDepth, file_, ": ", quote_for_message(name), " lies more than ", kMaxDepth,
          " groups deep; the file is damaged, or not one of weights");
    const std::vector<HeaderMessage> messages = messages_at(address);
    check(find(messages, kLinkInfo) == nullptr && find(messages, kLink) == nullptr &&
              find(messages, kAttributeInfo) == nullptr,
          file_, ": ", quote_for_message(name),
          " is a group of a newer kind; save it again with Keras, or pass it through h5repack --high=0");
    if (find(messages, kLayout) != nullptr) return read_array(messages, name, parent);
    if (name.empty()) return read_group(messages, parent, depth);
    parent.groups.push_back({.name = name, .texts = {}, .arrays = {}, .groups = {}});
    read_group(messages, parent.groups.back(), depth);
  }

  // ---- groups (III.A.1 the tree, III.B its leaves, III.D the names) ----

  void read_group(const std::vector<HeaderMessage>& messages, Hdf5Group& group, int depth) {
    for (const HeaderMessage& message : messages) {
      if (message.kind == kAttribute) read_attribute(message.contents, group);
    }
    const Hdf5Bytes* table = find(messages, kSymbolTable);
    if (table == nullptr) return;  // a type with a name
    Hdf5Bytes fields = *table;
    const std::uint64_t tree = fields.u64();
    Hdf5Bytes heap = at(fields.u64(), 32);
    heap.expect("HEAP", "the names of a group");
    heap.take(4);
    const std::uint64_t size = heap.u64();
    heap.take(8);
    const Bytes names = at(heap.u64(), size).take(size);
    read_tree(tree, std::nullopt, names, group, depth);
  }

  void read_tree(std::uint64_t address, std::optional<int> expected_level, Bytes names, Hdf5Group& group,
                 int depth) {
    count_object();
    Hdf5Bytes node = at(address, 24);
    node.expect("TREE", "the tree of a group");
    const int kind = node.u8();
    const int level = node.u8();
    // A level below its parent's: so no node is its own descendant.
    check(kind == 0 && level == expected_level.value_or(level), file_,
          ": the tree of a group is damaged; copy the file again");
    const std::uint64_t count = node.u16();
    Hdf5Bytes children = at(address + 24, count * 16);
    for (std::uint64_t i = 0; i < count; ++i) {
      children.take(8);  // the key: the smallest name
      const std::uint64_t child = children.u64();
      if (level > 0) {
        read_tree(child, level - 1, names, group, depth);
      } else {
        read_leaf(child, names, group, depth);
      }
    }
  }

  void read_leaf(std::uint64_t address, Bytes names, Hdf5Group& group, int depth) {
    count_object();
    Hdf5Bytes leaf = at(address, 8);
    leaf.expect("SNOD", "a leaf of a group");
    leaf.take(2);
    const std::uint64_t count = leaf.u16();
    Hdf5Bytes entries = at(address + 8, count * kEntrySize);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string name = name_at(names, entries.u64());
      const std::uint64_t object = entries.u64();
      check(entries.u32() != kSoftLink, file_, ": ", quote_for_message(name),
            " is a soft link; save the file again with Keras");
      entries.take(20);
      read_object(object, name, group, depth + 1);
    }
  }

  std::string name_at(Bytes names, std::uint64_t offset) {
    check(offset < names.size(), file_,
          ": a name lies outside of its group; the file is damaged: copy it again");
    const Bytes rest = names.subspan(static_cast<std::size_t>(offset));
    const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
    check(end != rest.end() && end != rest.begin(), file_,
          ": a name is empty or without an end; the file is damaged: copy it again");
    spend(static_cast<std::uint64_t>(end - rest.begin()));
    return {reinterpret_cast<const char*>(rest.data()), static_cast<std::size_t>(end - rest.begin())};
  }

  // ---- arrays (IV.A.2.i) ----

  void read_array(const std::vector<HeaderMessage>& messages, const std::string& name, Hdf5Group& group) {
    const Hdf5Bytes* type_message = find(messages, kType);
    const Hdf5Bytes* space_message = find(messages, kSpace);
    check(!name.empty() && type_message != nullptr && space_message != nullptr, file_, ": its array ",
          quote_for_message(name), " has no type or no extents; the file is damaged: copy it again");
    const Hdf5Type type = parse_hdf5_type(*type_message);
    if (type.kind != Hdf5Class::real) return;  // an optimizer's steps, the state of a dropout
    check(find(messages, kFilters) == nullptr && find(messages, kExternal) == nullptr, file_, ": its array ",
          quote_for_message(name), " is compressed or lies in another file; save it again with Keras");
    Hdf5Space space = parse_hdf5_space(*space_message, bytes_.size());
    const std::uint64_t size = space.count * type.size;
    spend(size);
    const Bytes stored = space.count == 0 ? Bytes() : array_bytes(*find(messages, kLayout), size, name);
    group.arrays.push_back({name, std::move(space.shape), read_hdf5_floats(stored, type)});
  }

  Bytes array_bytes(Hdf5Bytes layout, std::uint64_t size, const std::string& name) {
    layout.expect(std::uint8_t{3}, "the place of an array");
    const int kind = layout.u8();
    check(kind <= 1, file_, ": its array ", quote_for_message(name), " is chunked; save it again with Keras");
    if (kind == 0) {
      const std::uint64_t stored = layout.u16();
      check(stored == size, file_, ": its array ", quote_for_message(name), " has ", stored,
            " bytes instead of ", size, "; the file is damaged: copy it again");
      return layout.take(size);
    }
    const std::uint64_t address = layout.u64();
    const std::uint64_t stored = layout.u64();
    check(address != kNowhere && stored == size, file_, ": its array ", quote_for_message(name), " has ",
          address == kNowhere ? 0 : stored, " bytes instead of ", size,
          "; the file is incomplete or damaged: copy it again");
    return at(address, size).take(size);
  }

  // ---- attributes (IV.A.2.m) ----

  void read_attribute(Hdf5Bytes message, Hdf5Group& group) {
    const int version = message.u8();
    const int flags = message.u8();
    check(version >= 1 && version <= 3 && (version == 1 || flags == 0), file_, ": an attribute has version ",
          version, " and flags ", flags, "; save it again with Keras");
    const std::uint64_t name_size = message.u16();
    const std::uint64_t type_size = message.u16();
    const std::uint64_t space_size = message.u16();
    if (version == 3) message.take(1);  // ASCII or UTF-8
    const auto part = [&](std::uint64_t size) {
      Hdf5Bytes taken = message.piece(size);
      if (version == 1) message.take((8 - size % 8) % 8);
      return taken;
    };
    const Bytes name_bytes = part(name_size).take(name_size);
    const Hdf5Type type = parse_hdf5_type_or_other(part(type_size));
    const Hdf5Space space = parse_hdf5_space(part(space_size), bytes_.size());
    const auto* name = reinterpret_cast<const char*>(name_bytes.data());
    Hdf5Text text{
        .name = {name, std::find(name, name + name_size, '\0')}, .values = {}, .is_list = !space.is_scalar};
    // An empty list of names has no type: numpy makes it one of floats.
    if (space.count > 0) {
      if (type.kind != Hdf5Class::text && type.kind != Hdf5Class::long_text) return;
      check(space.count <= bytes_.size() / type.size, file_, ": its attribute ", quote_for_message(text.name),
            " claims more than the file has; it is damaged: copy it again");
      spend(space.count * type.size);
      Hdf5Bytes values = message.piece(space.count * type.size);
      if (type.kind == Hdf5Class::text) {
        text.values = read_hdf5_texts(values.take(values.left()), type);
      } else {
        for (std::uint64_t i = 0; i < space.count; ++i) text.values.push_back(read_long_text(values));
      }
    }
    group.texts.push_back(std::move(text));
  }

  // Attributes may have floats that arrays of weights may not.
  Hdf5Type parse_hdf5_type_or_other(Hdf5Bytes message) const {
    constexpr unsigned kReal = 1;
    Hdf5Bytes first = message;
    return (first.u8() & 15U) == kReal ? Hdf5Type{} : parse_hdf5_type(message);
  }

  // ---- texts elsewhere (III.E the global heap) ----

  std::string read_long_text(Hdf5Bytes& reference) {
    const std::uint64_t length = reference.u32();
    const std::uint64_t address = reference.u64();
    const std::uint32_t number = reference.u32();
    if (length == 0) return {};
    const std::map<std::uint32_t, Bytes>& heap = heap_at(address);
    const auto object = heap.find(number);
    check(object != heap.end() && length <= object->second.size(), file_,
          ": a text is missing or cut off; the file is damaged: copy it again");
    spend(length);
    const auto* begin = reinterpret_cast<const char*>(object->second.data());
    return {begin, std::find(begin, begin + length, '\0')};
  }

  const std::map<std::uint32_t, Bytes>& heap_at(std::uint64_t address) {
    const auto known = heaps_.find(address);
    if (known != heaps_.end()) return known->second;
    Hdf5Bytes header = at(address, 16);
    header.expect("GCOL", "a heap of texts");
    header.take(4);
    const std::uint64_t size = header.u64();
    check(size >= 16, file_, ": a heap of texts has ", size, " bytes; the file is damaged: copy it again");
    Hdf5Bytes objects = at(address, size);
    objects.take(16);
    std::map<std::uint32_t, Bytes>& heap = heaps_[address];
    while (objects.left() >= 16) {
      count_object();
      const std::uint32_t number = objects.u16();
      objects.take(6);
      const std::uint64_t length = objects.u64();
      if (number == 0) break;  // the free space at the end
      heap.emplace(number, objects.take(length));
      objects.take(std::min<std::uint64_t>((8 - length % 8) % 8, objects.left()));
    }
    return heap;
  }

  Bytes bytes_;
  const std::string& file_;
  std::uint64_t budget_;
  std::size_t objects_ = 0;
  std::map<std::uint64_t, std::map<std::uint32_t, Bytes>> heaps_;
};

}  // namespace

Hdf5Group parse_hdf5(Bytes bytes, const std::string& file) { return Reader(bytes, file).read(); }

}  // namespace dg
