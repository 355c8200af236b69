#include "data/shake_field.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>

#include "kernels/check.h"

namespace dg {
namespace {

// Extent of what rotation and forward motion add at the corners, as a share of the shift's. Photographs of a
// hand-held camera turn about as much as they shift.
constexpr double kTurnShare = 0.8;

constexpr std::uint16_t kLineLevel = 0x6000;

// How much of the blur of node number `node` the pixels from `start` on take: 1 at the tile's middle, falling
// linearly to 0 at the middles of its neighbours, and 1 beyond the outermost middles. The nodes' weights sum
// to 1 at every pixel.
std::vector<float> node_weights(std::int64_t node, std::int64_t grid, std::int64_t start, std::int64_t count,
                                std::int64_t frame_start, std::int64_t frame_size) {
  std::vector<float> weights(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    const double place =
        (static_cast<double>(start + i - frame_start) + 0.5) / static_cast<double>(frame_size);
    const double position =
        std::clamp(place * static_cast<double>(grid) - 0.5, 0.0, static_cast<double>(grid - 1));
    weights[static_cast<std::size_t>(i)] =
        static_cast<float>(std::max(0.0, 1.0 - std::fabs(position - static_cast<double>(node))));
  }
  return weights;
}

struct Range {
  std::int64_t first = 0;
  std::int64_t end = 0;
};

Range nonzero_range(const std::vector<float>& weights) {
  const auto is_used = [](float w) { return w > 0.0F; };
  const auto first = std::find_if(weights.begin(), weights.end(), is_used);
  const auto last = std::find_if(weights.rbegin(), weights.rend(), is_used).base();
  if (first >= last) return {};
  return {first - weights.begin(), last - weights.begin()};
}

}  // namespace

std::int64_t ShakeField::max_radius() const {
  std::int64_t radius = 0;
  for (const Psf& psf : psfs) radius = std::max(radius, psf.radius);
  return radius;
}

ShakeField random_shake_field(const CameraShakeOptions& options, std::int64_t grid, std::int64_t width,
                              std::int64_t height, RandomStream& stream) {
  check(grid >= 1 && grid <= kMaxShakeGrid, "camera shake: a grid of ", grid, "x", grid,
        " tiles, expected 1 to ", kMaxShakeGrid, " a side");
  check(width > 0 && height > 0, "camera shake: a picture of ", width, "x", height,
        ", expected at least 1x1");
  const std::vector<TrajectoryPoint> shift = random_trajectory(options, stream);
  ShakeField field{.grid = grid, .length = extent_of(shift), .psfs = {}};
  if (grid == 1) {
    field.psfs.push_back(rasterise(shift));
    return field;
  }

  // A path of extent 1, times how far it carries a corner.
  CameraShakeOptions unit = options;
  unit.min_length = unit.max_length = 1.0;
  const std::vector<TrajectoryPoint> turn = random_trajectory(unit, stream);
  const double reach = kTurnShare * field.length;
  const double half_diagonal = 0.5 * std::hypot(static_cast<double>(width), static_cast<double>(height));
  const auto middle = [&](std::int64_t tile, std::int64_t size) {
    return ((static_cast<double>(tile) + 0.5) / static_cast<double>(grid) - 0.5) * static_cast<double>(size);
  };
  std::vector<std::vector<TrajectoryPoint>> paths;
  double longest = 0.0;
  for (std::int64_t row = 0; row < grid; ++row) {
    for (std::int64_t column = 0; column < grid; ++column) {
      const std::complex<double> place(middle(column, width) / half_diagonal,
                                       middle(row, height) / half_diagonal);
      std::vector<TrajectoryPoint>& path = paths.emplace_back(shift);
      for (std::size_t i = 0; i < path.size(); ++i) {
        const std::complex<double> moved = reach * std::complex<double>(turn[i].x, turn[i].y) * place;
        path[i] = {path[i].x + moved.real(), path[i].y + moved.imag()};
      }
      longest = std::max(longest, extent_of(path));
    }
  }

  // The drawn length is that of the longest path.
  const double scale = longest > 0.0 ? field.length / longest : 1.0;
  for (std::vector<TrajectoryPoint>& path : paths) {
    for (TrajectoryPoint& point : path) point = {point.x * scale, point.y * scale};
    field.psfs.push_back(rasterise(path));
  }
  return field;
}

FloatImage blur_light(const FloatImage& light, const ShakeField& field, const Region& region,
                      const Region& frame) {
  check(field.grid >= 1 && static_cast<std::int64_t>(field.psfs.size()) == field.grid * field.grid,
        "blur: the shake has ", field.psfs.size(), " PSFs, expected ", field.grid, "x", field.grid);
  check(frame.width > 0 && frame.height > 0, "blur: the frame is ", frame.width, "x", frame.height,
        ", expected at least 1x1");
  if (field.grid == 1) return blur_light(light, field.psfs[0], region);

  FloatImage result(region.width, region.height, light.channels);
  for (std::int64_t row = 0; row < field.grid; ++row) {
    const auto row_weights = node_weights(row, field.grid, region.y, region.height, frame.y, frame.height);
    const Range rows = nonzero_range(row_weights);
    if (rows.first == rows.end) continue;
    for (std::int64_t column = 0; column < field.grid; ++column) {
      const auto column_weights =
          node_weights(column, field.grid, region.x, region.width, frame.x, frame.width);
      const Range columns = nonzero_range(column_weights);
      if (columns.first == columns.end) continue;
      const Region part{region.x + columns.first, region.y + rows.first, columns.end - columns.first,
                        rows.end - rows.first};
      const FloatImage blurred = blur_light(light, field.at(row, column), part);
      for (std::int64_t y = 0; y < part.height; ++y) {
        for (std::int64_t x = 0; x < part.width; ++x) {
          const float weight = row_weights[static_cast<std::size_t>(rows.first + y)] *
                               column_weights[static_cast<std::size_t>(columns.first + x)];
          for (int c = 0; c < light.channels; ++c) {
            result.at(rows.first + y, columns.first + x, c) += weight * blurred.at(y, x, c);
          }
        }
      }
    }
  }
  return result;
}

Image psf_picture(const ShakeField& field) {
  const std::int64_t radius = field.max_radius();
  const std::int64_t cell = 2 * radius + 2;  // with the line behind it
  const std::int64_t side = field.grid * cell - 1;
  float largest = 0.0F;
  for (const Psf& psf : field.psfs) {
    largest = std::max(largest, *std::max_element(psf.weights.begin(), psf.weights.end()));
  }
  Image picture{side, side, 1, 16, std::vector<std::uint16_t>(static_cast<std::size_t>(side * side))};
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      std::uint16_t& level = picture.pixels[static_cast<std::size_t>(y * side + x)];
      const std::int64_t in_y = radius - y % cell;  // Psf coordinates, turned by 180 degrees
      const std::int64_t in_x = radius - x % cell;
      const Psf& psf = field.at(y / cell, x / cell);
      if (in_y < -radius || in_x < -radius) {
        level = kLineLevel;
      } else if (std::max(std::abs(in_y), std::abs(in_x)) <= psf.radius) {
        level = static_cast<std::uint16_t>(
            std::lround(65535.0F * psf.at(in_y + psf.radius, in_x + psf.radius) / largest));
      }
    }
  }
  return picture;
}

}  // namespace dg
