// Blur of a hand-held camera: a random trajectory, its point spread function (PSF), and the blur itself.
//
// The motion follows G. Boracchi, A. Foi, "Modeling the performance of image restoration from motion blur",
// IEEE Trans. Image Processing 21(8), 2012: a particle with inertia, perturbed by Gaussian accelerations,
// pulled back towards its start, and now and then thrown back by an impulsive shake. Light adds up in linear
// values, so the blur is applied there and not on the sRGB-encoded picture.
#pragma once

#include <cstdint>
#include <vector>

#include "data/image.h"
#include "data/random_stream.h"

namespace dg {

// Lengths are the trajectory's extent, the largest distance between two of its points, in pixels.
struct CameraShakeOptions {
  double min_length = 2.0;
  double max_length = 20.0;
  double min_anxiety = 0.0001;  // strength of all perturbations against inertia: 0 moves in a straight line
  double max_anxiety = 0.005;   // drawn log-uniformly between the two
  double shake_rate = 0.5;      // most impulsive shakes per exposure; drawn uniformly from 0 to this
};

struct TrajectoryPoint {
  double x = 0.0;
  double y = 0.0;
};

// Positions at equal times during the exposure; extent uniform in [min_length, max_length], centroid at the
// origin. Throws Error if the options are out of order.
std::vector<TrajectoryPoint> random_trajectory(const CameraShakeOptions& options, RandomStream& stream);

// The largest distance between two points, up to 0.5 % too small. Needs at least one point.
double extent_of(const std::vector<TrajectoryPoint>& points);

// (2 radius + 1) x (2 radius + 1) weights, rows top to bottom, their sum 1 and their centroid at the middle.
struct Psf {
  std::int64_t radius = 0;
  std::vector<float> weights = {1.0F};

  std::int64_t size() const { return 2 * radius + 1; }
  float at(std::int64_t y, std::int64_t x) const { return weights[static_cast<std::size_t>(y * size() + x)]; }
};

// Splats the path bilinearly, every quarter pixel or finer, weight proportional to time. The path is centred
// first, so the blur does not shift the picture. Needs at least one point.
Psf rasterise(const std::vector<TrajectoryPoint>& trajectory);

// rasterise(random_trajectory(options, stream)).
Psf random_psf(const CameraShakeOptions& options, RandomStream& stream);

// A rectangle in pixels: columns [x, x + width), rows [y, y + height).
struct Region {
  std::int64_t x = 0;
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
};

// The picture as seen through the PSF (a correlation: weight (y, x) looks at offset (y - radius,
// x - radius)), computed in linear light, borders mirrored without repeating the edge pixel.
// Any number of channels, sRGB in and out. With a region only that part is computed and returned;
// its pixels equal those of the whole result.
FloatImage blur_in_linear_light(const FloatImage& image, const Psf& psf);
FloatImage blur_in_linear_light(const FloatImage& image, const Psf& psf, const Region& region);

// The same for a picture whose values are light already, and stay so.
FloatImage blur_light(const FloatImage& light, const Psf& psf, const Region& region);

// Noise of a sensor in linear light: variance = shot * signal + read^2, signal in 0..1.
// Daylight cameras lie near shot 1e-4 and read 1e-3; a phone at night near shot 1e-2 and read 1e-2.
struct SensorNoise {
  double shot = 0.0;
  double read = 0.0;
};

// Adds Gaussian noise of that variance to every value; the result is not clamped.
void add_sensor_noise(FloatImage& image, const SensorNoise& noise, RandomStream& stream);

}  // namespace dg
