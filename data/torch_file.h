// Files of torch.save: the named tensors of a state_dict, without Python and without running any code.
// Two formats, told apart by content:
//   zip     PyTorch 1.6 and newer: NAME/data.pkl, NAME/data/0, NAME/data/1, ..., NAME/byteorder
//   legacy  five pickles (magic number, protocol 1001, machine, the object, the storages' keys), then for
//           each key a 64-bit count of elements and the elements
// Source: https://github.com/pytorch/pytorch, torch/serialization.py; docs/source/notes/serialization.rst.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace dg {

struct TorchTensor {
  std::string name;                 // without the "module." of nn.DataParallel
  std::vector<std::int64_t> shape;  // empty: a scalar, one element
  std::vector<float> values;        // row-major
};

struct TorchFile {
  std::string root;  // the key that the tensors were found behind: "state_dict", ...; mostly empty
  std::vector<TorchTensor> tensors;  // in the dict's order, which is the order of a network's modules
};

struct TorchFileOptions {
  bool use_ema = true;  // of BasicSR's files: "params_ema" before "params"
};

// Whether a file that begins with these bytes (16 are enough) is a zip archive or a pickle.
bool looks_like_torch_file(std::span<const std::byte> beginning);
bool looks_like_torch_file(const std::filesystem::path& path);  // Error if it cannot be read

// The tensors of a dict, or of the dict behind one of its keys params_ema, params, state_dict and model.
// Other values beside them (epoch, options of an optimizer) are skipped. Element types become float32:
// float64 is rounded, integers are exact up to 2^24, true is 1. Strided tensors become dense. Files are
// treated as hostile: throws Error, beginning with `file`, for what is truncated or damaged, refers to any
// Python object that tensors do not need, or claims more than it holds; memory stays in proportion to the
// file's size.
TorchFile parse_torch_file(std::span<const std::byte> bytes, const std::string& file,
                           const TorchFileOptions& options = {});

TorchFile read_torch_file(const std::filesystem::path& path, const TorchFileOptions& options = {});

}  // namespace dg
