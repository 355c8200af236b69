// A network on a large image in bounded memory, with the result of the whole image: its norms' statistics are those of
// the whole maps.
//
// Within a section every norm that measures its input costs a pass over the bands: the section is computed up to that
// norm, mean and variance are joined over the bands (Chan, Golub, LeVeque 1979), and the map before the norm is either
// kept for the next pass or computed again. The last pass writes the section's result, of a residual section in place.
#pragma once

#include <cstdint>
#include <limits>

#include "models/bands/network.h"

namespace dg {

struct BandOptions {
  std::int64_t rows = 256;  // of the image, in one band; the rows that its neighbours need come on top
  // Maps between two passes that are larger than this are computed again.
  std::int64_t keep_bytes = std::numeric_limits<std::int64_t>::max();
};

// image (N,H,W,3) in [-1, 1] -> the network's result, of the same shape. Nothing is recorded on the tape.
Tensor forward_in_bands(const BandNetwork& network, const Tensor& image, const BandOptions& options);

// The sizes of the maps before norms that measure their input, in bytes, each once, largest first: the values of
// keep_bytes that make a difference.
std::vector<std::int64_t> kept_map_sizes(const BandNetwork& network, const Shape& image, DType dtype);

}  // namespace dg
