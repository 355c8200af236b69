// The smallest network of a preset's kind, for tests that need some generator and not a good one.
#pragma once

#include <string_view>

#include "models/presets.h"

namespace dg::test {

// 4 channels and one block: a few thousand weights.
inline GeneratorOptions tiny_generator(std::string_view preset = "small") {
  GeneratorOptions options = find_preset(preset).generator;
  options.ngf = 4;
  options.blocks = 1;
  return options;
}

}  // namespace dg::test
