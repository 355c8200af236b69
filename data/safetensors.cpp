// Reading by a plain read, not mmap: a mapped file that another program shortens kills the process (SIGBUS).
#include "data/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "data/atomic_file.h"
#include "data/detail/half.h"
#include "data/detail/safetensors_header.h"
#include "data/input_file.h"
#include "kernels/check.h"
#include "kernels/types.h"

namespace dg {
namespace {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian, and so is this code");

constexpr std::int64_t kLengthBytes = 8;

// memcpy per element: the data of a tensor need not be aligned.
template <typename Stored, typename Result, typename Convert>
std::vector<Result> convert_all(std::span<const std::byte> bytes, Convert convert) {
  std::vector<Result> result(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < result.size(); ++i) {
    Stored value;
    std::memcpy(&value, &bytes[i * sizeof(Stored)], sizeof(Stored));
    result[i] = static_cast<Result>(convert(value));
  }
  return result;
}

template <typename Result>
std::vector<Result> read_as(const SafeTensorsFile& file, std::string_view name) {
  const std::span<const std::byte> bytes = file.bytes(name);
  const SafeDType dtype = file.entry(name).dtype;
  switch (dtype) {
    case SafeDType::F16: return convert_all<std::uint16_t, Result>(bytes, half_to_float);
    case SafeDType::BF16:
      return convert_all<bfloat16, Result>(bytes, [](bfloat16 value) { return static_cast<float>(value); });
    case SafeDType::F32: return convert_all<float, Result>(bytes, [](float value) { return value; });
    case SafeDType::F64: return convert_all<double, Result>(bytes, [](double value) { return value; });
    default:
      fail(file.path().string(), ": tensor ", quote_for_message(name), " holds ", name_of(dtype),
           ", expected F16, BF16, F32 or F64; read its bytes instead");
  }
}

std::string header_text(const std::string& file, const std::vector<SafeTensorToWrite>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header[std::string(kSafeTensorsMetadata)] = metadata;
  std::set<std::string_view> names;
  std::int64_t offset = 0;
  for (const SafeTensorToWrite& tensor : tensors) {
    const auto bytes = static_cast<std::int64_t>(tensor.bytes.size());
    check(tensor.name != kSafeTensorsMetadata, file,
          ": a tensor is called '__metadata__', which is reserved; rename it");
    check(names.insert(tensor.name).second, file, ": two tensors are called ", quote_for_message(tensor.name),
          "; rename one");
    const std::int64_t expected = safe_tensor_bytes(tensor.dtype, tensor.shape);
    check(expected == bytes, file, ": tensor ", quote_for_message(tensor.name), " has ", bytes,
          " bytes, but its shape and type ", name_of(tensor.dtype), " need ", expected,
          "; pass the matching bytes");
    header[tensor.name] = {{"dtype", name_of(tensor.dtype)},
                           {"shape", nlohmann::ordered_json(tensor.shape)},
                           {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  try {
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    check(static_cast<std::int64_t>(text.size()) <= kMaxSafeTensorsHeader, file, ": its header would have ",
          text.size(), " bytes, expected at most 100,000,000; shorten the metadata");
    return text;
  } catch (const nlohmann::json::exception&) {
    fail(file, ": a tensor name or a metadata text is not UTF-8; change it");
  }
}

}  // namespace

SafeTensorsFile::SafeTensorsFile(const std::filesystem::path& path) : path_(path) {
  const std::string file_name = path.string();
  InputFile file(path);
  check(file.size() >= kLengthBytes, file_name, ": has ", file.size(),
        " bytes, too few for a safetensors file; copy the file again");
  std::uint64_t header_size = 0;
  file.read(std::as_writable_bytes(std::span(&header_size, 1)));
  check(header_size <= static_cast<std::uint64_t>(kMaxSafeTensorsHeader), file_name,
        ": is not a safetensors file: it claims a header of ", header_size,
        " bytes, expected at most 100,000,000; give a file of weights");
  const std::int64_t data_size = file.size() - kLengthBytes - static_cast<std::int64_t>(header_size);
  check(data_size >= 0, file_name, ": is truncated: its header needs ", header_size, " bytes, only ",
        file.size() - kLengthBytes, " follow; copy the file again");
  std::string text(header_size, '\0');
  file.read(std::as_writable_bytes(std::span(text)));
  SafeTensorsHeader header = parse_safetensors_header(text, data_size, file_name);
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < entries_.size(); ++i) index_[entries_[i].name] = i;
  data_.resize(static_cast<std::size_t>(data_size));
  file.read(data_);
}

const SafeTensorEntry& SafeTensorsFile::entry(std::string_view name) const {
  const auto found = index_.find(name);
  check(found != index_.end(), path_.string(), ": has no tensor ", quote_for_message(name), " among its ",
        entries_.size(), " tensors; check that these are the weights of this network");
  return entries_[found->second];
}

std::span<const std::byte> SafeTensorsFile::bytes(std::string_view name) const {
  const SafeTensorEntry& e = entry(name);
  return std::span(data_).subspan(static_cast<std::size_t>(e.begin),
                                  static_cast<std::size_t>(e.end - e.begin));
}

std::vector<float> SafeTensorsFile::read_as_float(std::string_view name) const {
  return read_as<float>(*this, name);
}
std::vector<double> SafeTensorsFile::read_as_double(std::string_view name) const {
  return read_as<double>(*this, name);
}

void write_safetensors(const std::filesystem::path& path, const std::vector<SafeTensorToWrite>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::string header = header_text(path.string(), tensors, metadata);
  const std::uint64_t header_size = header.size();
  write_file_atomically(path, [&](AtomicFile& file) {
    file.write(std::as_bytes(std::span(&header_size, 1)));
    file.write(header);
    for (const SafeTensorToWrite& tensor : tensors) file.write(tensor.bytes);
  });
}

}  // namespace dg
