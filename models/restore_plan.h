// How a picture goes through a generator in the memory that there is: whole, or in bands (models/bands/forward.h).
#pragma once

#include <cstdint>

#include "core/shape.h"
#include "layers/module.h"

namespace dg {

struct RestorePlan {
  std::int64_t tile_rows = 0;   // rows of a band; 0: the whole picture at once
  std::int64_t keep_bytes = 0;  // BandOptions::keep_bytes
  std::int64_t peak_bytes =
      0;  // the most that the device will hold at one time; CPU: that the process will occupy
  std::int64_t limit_bytes = 0;  // for the peak
  bool fits = true;              // peak_bytes <= limit_bytes
};

struct RestoreLimits {
  std::int64_t tile_rows = 0;   // 0: choose
  std::int64_t max_memory = 0;  // bytes; 0: what the device has free
  std::int64_t host_bytes = 0;  // what the caller will hold beside the tensors; counts on the CPU
};

// Whole if that fits, else the fastest of the ways through bands that does; where none does, the one that needs least.
// Found by dry runs of the code that will compute (core/dry_run.h): 1 ms for 1280x720, up to 0.3 s for 8000x6000 in many
// bands. The image is (N,H,W,3) with sides that the generator takes, in eval mode. Throws Error where limits.tile_rows is given and the network cannot be cut.
RestorePlan plan_restoration(Module& generator, const Shape& image, const RestoreLimits& limits);

// The generator's result on a tensor in [-1, 1], in eval mode and without gradients, as planned.
Tensor run_planned(Module& generator, const Tensor& image, const RestorePlan& plan);

}  // namespace dg
