// Decoded pictures, kept while there is room: decoding a 720p PNG takes longer than a training step may wait.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/camera_shake.h"
#include "data/image.h"

namespace dg {

// RGB, 8 bits, interleaved rows: value (y, x, c) at (y * width + x) * 3 + c.
struct RgbPicture {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<std::uint8_t> pixels;
};

// Grey is repeated, alpha dropped, 16 bits rounded to 8.
RgbPicture to_rgb_picture(const Image& image);

// A part of the picture as floats in 0..1. Throws Error where the region leaves the picture.
FloatImage region_to_float(const RgbPicture& picture, const Region& region);

class PictureCache {
 public:
  explicit PictureCache(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // The decoded file. Safe to call from several threads. Nothing is ever thrown out:
  // where all pictures are read once per epoch, those kept first serve as well as any,
  // and least-recently-used would keep none of use.
  std::shared_ptr<const RgbPicture> get(const std::filesystem::path& path);

  std::int64_t used_bytes() const;

 private:
  const std::int64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::int64_t used_bytes_ = 0;
  std::unordered_map<std::string, std::shared_ptr<const RgbPicture>> pictures_;
};

}  // namespace dg
