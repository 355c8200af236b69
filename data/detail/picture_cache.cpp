// 16 to 8 bits: round(value * 255 / 65535).
#include "data/detail/picture_cache.h"

#include <cstddef>
#include <utility>

#include "data/image_io.h"

namespace dg {

RgbPicture to_rgb_picture(const Image& image) {
  RgbPicture picture{image.width, image.height, {}};
  const std::int64_t count = image.width * image.height;
  const bool grey = image.channels <= 2;
  picture.pixels.resize(static_cast<std::size_t>(count * 3));
  for (std::int64_t i = 0; i < count; ++i) {
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t value = image.pixels[static_cast<std::size_t>(i * image.channels + (grey ? 0 : c))];
      const std::uint32_t byte = image.bit_depth == 16 ? (value * 255U + 32767U) / 65535U : value;
      picture.pixels[static_cast<std::size_t>(i * 3 + c)] = static_cast<std::uint8_t>(byte);
    }
  }
  return picture;
}

FloatImage region_to_float(const RgbPicture& picture, const Region& region) {
  check(region.x >= 0 && region.y >= 0 && region.width > 0 && region.height > 0 &&
            region.x + region.width <= picture.width && region.y + region.height <= picture.height,
        "crop: the region ", region.width, "x", region.height, " at (", region.x, ", ", region.y,
        ") leaves the picture of ", picture.width, "x", picture.height, ", choose it inside");
  FloatImage image(region.width, region.height, 3);
  const std::int64_t row_values = region.width * 3;
  for (std::int64_t y = 0; y < region.height; ++y) {
    const std::uint8_t* in = picture.pixels.data() + ((region.y + y) * picture.width + region.x) * 3;
    float* out = image.pixels.data() + y * row_values;
    for (std::int64_t i = 0; i < row_values; ++i) {
      out[i] = static_cast<float>(in[i]) / 255.0F;
    }
  }
  return image;
}

std::shared_ptr<const RgbPicture> PictureCache::get(const std::filesystem::path& path) {
  const std::string key = path.string();
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = pictures_.find(key); found != pictures_.end()) {
      return found->second;
    }
  }
  // Decoded outside the lock: two threads may both decode a file once, but none waits for another's.
  auto picture = std::make_shared<const RgbPicture>(to_rgb_picture(read_image(path)));
  const auto bytes = static_cast<std::int64_t>(picture->pixels.size());
  const std::lock_guard lock(mutex_);
  if (used_bytes_ + bytes <= limit_bytes_ && pictures_.emplace(key, picture).second) {
    used_bytes_ += bytes;
  }
  return picture;
}

std::int64_t PictureCache::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

}  // namespace dg
