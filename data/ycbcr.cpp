#include "data/ycbcr.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/check.h"

namespace dg {
namespace {

// ---- halving an axis and doubling it ----

// One output sample: the sum of weight * input[at].
struct Taps {
  std::array<std::int64_t, 5> at = {};
  std::array<float, 5> weight = {};
};

enum class Siting : std::uint8_t { none, between, on };  // of the chroma samples of an axis; none: not halved

Siting siting_x(ChromaLayout layout) {
  switch (layout) {
    case ChromaLayout::mono:
    case ChromaLayout::full: return Siting::none;
    case ChromaLayout::quarter_centre: return Siting::between;
    case ChromaLayout::half_width:
    case ChromaLayout::quarter_left:
    case ChromaLayout::quarter_topleft: return Siting::on;
  }
  return Siting::none;
}

Siting siting_y(ChromaLayout layout) {
  switch (layout) {
    case ChromaLayout::mono:
    case ChromaLayout::full:
    case ChromaLayout::half_width: return Siting::none;
    case ChromaLayout::quarter_centre:
    case ChromaLayout::quarter_left: return Siting::between;
    case ChromaLayout::quarter_topleft: return Siting::on;
  }
  return Siting::none;
}

std::int64_t halved(std::int64_t side, Siting siting) {
  return siting == Siting::none ? side : (side + 1) / 2;
}

// `side` pixels from their chroma samples; beyond the last one it is repeated.
std::vector<Taps> up_taps(std::int64_t side, Siting siting) {
  const std::int64_t samples = halved(side, siting);
  std::vector<Taps> taps(static_cast<std::size_t>(side));
  for (std::int64_t x = 0; x < side; ++x) {
    Taps& tap = taps[static_cast<std::size_t>(x)];
    const std::int64_t i = siting == Siting::none ? x : x / 2;
    const std::int64_t neighbour = siting == Siting::between && x % 2 == 0 ? i - 1 : i + 1;
    tap.at = {i, std::clamp<std::int64_t>(neighbour, 0, samples - 1)};
    if (siting == Siting::between) {
      tap.weight = {0.75F, 0.25F};
    } else {
      tap.weight = siting == Siting::on && x % 2 == 1 ? std::array{0.5F, 0.5F, 0.0F, 0.0F, 0.0F}
                                                      : std::array{1.0F, 0.0F, 0.0F, 0.0F, 0.0F};
    }
  }
  return taps;
}

// 0 1 2 | 1 0: mirrored at the first and the last pixel.
std::int64_t mirrored(std::int64_t i, std::int64_t side) {
  if (side == 1) return 0;
  const std::int64_t period = 2 * (side - 1);
  const std::int64_t phase = (i % period + period) % period;
  return phase < side ? phase : period - phase;
}

// The chroma samples of `side` pixels: takes up_taps back, at the borders too.
std::vector<Taps> down_taps(std::int64_t side, Siting siting) {
  if (siting == Siting::none) return up_taps(side, siting);
  std::vector<Taps> taps(static_cast<std::size_t>(halved(side, siting)));
  for (std::size_t i = 0; i < taps.size(); ++i) {
    Taps& tap = taps[i];
    const std::int64_t x = 2 * static_cast<std::int64_t>(i);
    if (siting == Siting::on) {
      for (std::size_t k = 0; k < 5; ++k) tap.at[k] = mirrored(x + static_cast<std::int64_t>(k) - 2, side);
      tap.weight = {-0.125F, 0.25F, 0.75F, 0.25F, -0.125F};
    } else if (x + 1 < side) {
      tap.at = {std::max<std::int64_t>(x - 1, 0), x, x + 1, std::min(x + 2, side - 1)};
      tap.weight = {-0.25F, 0.75F, 0.75F, -0.25F};
    } else {
      // An odd side: the last sample's second pixel is missing, and its value follows from the two before.
      tap.at = {std::max<std::int64_t>(x - 1, 0), x};
      tap.weight = {-0.5F, 1.5F};
    }
  }
  return taps;
}

struct Plane {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::vector<float> values;

  Plane(std::int64_t w, std::int64_t h) : width(w), height(h), values(static_cast<std::size_t>(w * h)) {}
  float* row(std::int64_t y) { return values.data() + y * width; }
  const float* row(std::int64_t y) const { return values.data() + y * width; }
};

Plane resampled(const Plane& in, const std::vector<Taps>& columns, const std::vector<Taps>& rows) {
  Plane wide(static_cast<std::int64_t>(columns.size()), in.height);
  for (std::int64_t y = 0; y < in.height; ++y) {
    const float* from = in.row(y);
    float* to = wide.row(y);
    for (const Taps& tap : columns) {
      float sum = 0.0F;
      for (std::size_t k = 0; k < tap.at.size(); ++k) sum += tap.weight[k] * from[tap.at[k]];
      *to++ = sum;
    }
  }
  Plane out(wide.width, static_cast<std::int64_t>(rows.size()));
  for (std::int64_t y = 0; y < out.height; ++y) {
    const Taps& tap = rows[static_cast<std::size_t>(y)];
    for (std::size_t k = 0; k < tap.at.size(); ++k) {
      if (tap.weight[k] == 0.0F) continue;
      const float* from = wide.row(tap.at[k]);
      float* to = out.row(y);
      for (std::int64_t x = 0; x < out.width; ++x) to[x] += tap.weight[k] * from[x];
    }
  }
  return out;
}

// ---- levels ----

// value = (level - offset) / scale
struct Levels {
  float offset = 0.0F;
  float scale = 1.0F;
};

Levels levels_of(const YcbcrFormat& format, bool chroma) {
  const auto unit = static_cast<float>(1 << (format.bit_depth - 8));
  const auto largest = static_cast<float>((1 << format.bit_depth) - 1);
  if (format.full_range) return {chroma ? 128.0F * unit : 0.0F, largest};
  return chroma ? Levels{128.0F * unit, 224.0F * unit} : Levels{16.0F * unit, 219.0F * unit};
}

Plane read_plane(std::span<const std::byte>& bytes, std::int64_t width, std::int64_t height,
                 const YcbcrFormat& format, bool chroma) {
  const Levels levels = levels_of(format, chroma);
  Plane plane(width, height);
  const std::size_t size = format.bit_depth > 8 ? 2 : 1;
  for (std::size_t i = 0; i < plane.values.size(); ++i) {
    unsigned level = std::to_integer<unsigned>(bytes[i * size]);
    if (size == 2) level |= std::to_integer<unsigned>(bytes[i * size + 1]) << 8U;
    plane.values[i] = (static_cast<float>(level) - levels.offset) / levels.scale;
  }
  bytes = bytes.subspan(plane.values.size() * size);
  return plane;
}

void append_plane(std::vector<std::byte>& bytes, const Plane& plane, const YcbcrFormat& format, bool chroma) {
  const Levels levels = levels_of(format, chroma);
  const auto largest = static_cast<float>((1 << format.bit_depth) - 1);
  for (const float value : plane.values) {
    const float level = std::clamp(value * levels.scale + levels.offset + 0.5F, 0.0F, largest);
    const auto rounded = static_cast<unsigned>(level);
    bytes.push_back(static_cast<std::byte>(rounded & 0xFFU));
    if (format.bit_depth > 8) bytes.push_back(static_cast<std::byte>(rounded >> 8U));
  }
}

// ---- colours ----

struct Weights {
  float red = 0.0F;
  float green = 0.0F;
  float blue = 0.0F;
};

Weights weights_of(YcbcrMatrix matrix) {
  return matrix == YcbcrMatrix::bt709 ? Weights{0.2126F, 0.7152F, 0.0722F} : Weights{0.299F, 0.587F, 0.114F};
}

std::uint16_t to_16_bits(float value) {
  return static_cast<std::uint16_t>(std::clamp(value, 0.0F, 1.0F) * 65535.0F + 0.5F);
}

void check_format(std::int64_t width, std::int64_t height, const YcbcrFormat& format) {
  check(width >= 1 && height >= 1 && format.bit_depth >= 8 && format.bit_depth <= 16,
        "ycbcr: got a frame of ", width, "x", height, " with ", format.bit_depth,
        " bits per sample, expected at least 1x1 and 8 to 16 bits");
}

}  // namespace

std::size_t ycbcr_frame_bytes(std::int64_t width, std::int64_t height, const YcbcrFormat& format) {
  check_format(width, height, format);
  const std::int64_t chroma =
      format.chroma == ChromaLayout::mono
          ? 0
          : halved(width, siting_x(format.chroma)) * halved(height, siting_y(format.chroma));
  return static_cast<std::size_t>((width * height + 2 * chroma) * (format.bit_depth > 8 ? 2 : 1));
}

Image image_from_ycbcr(std::span<const std::byte> frame, std::int64_t width, std::int64_t height,
                       const YcbcrFormat& format) {
  const std::size_t expected = ycbcr_frame_bytes(width, height, format);
  check(frame.size() == expected, "ycbcr: got ", frame.size(), " bytes for a frame of ", width, "x", height,
        ", expected ", expected);
  const bool mono = format.chroma == ChromaLayout::mono;
  const Plane luma = read_plane(frame, width, height, format, false);
  Image image{width, height, mono ? 1 : 3, 16, {}};
  image.pixels.reserve(static_cast<std::size_t>(image.numel()));
  if (mono) {
    for (const float y : luma.values) image.pixels.push_back(to_16_bits(y));
    return image;
  }

  const Siting along = siting_x(format.chroma);
  const Siting down = siting_y(format.chroma);
  const std::vector<Taps> columns = up_taps(width, along);
  const std::vector<Taps> rows = up_taps(height, down);
  const auto read_chroma = [&] {
    return resampled(read_plane(frame, halved(width, along), halved(height, down), format, true), columns,
                     rows);
  };
  const Plane cb = read_chroma();
  const Plane cr = read_chroma();
  const Weights k = weights_of(format.matrix);
  for (std::size_t i = 0; i < luma.values.size(); ++i) {
    const float y = luma.values[i];
    const float red = y + 2.0F * (1.0F - k.red) * cr.values[i];
    const float blue = y + 2.0F * (1.0F - k.blue) * cb.values[i];
    const float green = (y - k.red * red - k.blue * blue) / k.green;
    image.pixels.push_back(to_16_bits(red));
    image.pixels.push_back(to_16_bits(green));
    image.pixels.push_back(to_16_bits(blue));
  }
  return image;
}

std::vector<std::byte> ycbcr_from_image(const Image& image, const YcbcrFormat& format) {
  std::vector<std::byte> bytes;
  bytes.reserve(ycbcr_frame_bytes(image.width, image.height, format));
  check(image.channels == 1 || image.channels == 3, "ycbcr: got a picture with ", image.channels,
        " channels, expected RGB or grey");
  const Weights k = weights_of(format.matrix);
  const auto scale = 1.0F / static_cast<float>(image.max_value());
  Plane luma(image.width, image.height);
  Plane cb(image.width, image.height);
  Plane cr(image.width, image.height);
  for (std::size_t i = 0; i < luma.values.size(); ++i) {
    const std::uint16_t* pixel = &image.pixels[i * static_cast<std::size_t>(image.channels)];
    const float red = scale * pixel[0];
    const float green = scale * pixel[image.channels == 3 ? 1 : 0];
    const float blue = scale * pixel[image.channels == 3 ? 2 : 0];
    const float y = k.red * red + k.green * green + k.blue * blue;
    luma.values[i] = y;
    cb.values[i] = (blue - y) / (2.0F * (1.0F - k.blue));
    cr.values[i] = (red - y) / (2.0F * (1.0F - k.red));
  }
  append_plane(bytes, luma, format, false);
  if (format.chroma == ChromaLayout::mono) return bytes;
  const std::vector<Taps> columns = down_taps(image.width, siting_x(format.chroma));
  const std::vector<Taps> rows = down_taps(image.height, siting_y(format.chroma));
  append_plane(bytes, resampled(cb, columns, rows), format, true);
  append_plane(bytes, resampled(cr, columns, rows), format, true);
  return bytes;
}

}  // namespace dg
