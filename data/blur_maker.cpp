// Shake and capture draw from streams of their own: noise on or off, the shakes stay the same.
#include "data/blur_maker.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "data/light_curve.h"
#include "data/picture.h"
#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::uint64_t kCaptureSalt = 0x6361707475726521U;
constexpr std::int64_t kBandRows = 256;

void check_range(const char* name, const ValueRange& range, double least, double most, const char* unit) {
  check(range.low <= range.high &&
            ((range.low == 0.0 && range.high == 0.0) || (range.low >= least && range.high <= most)),
        "blur: ", name, " goes from ", range.low, " to ", range.high, ", expected ", least, " to ", most,
        unit, " in rising order, or 0 for none");
}

// Always takes one number from the stream.
double draw(const ValueRange& range, RandomStream& stream) {
  const double u = stream.uniform();
  return range.low + (range.high - range.low) * u;
}

// How many of `mean` expected photons arrive. Knuth's product of uniforms; beyond 32 the normal distribution,
// whose error is then far below the noise itself.
double poisson(double mean, RandomStream& stream) {
  if (mean <= 0.0) return 0.0;
  if (mean > 32.0) return std::max(0.0, std::floor(mean + std::sqrt(mean) * stream.normal() + 0.5));
  const double limit = std::exp(-mean);
  double count = 0.0;
  for (double product = stream.uniform(); product > limit; product *= stream.uniform()) count += 1.0;
  return count;
}

// Grey or colour, without alpha.
int colours_of(const Image& image) { return image.channels >= 3 ? 3 : 1; }

// The light of a region.
FloatImage light_of(const Image& image, const Region& region, const std::vector<float>& light_of_levels) {
  FloatImage light(region.width, region.height, colours_of(image));
  float* out = light.pixels.data();
  for (std::int64_t y = region.y; y < region.y + region.height; ++y) {
    const std::uint16_t* in = image.pixels.data() + (y * image.width + region.x) * image.channels;
    for (std::int64_t x = 0; x < region.width; ++x, in += image.channels) {
      for (int c = 0; c < light.channels; ++c) *out++ = light_of_levels[in[c]];
    }
  }
  return light;
}

// The camera behind the lens: light in, stored levels out, rows in order.
class Capture {
 public:
  Capture(const CaptureOptions& options, std::uint64_t seed, std::uint64_t id)
      : curve_(options.gamma),
        stream_(seed ^ kCaptureSalt, id),
        photons_(draw(options.photons, stream_)),
        noise_(draw(options.noise, stream_)),
        jpeg_quality_(static_cast<int>(std::lround(draw(options.jpeg, stream_)))) {}

  void describe(BlurredPicture& picture) const {
    picture.photons = photons_;
    picture.noise = noise_;
    picture.jpeg_quality = jpeg_quality_;
  }

  // Appends the levels of these rows.
  void develop(FloatImage& light, Image& picture) {
    if (photons_ > 0.0) {
      for (float& value : light.pixels) {
        value = static_cast<float>(poisson(photons_ * static_cast<double>(value), stream_) / photons_);
      }
    }
    curve_.encode(light.pixels.data(), light.numel());
    if (noise_ > 0.0) {
      for (float& value : light.pixels) value += static_cast<float>(noise_ / 255.0 * stream_.normal());
    }
    const auto max_value = static_cast<float>(picture.max_value());
    for (const float value : light.pixels) {
      picture.pixels.push_back(
          static_cast<std::uint16_t>(std::lround(std::clamp(value, 0.0F, 1.0F) * max_value)));
    }
  }

  const LightCurve& curve() const { return curve_; }

 private:
  LightCurve curve_;
  RandomStream stream_;
  double photons_;
  double noise_;
  int jpeg_quality_;
};

// The region and up to `margin` pixels around it, as far as the picture goes.
Region with_margin(const Region& region, std::int64_t margin, const Image& image) {
  const std::int64_t left = std::max<std::int64_t>(0, region.x - margin);
  const std::int64_t top = std::max<std::int64_t>(0, region.y - margin);
  const std::int64_t right = std::min(image.width, region.x + region.width + margin);
  const std::int64_t bottom = std::min(image.height, region.y + region.height + margin);
  return {left, top, right - left, bottom - top};
}

// The region in coordinates relative to the corner of another.
Region relative_to(const Region& origin, const Region& region) {
  return {region.x - origin.x, region.y - origin.y, region.width, region.height};
}

Image empty_like(const Image& image, std::int64_t width, std::int64_t height) {
  Image empty{width, height, colours_of(image), image.bit_depth, {}};
  empty.pixels.reserve(static_cast<std::size_t>(empty.numel()));
  return empty;
}

}  // namespace

void check_options(const CaptureOptions& options) {
  LightCurve{options.gamma};
  check_range("photons", options.photons, 1.0, 1e9, "");
  check_range("noise", options.noise, 0.0, 255.0, " levels");
  check_range("JPEG quality", options.jpeg, 1.0, 100.0, "");
}

void check_options(const BlurOptions& options) {
  RandomStream stream(0, 0);
  random_trajectory(options.shake, stream);  // checks them
  check(options.shake.shake_rate >= 0.0, "camera shake: a rate of ", options.shake.shake_rate,
        " impulsive shakes, expected at least 0");
  check(options.grid >= 1 && options.grid <= kMaxShakeGrid, "camera shake: a grid of ", options.grid, "x",
        options.grid, " tiles, expected 1 to ", kMaxShakeGrid, " a side");
  check_options(options.capture);
}

BlurredPicture blur_picture(const Image& sharp, const Region& window, const BlurOptions& options,
                            std::uint64_t seed, std::uint64_t id) {
  check_options(options);
  check(window.x >= 0 && window.y >= 0 && window.width > 0 && window.height > 0 &&
            window.x + window.width <= sharp.width && window.y + window.height <= sharp.height,
        "blur: the window of ", window.width, "x", window.height, " at (", window.x, ", ", window.y,
        ") leaves the picture of ", sharp.width, "x", sharp.height, "; choose it inside");
  RandomStream stream(seed, id);
  BlurredPicture result;
  result.shake = random_shake_field(options.shake, options.grid, window.width, window.height, stream);
  const std::int64_t reach = result.shake.max_radius();
  check(2 * reach + 1 <= std::min(window.width, window.height), "blur: a PSF of ", 2 * reach + 1, "x",
        2 * reach + 1, " pixels is larger than the picture of ", window.width, "x", window.height,
        "; ask for shorter shakes, or leave the picture away");

  Capture capture(options.capture, seed, id);
  capture.describe(result);
  const std::vector<float> levels = capture.curve().light_of_levels(sharp.max_value());
  result.image = empty_like(sharp, window.width, window.height);
  for (std::int64_t y = 0; y < window.height; y += kBandRows) {
    const Region band{window.x, window.y + y, window.width, std::min(kBandRows, window.height - y)};
    const Region seen = with_margin(band, reach, sharp);
    FloatImage light = blur_light(light_of(sharp, seen, levels), result.shake, relative_to(seen, band),
                                  relative_to(seen, window));
    capture.develop(light, result.image);
  }
  return result;
}

BlurredPicture blur_picture(const Image& sharp, const BlurOptions& options, std::uint64_t seed,
                            std::uint64_t id) {
  return blur_picture(sharp, {0, 0, sharp.width, sharp.height}, options, seed, id);
}

BlurredPicture average_frames(std::span<const std::filesystem::path> frames, const CaptureOptions& options,
                              std::uint64_t seed, std::uint64_t id) {
  check_options(options);
  check(!frames.empty(), "average of frames: got no frames, expected at least one");
  BlurredPicture result;
  Capture capture(options, seed, id);
  capture.describe(result);
  std::optional<FloatImage> sum;
  for (const std::filesystem::path& path : frames) {
    Picture picture = read_picture(path);
    const Image& frame = picture.image;
    const Region whole{0, 0, frame.width, frame.height};
    FloatImage light = light_of(frame, whole, capture.curve().light_of_levels(frame.max_value()));
    if (!sum) {
      result.image = empty_like(frame, frame.width, frame.height);
      result.icc = std::move(picture.metadata.icc);
      sum = std::move(light);
      continue;
    }
    check(light.width == sum->width && light.height == sum->height && light.channels == sum->channels,
          path.string(), ": is ", light.width, "x", light.height, " with ", light.channels, " colours, but ",
          frames[0].string(), " is ", sum->width, "x", sum->height, " with ", sum->channels,
          "; frames of a sequence need one size");
    for (std::size_t i = 0; i < sum->pixels.size(); ++i) sum->pixels[i] += light.pixels[i];
  }
  const float share = 1.0F / static_cast<float>(frames.size());
  for (float& value : sum->pixels) value *= share;
  capture.develop(*sum, result.image);
  return result;
}

std::vector<std::uint8_t> encode_blurred(const BlurredPicture& blurred, ImageFormat format) {
  check(format == ImageFormat::png || format == ImageFormat::jpeg,
        "blurred picture: asked for another format than PNG and JPEG; choose one of these");
  Picture picture{blurred.image, {.exif = {}, .icc = blurred.icc}};
  if (format == ImageFormat::png && blurred.jpeg_quality == 0) return encode_picture(picture, format);
  Image& image = picture.image;
  if (image.bit_depth == 16) {
    for (std::uint16_t& level : image.pixels) {
      level = static_cast<std::uint16_t>((level * 255 + 32767) / 65535);
    }
    image.bit_depth = 8;
  }
  EncodeOptions options;
  if (blurred.jpeg_quality > 0) options.jpeg_quality = blurred.jpeg_quality;
  if (format == ImageFormat::jpeg) return encode_picture(picture, format, options);
  image = decode_image(encode_image(image, ImageFormat::jpeg, options), "recompressed picture");
  return encode_picture(picture, ImageFormat::png);
}

}  // namespace dg
