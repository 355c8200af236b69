// Tensors as PyTorch pickles them: a storage elsewhere in the file, and a strided view into it.
//   torch._utils._rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks)
//   storage: persistent id ("storage", torch.FloatStorage, key, device, elements[, view of the storage])
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/pickle.h"

namespace dg {

// All names that a pickle of tensors may have.
std::span<const std::string_view> allowed_torch_globals();

struct TorchStorageType {
  std::string_view name;  // "torch.FloatStorage"
  std::int64_t size = 0;  // bytes per element
  // Strided elements to floats, `step` elements apart, most significant byte first if `big_endian`.
  void (*read)(const std::byte* first, std::int64_t step, bool big_endian, std::span<float> into) = nullptr;
};

struct TorchStorage {
  const TorchStorageType* type = nullptr;
  std::string key;
  std::int64_t numel = 0;

  std::int64_t bytes() const { return numel * type->size; }  // fits into 63 bits
};

// `value` is of the kind persistent. These functions throw Error, beginning with `where`, for what is
// malformed.
TorchStorage parse_torch_storage(const PickleValue& value, const std::string& where);

// A tensor or a parameter; nothing is known of its elements yet.
bool is_torch_tensor(const PickleValue& value);

struct TorchView {
  TorchStorage storage;
  std::int64_t offset = 0;  // in elements; the view is checked to lie in the storage
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> stride;
  std::int64_t numel = 0;  // at most the storage's
};
TorchView parse_torch_view(const PickleValue& value, const std::string& where);

// Row-major. `storage` has view.storage.bytes() bytes.
std::vector<float> read_torch_view(const TorchView& view, std::span<const std::byte> storage,
                                   bool big_endian);

}  // namespace dg
