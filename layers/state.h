// Copying named tensors into named tensors, with an account of what does not fit.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/module.h"

namespace dg {

struct StateMismatch {
  std::vector<std::string> missing;     // wanted, but not given
  std::vector<std::string> unexpected;  // given, but not wanted
  std::vector<std::string> shape;       // "conv1.weight: got (64, 7, 7, 3), expected (64, 3, 3, 3)"

  bool empty() const { return missing.empty() && unexpected.empty() && shape.empty(); }
};

// One sentence that names up to `limit` entries of each list; "" if empty.
std::string to_string(const StateMismatch& mismatch, std::size_t limit = 8);

enum class Strictness : std::uint8_t {
  strict,            // every name on both sides, and all shapes
  allow_unexpected,  // extra names are reported and skipped
  matching,          // copy what fits, report the rest
};

// Overwrites the targets' storage with the sources of the same name; element types are converted.
// Nothing is written unless all that `strictness` asks for fits: look at the result.
// Throws Error if a name occurs twice on one side.
[[nodiscard]] StateMismatch copy_state(const std::vector<NamedTensor>& targets,
                                       const std::vector<NamedTensor>& sources,
                                       Strictness strictness = Strictness::strict);

// The same into a module's parameters and buffers.
[[nodiscard]] StateMismatch load_state(Module& module, const std::vector<NamedTensor>& sources,
                                       Strictness strictness = Strictness::strict);

}  // namespace dg
