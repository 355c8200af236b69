// Pictures of any size and kind through a generator that wants RGB in [-1, 1] and sides of a certain multiple.
#pragma once

#include <cstdint>

#include "data/image.h"
#include "layers/module.h"

namespace dg {

// Preset::size_multiple and Preset::minimum_size of the generator.
struct RestorerOptions {
  std::int64_t size_multiple = 4;
  std::int64_t minimum_size = 8;
};

// The side that a picture of `side` pixels is padded to: the next multiple, at least the minimum.
std::int64_t padded_side(std::int64_t side, const RestorerOptions& options);

// Adds rows below and columns to the right, up to the given size, that mirror the picture at its last pixel
// without repeating it, back and forth where the padding is larger than the picture: 1 2 3 -> 1 2 3 2 1 2 3 2.
// A single row or column is repeated. Any number of channels. Throws Error if the picture is larger.
FloatImage reflect_to(const FloatImage& image, std::int64_t width, std::int64_t height);

// Uses one network on one thread. The generator must outlive it and keep the shape (N,H,W,3).
class Restorer {
 public:
  // Throws Error for a multiple or a minimum below 1.
  explicit Restorer(Module& generator, RestorerOptions options = {});

  // RGB, 0..1, any size from 1x1 -> the same size, 0..1 up to what the generator gives (not clamped). The
  // generator runs in eval mode, without gradients; its mode is put back. Throws Error for other channel
  // counts, if memory does not suffice, and if the result is not finite.
  FloatImage restore(const FloatImage& rgb);

  // The same size, channels and bit depth; alpha is copied as it is, also where it is 0. Grey is restored as
  // RGB with three equal channels and comes back as the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B.
  Image restore_image(const Image& image);

 private:
  Module& generator_;
  RestorerOptions options_;
};

}  // namespace dg
