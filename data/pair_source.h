// Where training pairs come from: a numbered set of pictures, each loadable as (blurred, sharp).
#pragma once

#include <cstdint>
#include <string>

#include "data/image.h"
#include "data/random_stream.h"

namespace dg {

// Two RGB pictures of equal size, sRGB-encoded, values in 0..1, showing the same scene without a shift.
struct Sample {
  FloatImage blurred;
  FloatImage sharp;
  std::string name;  // relative to the data folder, for logs and errors
};

// Which part of a picture is wanted: a random window of this size, or the whole picture where a side is 0.
struct CropRequest {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool centred = false;  // the middle instead of a random place: validation compares like with like
};

// Sources are immutable to their users: every member may be called from several threads at once.
class PairSource {
 public:
  virtual ~PairSource() = default;

  virtual std::int64_t size() const = 0;

  // Pair number `index` of 0..size()-1. Everything random (window, blur, noise) comes from the stream,
  // so equal streams give equal samples. Throws Error naming the file if it cannot be read
  // or is smaller than the request.
  virtual Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const = 0;

  // One line for the log: layout, folder, split, number of pairs, how the blur arises.
  virtual std::string describe() const = 0;
};

}  // namespace dg
