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
  std::string algorithm;           // of the last call, at inference: "winograd"
  int depth = 0;                   // 0 for the network itself
  int calls = 0;                   // of forward; 0: this input did not reach it
  Shape output;                    // of the last call
  std::int64_t parameters = 0;     // own, buffers included, children not
  std::int64_t multiply_adds = 0;  // own, of all calls
  std::int64_t output_bytes =
      0;  // of the last call; of containers too, which hand on their last child's output
};

struct Summary {
  std::vector<SummaryRow> rows;  // depth first, in order of registration
  Shape input;
  std::int64_t parameters = 0;   // trained + not trained
  std::int64_t trained = 0;      // parameters that require gradients
  std::int64_t not_trained = 0;  // buffers and frozen parameters
  std::int64_t multiply_adds = 0;
  std::int64_t state_bytes = 0;   // of all parameters
  std::int64_t output_bytes = 0;  // of the modules without children: what a training keeps, about
};

// Runs one forward on zeros of the given shape, in eval mode and without recording. Modes, generator and
// observer are afterwards as before. Throws what the forward throws.
Summary summary(Module& module, const Shape& input);

// One forward in eval mode with `observer` in the context's place. Modes, generator and observer are afterwards as before,
// also where the forward throws. Whether it is recorded is up to the caller.
Tensor observed_forward(Module& module, const Tensor& input, ModuleObserver observer);

// A table with a line per module, and totals; GFLOP = 2 x GMAC.
std::string to_string(const Summary& summary);

}  // namespace dg
