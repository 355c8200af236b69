// Both formats end in a pickle and the bytes of its storages; from there on they are the same.
#include "data/torch_file.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "data/detail/safetensors_header.h"
#include "data/detail/torch_tensor.h"
#include "data/input_file.h"
#include "data/pickle.h"
#include "data/zip_reader.h"
#include "kernels/check.h"

namespace dg {
namespace {

using Kind = PickleValue::Kind;
using Bytes = std::span<const std::byte>;

constexpr std::int64_t kProtocol = 1001;
// 0x1950a86a20f9469cfc6c, least significant byte first.
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::string_view kModulePrefix = "module.";
constexpr std::size_t kMaxNameLength = 512;

// Tensors may share a storage, but not so often that a small file fills the memory: a float for every byte
// stored, and these.
constexpr std::int64_t kSharedForFree = std::int64_t{1} << 20;

// What both formats come down to. The bytes are checked to be as many as the storage claims.
struct Contents {
  const PickleValue* object = nullptr;
  bool big_endian = false;
  std::function<Bytes(const TorchStorage&, const std::string& where)> bytes_of;
};

// ---- from the object to its tensors ----

bool has_tensor(const PickleValue& dict) {
  for (std::size_t i = 1; i < dict.items.size(); i += 2) {
    if (is_torch_tensor(*dict.items[i])) return true;
  }
  return false;
}

std::string keys_of(const PickleValue& dict) {
  std::string keys;
  constexpr std::size_t kShown = 16;  // two items each
  for (std::size_t i = 0; i < std::min(dict.items.size(), kShown); i += 2) {
    keys += (i > 0 ? ", " : "") + quote_for_message(dict.items[i]->text);
  }
  return keys + (dict.items.size() > kShown ? ", ..." : "");
}

struct Root {
  std::string key;
  const PickleValue* dict = nullptr;
};

Root find_root(const PickleValue& object, const TorchFileOptions& options, const std::string& file) {
  check(object.kind == Kind::dict, file, ": holds ",
        is_torch_tensor(object) ? "a single tensor" : name_of(object.kind),
        ", expected a dict of named tensors; save it with torch.save(network.state_dict(), path)");
  for (const char* key : {"params_ema", "params", "state_dict", "model"}) {
    if (!options.use_ema && std::string_view(key) == "params_ema") continue;
    const PickleValue* inner = find_key(object, key);
    if (inner != nullptr && inner->kind == Kind::dict && has_tensor(*inner)) return {key, inner};
  }
  check(has_tensor(object), file, ": is a dict without tensors, its keys are ", keys_of(object),
        "; expected names of tensors, or one of params, params_ema, state_dict and model: save the network's "
        "state_dict alone");
  return {"", &object};
}

// As it may be shown and searched for.
std::string tensor_name(const PickleValue& key, const std::string& file) {
  const bool printable =
      std::none_of(key.text.begin(), key.text.end(), [](unsigned char c) { return c < 32 || c == 127; });
  check(key.kind == Kind::text && !key.text.empty() && key.text.size() <= kMaxNameLength && printable, file,
        ": a tensor is called ", key.kind == Kind::text ? quote_for_message(key.text) : name_of(key.kind),
        ", expected a name of 1 to ", kMaxNameLength, " printable characters; the file is damaged");
  std::string_view name = key.text;
  while (name.starts_with(kModulePrefix) && name.size() > kModulePrefix.size())
    name.remove_prefix(kModulePrefix.size());
  return std::string(name);
}

TorchFile read_tensors(const Contents& contents, const TorchFileOptions& options, const std::string& file) {
  const Root root = find_root(*contents.object, options, file);
  TorchFile result{.root = root.key, .tensors = {}};
  std::set<std::string> names;
  std::set<std::string> keys;
  std::int64_t budget = kSharedForFree;
  for (std::size_t i = 0; i + 1 < root.dict->items.size(); i += 2) {
    const PickleValue& value = *root.dict->items[i + 1];
    if (!is_torch_tensor(value)) continue;
    std::string name = tensor_name(*root.dict->items[i], file);
    const std::string where = file + ": tensor " + quote_for_message(name);
    check(names.insert(name).second, where, " is there twice; save the network's state_dict alone");
    TorchView view = parse_torch_view(value, where);
    const Bytes storage = contents.bytes_of(view.storage, where);
    if (keys.insert(view.storage.key).second) budget += view.storage.bytes();
    check(view.numel <= budget, where,
          ": too many tensors share one storage; save each of them as tensor.clone()");
    budget -= view.numel;
    std::vector<float> values = read_torch_view(view, storage, contents.big_endian);
    result.tensors.push_back({std::move(name), std::move(view.shape), std::move(values)});
  }
  return result;
}

// ---- zip ----

// "NAME/" of "NAME/data.pkl".
std::string archive_root(const ZipReader& zip, const std::string& file) {
  constexpr std::string_view kPickle = "data.pkl";
  std::optional<std::string> root;
  for (const ZipEntry& entry : zip.entries()) {
    const std::string_view name = entry.name;
    if (!name.ends_with(kPickle)) continue;
    const std::string_view folder = name.substr(0, name.size() - kPickle.size());
    if (!folder.empty() && !folder.ends_with('/')) continue;
    check(!root, file, ": is a zip archive with several data.pkl; save the network's state_dict alone");
    root = folder;
  }
  check(root.has_value(), file,
        ": is a zip archive without data.pkl, so it was not written by torch.save; give a file of weights");
  return *root;
}

bool is_big_endian(ZipReader& zip, const std::string& root, const std::string& file) {
  const ZipEntry* entry = zip.find(root + "byteorder");
  if (entry == nullptr) return false;
  const Bytes bytes = zip.contents(*entry);
  const std::string_view order(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check(order == "little" || order == "big", file, ": its byte order is ", quote_for_message(order),
        ", expected little or big; the file is damaged");
  return order == "big";
}

TorchFile parse_zip(Bytes bytes, const std::string& file, const TorchFileOptions& options) {
  ZipReader zip(bytes, file);
  const std::string root = archive_root(zip, file);
  const Pickle pickle(zip.contents(*zip.find(root + "data.pkl")), allowed_torch_globals(), file);
  Contents contents{.object = &pickle.root(), .big_endian = is_big_endian(zip, root, file), .bytes_of = {}};
  contents.bytes_of = [&](const TorchStorage& storage, const std::string& where) {
    const ZipEntry* entry = zip.find(root + "data/" + storage.key);
    check(entry != nullptr, where, ": its data, the entry data/", quote_for_message(storage.key),
          ", is missing from the archive; copy the file again");
    check(entry->size == static_cast<std::uint64_t>(storage.bytes()), where, ": its storage has ",
          entry->size, " bytes, but ", storage.numel, " elements of ", storage.type->name, " need ",
          storage.bytes(), "; the file is damaged: copy it again");
    return zip.contents(*entry);
  };
  return read_tensors(contents, options, file);
}

// ---- legacy ----

// The pickles and storages one after the other.
class LegacyFile {
 public:
  LegacyFile(Bytes bytes, const std::string& file) : rest_(bytes), file_(file) {
    const Pickle magic = next_pickle();
    check(magic.root().kind == Kind::big_integer && magic.root().text == kMagic, file_,
          ": is a Python pickle, but not one of torch.save; save the weights with torch.save");
    const Pickle protocol = next_pickle();
    check(protocol.root().kind == Kind::integer && protocol.root().integer == kProtocol, file_,
          ": its protocol is ", protocol.root().integer, ", expected ", kProtocol,
          "; load it and save it again");
    const Pickle machine = next_pickle();
    const PickleValue* little = find_key(machine.root(), "little_endian");
    check(little != nullptr && little->kind == Kind::boolean && little->integer == 1, file_,
          ": was written by a big-endian machine; load it there and save it with a PyTorch of at least 1.6");
  }

  Pickle next_pickle() {
    Pickle pickle(rest_, allowed_torch_globals(), file_);
    rest_ = rest_.subspan(pickle.size());
    return pickle;
  }

  Bytes next_storage(std::int64_t element_size) {
    std::uint64_t count = 0;
    check(rest_.size() >= sizeof(count), file_, ": is truncated in front of a storage; copy it again");
    std::memcpy(&count, rest_.data(), sizeof(count));
    rest_ = rest_.subspan(sizeof(count));
    check(count <= rest_.size() / static_cast<std::uint64_t>(element_size), file_,
          ": is truncated: a storage has ", count, " elements of ", element_size, " bytes, only ",
          rest_.size(), " bytes follow; copy it again");
    const Bytes storage =
        rest_.first(static_cast<std::size_t>(count) * static_cast<std::size_t>(element_size));
    rest_ = rest_.subspan(storage.size());
    return storage;
  }

 private:
  Bytes rest_;
  const std::string& file_;
};

// A key's element size stands only where the pickle refers to it.
std::map<std::string, TorchStorage> storages_of(const Pickle& pickle, const std::string& file) {
  std::map<std::string, TorchStorage> storages;
  for (const PickleValue& value : pickle.values()) {
    if (value.kind != Kind::persistent) continue;
    TorchStorage storage = parse_torch_storage(value, file);
    const auto [known, added] = storages.emplace(storage.key, storage);
    check(added || (known->second.type == storage.type && known->second.numel == storage.numel), file,
          ": refers to the storage ", quote_for_message(storage.key),
          " by two types or sizes; save each tensor as tensor.clone()");
  }
  return storages;
}

TorchFile parse_legacy(Bytes bytes, const std::string& file, const TorchFileOptions& options) {
  LegacyFile legacy(bytes, file);
  const Pickle object = legacy.next_pickle();
  const Pickle keys = legacy.next_pickle();
  const std::map<std::string, TorchStorage> storages = storages_of(object, file);
  std::map<std::string, Bytes> data;
  check(keys.root().kind == Kind::list, file, ": has ", name_of(keys.root().kind),
        " instead of the list of its storages; the file is damaged");
  for (const PickleValue* key : keys.root().items) {
    const auto storage = storages.find(key->text);
    check(storage != storages.end(), file, ": lists the storage ", quote_for_message(key->text),
          ", which no tensor has; the file is damaged");
    data[key->text] = legacy.next_storage(storage->second.type->size);
  }
  Contents contents{.object = &object.root(), .bytes_of = {}};
  contents.bytes_of = [&](const TorchStorage& storage, const std::string& where) {
    const auto found = data.find(storage.key);
    check(found != data.end(), where, ": its storage ", quote_for_message(storage.key),
          " is missing; the file is damaged: copy it again");
    check(found->second.size() == static_cast<std::size_t>(storage.bytes()), where, ": its storage has ",
          found->second.size(), " bytes, but ", storage.numel, " elements of ", storage.type->name, " need ",
          storage.bytes(), "; the file is damaged: copy it again");
    return found->second;
  };
  return read_tensors(contents, options, file);
}

bool starts_with(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

constexpr std::string_view kZipBeginning("PK\x03\x04", 4);
constexpr std::string_view kPickleBeginning("\x80", 1);

}  // namespace

bool looks_like_torch_file(Bytes beginning) {
  // Behind the length of its header, which may be any 8 bytes, a safetensors file has a brace. A zip archive
  // has the method of its first entry there, and torch.save's pickle a part of its magic number.
  constexpr std::size_t kBrace = 8;
  if (beginning.size() > kBrace && beginning[kBrace] == std::byte{'{'}) return false;
  return starts_with(beginning, kZipBeginning) || starts_with(beginning, kPickleBeginning);
}

bool looks_like_torch_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> beginning = read_file(path, 16);
  return looks_like_torch_file(std::as_bytes(std::span(beginning)));
}

TorchFile parse_torch_file(Bytes bytes, const std::string& file, const TorchFileOptions& options) {
  if (starts_with(bytes, kZipBeginning)) return parse_zip(bytes, file, options);
  check(
      starts_with(bytes, kPickleBeginning), file,
      ": is neither a zip archive nor a pickle, so it was not written by torch.save; give a file of weights");
  return parse_legacy(bytes, file, options);
}

TorchFile read_torch_file(const std::filesystem::path& path, const TorchFileOptions& options) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return parse_torch_file(std::as_bytes(std::span(bytes)), path.string(), options);
}

}  // namespace dg
