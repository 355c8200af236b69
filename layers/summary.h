// What a network consists of, what it computes and what that costs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/module.h"

namespace dg {

struct SummaryRow {
  std::string name;                // dotted path; "" for the network itself
  std::string kind;                // "Conv2d"
  std::string details;             // "3->64, 7x7"
  int depth = 0;                   // 0 for the network itself
  int calls = 0;                   // of forward; 0: this input did not reach it
  Shape output;                    // of the last call
  std::int64_t parameters = 0;     // own, buffers included, children not
  std::int64_t multiply_adds = 0;  // own, of all calls
};

struct Summary {
  std::vector<SummaryRow> rows;  // depth first, in order of registration
  Shape input;
  std::int64_t parameters = 0;   // trained + not trained
  std::int64_t trained = 0;      // parameters that require gradients
  std::int64_t not_trained = 0;  // buffers and frozen parameters
  std::int64_t multiply_adds = 0;
};

// Runs one forward on zeros of the given shape, in eval mode and without recording. Modes, generator and
// observer are afterwards as before. Throws what the forward throws.
Summary summary(Module& module, const Shape& input);

// A table with a line per module, and totals; GFLOP = 2 x GMAC.
std::string to_string(const Summary& summary);

}  // namespace dg
