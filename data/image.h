// An 8- or 16-bit picture in host memory, and the float picture that the networks and metrics work on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace dg {

// Interleaved rows, top to bottom: value (y, x, c) is at (y * width + x) * channels + c.
// Channels: 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA. Values: 0..255 (bit_depth 8), 0..65535 (bit_depth 16).
struct Image {
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 0;
  int bit_depth = 8;
  std::vector<std::uint16_t> pixels;

  std::int64_t numel() const { return width * height * channels; }
  int max_value() const { return bit_depth == 16 ? 65535 : 255; }
  bool has_alpha() const { return channels == 2 || channels == 4; }
};

// The same layout in float, sRGB-encoded, nominally 0..1 (not clamped).
struct FloatImage {
  std::int64_t width = 0;
  std::int64_t height = 0;
  int channels = 0;
  std::vector<float> pixels;

  FloatImage() = default;
  FloatImage(std::int64_t w, std::int64_t h, int c)
      : width(w), height(h), channels(c), pixels(static_cast<std::size_t>(w * h * c)) {}

  std::int64_t numel() const { return width * height * channels; }
  float& at(std::int64_t y, std::int64_t x, int c) {
    return pixels[static_cast<std::size_t>((y * width + x) * channels + c)];
  }
  float at(std::int64_t y, std::int64_t x, int c) const {
    return pixels[static_cast<std::size_t>((y * width + x) * channels + c)];
  }
};

// value / max_value, every channel. Image -> FloatImage -> Image gives every value back.
FloatImage to_float(const Image& image);

// Rounds to nearest and clamps to 0..max of `bit_depth` (8 or 16). Throws Error if a value is not finite.
Image to_integer(const FloatImage& image, int bit_depth = 8);

// Three colour channels whatever came in: grey is repeated, alpha is dropped.
FloatImage to_rgb(const FloatImage& image);

// The rectangle [x, x+width) x [y, y+height). Throws Error where it leaves the image.
FloatImage crop(const FloatImage& image, std::int64_t x, std::int64_t y, std::int64_t width,
                std::int64_t height);

FloatImage flip_horizontal(const FloatImage& image);
FloatImage flip_vertical(const FloatImage& image);

// Antialiased resampling: cubic convolution (Keys 1981, a = -0.5), the kernel widened by the scale when
// shrinking, as Pillow's BICUBIC does. Edges use the pixels that exist, weights renormalised.
FloatImage resize_bicubic(const FloatImage& image, std::int64_t width, std::int64_t height);

// Images of equal height side by side, left to right; all must have the same number of channels.
FloatImage side_by_side(const std::vector<FloatImage>& images);

}  // namespace dg
