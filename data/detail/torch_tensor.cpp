// What a hostile file could claim is checked in one place, parse_torch_view: reading has nothing left to
// refuse.
#include "data/detail/torch_tensor.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "data/detail/half.h"
#include "data/detail/safetensors_header.h"
#include "kernels/check.h"
#include "kernels/types.h"

namespace dg {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxRank = 16;
constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();

constexpr std::string_view kTensorV2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kTensorV1 = "torch._utils._rebuild_tensor";  // up to PyTorch 0.3
constexpr std::string_view kParameter = "torch._utils._rebuild_parameter";

float to_float(float value) { return value; }
float to_float(bfloat16 value) { return static_cast<float>(value); }
template <typename Number>
float to_float(Number value) {
  return static_cast<float>(value);
}
struct Half {
  std::uint16_t bits;
};
float to_float(Half value) { return half_to_float(value.bits); }
struct Bool {
  std::uint8_t byte;
};
float to_float(Bool value) { return value.byte != 0 ? 1.0F : 0.0F; }

// memcpy per element: storages need not be aligned.
template <typename Stored>
void read_as(const std::byte* first, std::int64_t step, bool big_endian, std::span<float> into) {
  for (std::size_t i = 0; i < into.size(); ++i) {
    std::array<std::byte, sizeof(Stored)> bytes;
    const std::int64_t at = static_cast<std::int64_t>(i) * step * static_cast<std::int64_t>(sizeof(Stored));
    std::memcpy(bytes.data(), first + at, sizeof(Stored));
    if (big_endian) std::reverse(bytes.begin(), bytes.end());
    Stored value;
    std::memcpy(&value, bytes.data(), sizeof(Stored));
    into[i] = to_float(value);
  }
}

constexpr std::array<TorchStorageType, 10> kStorageTypes = {{{"torch.FloatStorage", 4, read_as<float>},
                                                             {"torch.HalfStorage", 2, read_as<Half>},
                                                             {"torch.BFloat16Storage", 2, read_as<bfloat16>},
                                                             {"torch.DoubleStorage", 8, read_as<double>},
                                                             {"torch.LongStorage", 8, read_as<std::int64_t>},
                                                             {"torch.IntStorage", 4, read_as<std::int32_t>},
                                                             {"torch.ShortStorage", 2, read_as<std::int16_t>},
                                                             {"torch.CharStorage", 1, read_as<std::int8_t>},
                                                             {"torch.ByteStorage", 1, read_as<std::uint8_t>},
                                                             {"torch.BoolStorage", 1, read_as<Bool>}}};

constexpr std::array<std::string_view, 4> kFunctions = {"collections.OrderedDict", kTensorV2, kTensorV1,
                                                        kParameter};

constexpr auto kAllowed = [] {
  std::array<std::string_view, kStorageTypes.size() + kFunctions.size()> names{};
  std::size_t count = 0;
  for (const TorchStorageType& type : kStorageTypes) names[count++] = type.name;
  for (const std::string_view name : kFunctions) names[count++] = name;
  return names;
}();

bool is_call_of(const PickleValue& value, std::string_view name) {
  return value.kind == Kind::call && value.text == name;
}
bool is_plain_tensor(const PickleValue& value) {
  return is_call_of(value, kTensorV2) || is_call_of(value, kTensorV1);
}

std::int64_t parse_size(const PickleValue& value, const char* what, const std::string& where) {
  const bool is_integer = value.kind == Kind::integer;
  check(is_integer && value.integer >= 0, where, ": its ", what, " is ",
        is_integer ? std::to_string(value.integer) : name_of(value.kind),
        ", expected an integer of at least 0; the file is damaged");
  return value.integer;
}

std::vector<std::int64_t> parse_sizes(const PickleValue& value, const char* what, const std::string& where) {
  check((value.kind == Kind::tuple || value.kind == Kind::list) && value.items.size() <= kMaxRank, where,
        ": its ", what, " is ", name_of(value.kind), " of ", value.items.size(),
        " items, expected a tuple of at most ", kMaxRank, "; the file is damaged");
  std::vector<std::int64_t> sizes;
  for (const PickleValue* item : value.items) sizes.push_back(parse_size(*item, what, where));
  return sizes;
}

// The product of the sizes, and the position behind the last element, in the storage's elements.
struct Extent {
  std::int64_t numel = 1;
  std::int64_t end = 0;
};

Extent extent_of(const TorchView& view, const std::string& where) {
  if (std::find(view.shape.begin(), view.shape.end(), 0) != view.shape.end()) return {.numel = 0, .end = 0};
  Extent extent{.numel = 1, .end = view.offset};
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    const std::int64_t steps = view.shape[i] - 1;
    const bool fits = extent.numel <= kLargest / view.shape[i] &&
                      (steps == 0 || view.stride[i] <= (kLargest - extent.end) / steps);
    check(fits, where, ": its size does not fit into 63 bits; the file is damaged or hostile");
    extent.numel *= view.shape[i];
    extent.end += steps * view.stride[i];
  }
  check(extent.end < kLargest, where, ": its size does not fit into 63 bits; the file is damaged or hostile");
  ++extent.end;
  return extent;
}

}  // namespace

std::span<const std::string_view> allowed_torch_globals() { return kAllowed; }

TorchStorage parse_torch_storage(const PickleValue& value, const std::string& where) {
  const auto& id = value.items;
  check(value.kind == Kind::persistent && id.size() >= 5 && id[0]->text == "storage" &&
            id[1]->kind == Kind::global && id[2]->kind == Kind::text,
        where, ": its data is not a storage as torch.save writes it; save a state_dict with torch.save");
  const auto* type = std::find_if(kStorageTypes.begin(), kStorageTypes.end(),
                                  [&](const TorchStorageType& row) { return row.name == id[1]->text; });
  check(type != kStorageTypes.end(), where, ": its storage is of the type ", quote_for_message(id[1]->text),
        ", expected one as torch.FloatStorage; the file is damaged");
  check(id.size() == 5 || id[5]->kind == Kind::none, where,
        ": its storage is a view of another storage; load it and save it again with a newer PyTorch");
  const std::int64_t numel = parse_size(*id[4], "storage's size", where);
  check(numel <= kLargest / type->size, where, ": its storage claims ", numel,
        " elements; the file is damaged or hostile");
  return {.type = type, .key = id[2]->text, .numel = numel};
}

bool is_torch_tensor(const PickleValue& value) {
  return is_plain_tensor(value) || is_call_of(value, kParameter);
}

TorchView parse_torch_view(const PickleValue& value, const std::string& where) {
  if (is_call_of(value, kParameter)) {
    check(!value.items.empty() && is_plain_tensor(*value.items[0]), where,
          ": is a parameter without a tensor; the file is damaged");
    return parse_torch_view(*value.items[0], where);
  }
  const auto& arguments = value.items;
  check(arguments.size() >= 4, where, ": is a tensor of ", arguments.size(),
        " arguments, expected storage, offset, size and stride; the file is damaged");
  TorchView view{.storage = parse_torch_storage(*arguments[0], where),
                 .offset = parse_size(*arguments[1], "offset", where),
                 .shape = parse_sizes(*arguments[2], "size", where),
                 .stride = parse_sizes(*arguments[3], "stride", where)};
  check(view.shape.size() == view.stride.size(), where, ": has ", view.shape.size(), " sizes and ",
        view.stride.size(), " strides; the file is damaged");
  const Extent extent = extent_of(view, where);
  check(extent.end <= view.storage.numel, where, ": reaches to element ", extent.end, " of a storage of ",
        view.storage.numel, "; the file is damaged");
  check(extent.numel <= view.storage.numel, where, ": repeats the elements of its storage, ", extent.numel,
        " out of ", view.storage.numel, "; save it as tensor.contiguous()");
  view.numel = extent.numel;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    if (view.shape[i] <= 1) view.stride[i] = 0;  // never stepped, so it has not been checked
  }
  return view;
}

std::vector<float> read_torch_view(const TorchView& view, std::span<const std::byte> storage,
                                   bool big_endian) {
  std::vector<float> values(static_cast<std::size_t>(view.numel));
  if (values.empty()) return values;
  const std::size_t rank = view.shape.size();
  const std::int64_t row = rank > 0 ? view.shape.back() : 1;
  const std::int64_t step = rank > 0 ? view.stride.back() : 1;
  std::vector<std::int64_t> index(rank, 0);  // of the row's first element
  std::int64_t position = view.offset;
  std::span<float> rest(values);
  while (!rest.empty()) {
    view.storage.type->read(&storage[static_cast<std::size_t>(position * view.storage.type->size)], step,
                            big_endian, rest.first(static_cast<std::size_t>(row)));
    rest = rest.subspan(static_cast<std::size_t>(row));
    // The next row: count up the leading dimensions, the last of them fastest.
    for (std::size_t d = rank; d-- > 1;) {
      const std::size_t lead = d - 1;
      position += view.stride[lead];
      if (++index[lead] < view.shape[lead]) break;
      position -= view.stride[lead] * view.shape[lead];
      index[lead] = 0;
    }
  }
  return values;
}

}  // namespace dg
