// Blurred pictures out of sharp ones, as files hold them: camera shake or averaged video frames, then what a
// camera adds on the way to the file. Every function is pure: (picture, options, seed, id) decide every bit,
// so pictures may be made in any order and on any number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/camera_shake.h"
#include "data/image.h"
#include "data/image_io.h"
#include "data/shake_field.h"

namespace dg {

// Drawn evenly per picture; low == high: always that.
struct ValueRange {
  double low = 0.0;
  double high = 0.0;

  bool operator==(const ValueRange&) const = default;
};

// From light to stored values.
struct CaptureOptions {
  double gamma = 0.0;  // of the light curve (data/light_curve.h); 0: sRGB
  ValueRange photons =
      {};  // that white collects: shot noise, Poisson; 0: none. 1000 is a dark room, 1e5 daylight
  ValueRange noise = {};  // standard deviation of Gaussian noise on stored values, in levels of 0..255
  ValueRange jpeg = {};   // quality 1..100 of a compression on the way; 0: none
};

struct BlurOptions {
  CameraShakeOptions shake = {};
  std::int64_t grid = 1;  // tiles per side between which the shake varies (data/shake_field.h)
  CaptureOptions capture = {};
};

// Throws Error naming the first option out of range.
void check_options(const CaptureOptions& options);
void check_options(const BlurOptions& options);

// A blurred picture before it is compressed: grey or RGB, 16 bits where the sharp one has them.
struct BlurredPicture {
  Image image;
  ShakeField shake;      // of averaged frames: none
  double photons = 0.0;  // what was drawn
  double noise = 0.0;
  int jpeg_quality = 0;
  std::vector<std::uint8_t> icc;  // colour profile that the file shall carry; blur_picture leaves it empty
};

// The window of a sharp picture, blurred by a random shake; alpha is dropped. Pixels around the window are
// seen through the PSF, borders of the picture are mirrored. Works in bands, so that beside both pictures
// little memory is needed. Throws Error if a PSF is larger than the window.
BlurredPicture blur_picture(const Image& sharp, const Region& window, const BlurOptions& options,
                            std::uint64_t seed, std::uint64_t id);
BlurredPicture blur_picture(const Image& sharp, const BlurOptions& options, std::uint64_t seed,
                            std::uint64_t id);

// The mean light of these files, with the colour profile of the first, read one after the other: what a
// camera records that exposes from the first to the last. Errors name the file that cannot be read or differs
// from the first in size or colour.
BlurredPicture average_frames(std::span<const std::filesystem::path> frames, const CaptureOptions& options,
                              std::uint64_t seed, std::uint64_t id);

// The file. A drawn JPEG quality is used once: as that of a JPEG file, or for a PNG by compressing and
// decoding first, which leaves 8 bits. A JPEG without a drawn quality has EncodeOptions' default. Formats:
// png, jpeg.
std::vector<std::uint8_t> encode_blurred(const BlurredPicture& picture, ImageFormat format);

}  // namespace dg
