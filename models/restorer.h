// Pictures of any size and kind through a generator that wants RGB in [-1, 1] and sides of a certain multiple.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "data/image.h"
#include "layers/module.h"
#include "models/restore_plan.h"

namespace dg {

struct RestorerOptions {
  // Preset::size_multiple and Preset::minimum_size of the generator.
  std::int64_t size_multiple = 4;
  std::int64_t minimum_size = 8;
  // The picture goes through in bands of about this many rows, with the result of the whole; 0: whole, or in bands where
  // the memory does not suffice for that.
  std::int64_t tile_rows = 0;
  // Bytes: on the CPU of the whole process, on a GPU of its memory. 0: what is free.
  std::int64_t max_memory = 0;
  // The mean over the picture's 8 views, rotated by quarter turns and mirrored: 8 times the time.
  bool self_ensemble = false;
  // result = blend * restored + (1 - blend) * blurred, 0..1.
  double blend = 1.0;
};

// The side that a picture of `side` pixels is padded to: the next multiple, at least the minimum. The rows below and
// columns to the right mirror the picture at its last pixel without repeating it, back and forth where the padding is
// larger than the picture: 1 2 3 -> 1 2 3 2 1 2 3 2. A single row or column is repeated.
std::int64_t padded_side(std::int64_t side, const RestorerOptions& options);

// Uses one network on one thread. The generator must outlive it and keep the shape (N,H,W,3).
class Restorer {
 public:
  // Throws Error for options out of their range, and for tile_rows with a network that cannot be cut.
  explicit Restorer(Module& generator, RestorerOptions options = {});

  // RGB, 0..1, any size from 1x1 -> the same size, 0..1 up to what the generator gives (not clamped). The
  // generator runs in eval mode, without gradients; its mode is put back. Throws Error for other channel
  // counts, if memory does not suffice, and if the result is not finite.
  FloatImage restore(const FloatImage& rgb);

  // The same size, channels and bit depth; alpha is copied as it is, also where it is 0. Grey is restored as
  // RGB with three equal channels and comes back as the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B.
  Image restore_image(const Image& image);
  // Several of one size (channels and depths may differ) in one forward, or one after the other where the memory does
  // not suffice for that. Throws Error if the sizes differ.
  std::vector<Image> restore_images(std::span<const Image> images);

  // What restore_images will do with `count` pictures of this size. Its peak counts decoded pictures and results.
  RestorePlan plan(std::int64_t width, std::int64_t height, std::int64_t count = 1);

 private:
  // One row of a picture, RGB, 0..1.
  using ReadRow = std::function<void(std::int64_t picture, std::int64_t y, std::span<float> rgb)>;
  using WriteRow = std::function<void(std::int64_t picture, std::int64_t y, std::span<const float> rgb)>;
  struct Pictures {
    std::int64_t count = 1, width = 0, height = 0;
    ReadRow read;
    WriteRow write;  // called once for each row
  };
  void restore(const Pictures& pictures);
  void forward(const Pictures& pictures);
  void forward_views(const Pictures& pictures);
  void forward_planned(const Pictures& pictures, const RestorePlan& plan);

  Module& generator_;
  RestorerOptions options_;
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, RestorePlan> plans_;
};

}  // namespace dg
