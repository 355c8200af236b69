// Camera shake that differs from place to place, as it does when a camera turns about its axis or moves
// towards its subject instead of only shifting.
//
// With p the place relative to the picture's middle in units of half its diagonal, as a complex number, the
// trajectory at p is shift(t) + turn(t) * p: the real part of `turn` is the motion towards the subject, the
// imaginary part the rotation. Both are random trajectories of data/camera_shake.h. PSFs are made at the
// middles of a grid of tiles; in between, pixels mix the blurs of the four nearest (the filter flow of M.
// Hirsch et al., "Efficient filter flow for space-variant multiframe blind deconvolution", CVPR 2010, with
// bilinear windows), so that no seam can show.
#pragma once

#include <cstdint>
#include <vector>

#include "data/camera_shake.h"
#include "data/image.h"

namespace dg {

struct ShakeField {
  std::int64_t grid = 1;         // tiles per side; 1: the same blur everywhere
  double length = 0.0;           // extent of the longest of the trajectories, pixels
  std::vector<Psf> psfs = {{}};  // grid x grid, rows top to bottom

  const Psf& at(std::int64_t row, std::int64_t column) const {
    return psfs[static_cast<std::size_t>(row * grid + column)];
  }
  std::int64_t max_radius() const;
};

inline constexpr std::int64_t kMaxShakeGrid = 32;

// The shake of a picture of width x height pixels. The longest of its trajectories has an extent drawn from
// options.min_length .. max_length. With grid 1 this is random_psf of the same stream. Throws Error for a
// grid outside 1..kMaxShakeGrid, and as random_trajectory.
ShakeField random_shake_field(const CameraShakeOptions& options, std::int64_t grid, std::int64_t width,
                              std::int64_t height, RandomStream& stream);

// blur_light with a field that is stretched over `frame`, a rectangle in the coordinates of `light` that may
// reach beyond it: a band of a picture is blurred as it is in the whole.
FloatImage blur_light(const FloatImage& light, const ShakeField& field, const Region& region,
                      const Region& frame);

// What points of light in the middles of the tiles look like: grey, 16 bits, 65535 the largest weight of all.
// Tiles are separated by lines of one pixel. This is the PSF to convolve with, so Psf::weights turned by 180
// degrees.
Image psf_picture(const ShakeField& field);

}  // namespace dg
