// Trajectory and PSF. Per step, with unit step length and x the offset from the start, the velocity
// changes by
//   dv = shake + anxiety * (gauss * n - pull * x),   n ~ N(0, I),
// and is rescaled to unit length (inertia: the direction persists). A shake reverses the motion:
// dv = 2 v turned by pi +- 0.5 rad. gauss ~ U(0,10) and pull ~ U(0,0.7) per trajectory;
// the pull sees the path as 64 pixels long.
#include "data/camera_shake.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace dg {
namespace {

constexpr int kSteps = 400;
constexpr double kPullScale = 64.0 / kSteps;
constexpr double kSplatSpacing = 0.25;

double distance(const TrajectoryPoint& a, const TrajectoryPoint& b) {
  return std::hypot(a.x - b.x, a.y - b.y);
}

// The mean position over the exposure: every segment takes the same time and weighs its midpoint.
TrajectoryPoint centroid_of(const std::vector<TrajectoryPoint>& points) {
  if (points.size() == 1) {
    return points[0];
  }
  TrajectoryPoint sum;
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    sum.x += 0.5 * (points[i].x + points[i + 1].x);
    sum.y += 0.5 * (points[i].y + points[i + 1].y);
  }
  const auto segments = static_cast<double>(points.size() - 1);
  return {sum.x / segments, sum.y / segments};
}

void recentre_and_scale(std::vector<TrajectoryPoint>& points, double scale) {
  const TrajectoryPoint centre = centroid_of(points);
  for (TrajectoryPoint& p : points) {
    p = {(p.x - centre.x) * scale, (p.y - centre.y) * scale};
  }
}

// Shares a weight among the four pixels around a position;
// the first moment of the four is the position itself.
void splat(std::vector<double>& grid, std::int64_t radius, double x, double y, double weight) {
  const double floor_x = std::floor(x);
  const double floor_y = std::floor(y);
  const double fx = x - floor_x;
  const double fy = y - floor_y;
  const std::int64_t size = 2 * radius + 1;
  const std::int64_t corner =
      (static_cast<std::int64_t>(floor_y) + radius) * size + static_cast<std::int64_t>(floor_x) + radius;
  const auto add = [&](std::int64_t offset, double share) {
    if (share > 0.0) {  // a share of 0 may lie outside the grid
      grid[static_cast<std::size_t>(corner + offset)] += share * weight;
    }
  };
  add(0, (1.0 - fx) * (1.0 - fy));
  add(1, fx * (1.0 - fy));
  add(size, (1.0 - fx) * fy);
  add(size + 1, fx * fy);
}

}  // namespace

// A shape's diameter is attained between extreme points of some
// direction; 32 directions bound it to within 0.5 %, and cost 32 n instead of n^2.
double extent_of(const std::vector<TrajectoryPoint>& points) {
  check(!points.empty(), "camera shake: the trajectory has no points, expected at least one");
  constexpr int kDirections = 32;
  double extent = 0.0;
  for (int i = 0; i < kDirections; ++i) {
    const double angle = std::numbers::pi * i / kDirections;
    const double cosine = std::cos(angle);
    const double sine = std::sin(angle);
    double low = points[0].x * cosine + points[0].y * sine;
    double high = low;
    for (const TrajectoryPoint& p : points) {
      const double projection = p.x * cosine + p.y * sine;
      low = std::min(low, projection);
      high = std::max(high, projection);
    }
    extent = std::max(extent, high - low);
  }
  return extent;
}

std::vector<TrajectoryPoint> random_trajectory(const CameraShakeOptions& options, RandomStream& stream) {
  check(options.min_length >= 0.0 && options.min_length <= options.max_length && options.max_length <= 500.0,
        "camera shake: lengths go from ", options.min_length, " to ", options.max_length,
        " px, expected 0 to 500 in rising order");
  check(options.min_anxiety > 0.0 && options.min_anxiety <= options.max_anxiety,
        "camera shake: anxiety goes from ", options.min_anxiety, " to ", options.max_anxiety,
        ", expected numbers above 0 in rising order");

  // The character of this exposure.
  const double length = stream.uniform(options.min_length, options.max_length);
  const double anxiety =
      options.min_anxiety * std::pow(options.max_anxiety / options.min_anxiety, stream.uniform());
  const double gauss = stream.uniform(0.0, 10.0);
  const double pull = stream.uniform(0.0, 0.7);
  const double shake_probability = stream.uniform(0.0, options.shake_rate) / kSteps;
  const double heading = stream.uniform(0.0, 2.0 * std::numbers::pi);

  // The motion, in unit steps.
  std::vector<TrajectoryPoint> points(kSteps + 1);
  TrajectoryPoint velocity{std::cos(heading), std::sin(heading)};
  for (std::size_t i = 0; i < kSteps; ++i) {
    TrajectoryPoint change{anxiety * (gauss * stream.normal() - pull * kPullScale * points[i].x),
                           anxiety * (gauss * stream.normal() - pull * kPullScale * points[i].y)};
    if (stream.chance(shake_probability)) {
      const double turn = std::numbers::pi + stream.uniform(-0.5, 0.5);
      change.x += 2.0 * (velocity.x * std::cos(turn) - velocity.y * std::sin(turn));
      change.y += 2.0 * (velocity.x * std::sin(turn) + velocity.y * std::cos(turn));
    }
    velocity = {velocity.x + change.x, velocity.y + change.y};
    const double speed = std::max(std::hypot(velocity.x, velocity.y), 1e-12);
    velocity = {velocity.x / speed, velocity.y / speed};
    points[i + 1] = {points[i].x + velocity.x, points[i].y + velocity.y};
  }

  recentre_and_scale(points, length / extent_of(points));
  return points;
}

Psf rasterise(const std::vector<TrajectoryPoint>& trajectory) {
  check(!trajectory.empty(), "camera shake: the trajectory has no points, expected at least one");
  std::vector<TrajectoryPoint> points = trajectory;
  recentre_and_scale(points, 1.0);
  double reach = 0.0;
  for (const TrajectoryPoint& p : points) {
    reach = std::max({reach, std::fabs(p.x), std::fabs(p.y)});
  }

  // Rounding may leave 1e-16 of a pixel where the path is meant to end on one:
  // that is not worth a ring of zeros.
  Psf psf;
  psf.radius = static_cast<std::int64_t>(std::ceil(reach - 1e-9));
  const auto limit = static_cast<double>(psf.radius);
  std::vector<double> grid(static_cast<std::size_t>(psf.size() * psf.size()));
  const auto splat_inside = [&](double x, double y, double weight) {
    splat(grid, psf.radius, std::clamp(x, -limit, limit), std::clamp(y, -limit, limit), weight);
  };
  if (points.size() == 1) {
    splat_inside(points[0].x, points[0].y, 1.0);
  }
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    const TrajectoryPoint& from = points[i];
    const TrajectoryPoint& to = points[i + 1];
    const int samples = std::max(1, static_cast<int>(std::ceil(distance(from, to) / kSplatSpacing)));
    for (int k = 0; k < samples; ++k) {
      const double t = (k + 0.5) / samples;
      splat_inside(from.x + t * (to.x - from.x), from.y + t * (to.y - from.y), 1.0 / samples);
    }
  }

  double total = 0.0;
  for (const double weight : grid) {
    total += weight;
  }
  psf.weights.resize(grid.size());
  std::transform(grid.begin(), grid.end(), psf.weights.begin(),
                 [&](double weight) { return static_cast<float>(weight / total); });
  return psf;
}

Psf random_psf(const CameraShakeOptions& options, RandomStream& stream) {
  return rasterise(random_trajectory(options, stream));
}

}  // namespace dg
