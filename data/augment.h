// From a picture of the data set to a training example: crop, resize, flips, the same for blurred and sharp.
#pragma once

#include <cstdint>
#include <string>

#include "data/pair_source.h"

namespace dg {

enum class Preprocess : std::uint8_t {
  crop,    // a random window of crop_size^2, as DeblurGAN trains
  resize,  // the whole frame to load_width x load_height, whatever its aspect, as the Keras program does
  resize_and_crop,  // the whole frame to load_width x load_height, then a window of crop_size^2
  none,             // as it is; all pictures of a batch must then have one size
};

// "crop", "resize", "resize_and_crop" or "none"; throws Error for anything else.
Preprocess parse_preprocess(const std::string& name);
const char* name_of(Preprocess preprocess);

struct AugmentOptions {
  Preprocess preprocess = Preprocess::crop;
  std::int64_t crop_size = 256;
  std::int64_t load_width = 256;
  std::int64_t load_height = 256;
  bool flip_horizontal = true;  // each with probability 1/2
  bool flip_vertical = false;
  bool rot90 = false;    // by a quarter turn; square examples only
  bool centred = false;  // the middle window instead of a random one; with all flips off: validation
};

// Throws Error for sizes below 1, crops beyond the load size, and quarter turns of what is not square.
void check_options(const AugmentOptions& options);

// Pair number `index`, preprocessed. A pure function of (index, stream, options). For synthesised blur with a
// resize, the shake's length counts in pixels of the original.
Sample load_example(const PairSource& source, std::int64_t index, RandomStream& stream,
                    const AugmentOptions& options);

}  // namespace dg
