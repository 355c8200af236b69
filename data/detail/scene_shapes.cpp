// Distances: rectangle and polygon exactly; ellipse and blob to first order, f / |grad f|; strand as a
// parabola of constant width.
#include "data/detail/scene_shapes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace dg {
namespace {

constexpr float kTwoPi = 2.0F * std::numbers::pi_v<float>;

void make_polygon(LeafShape& shape, float radius, RandomStream& stream) {
  shape.vertices = 3 + static_cast<int>(stream.integer(LeafShape::kMaxVertices - 2));
  const float step = kTwoPi / static_cast<float>(shape.vertices);
  for (int i = 0; i < shape.vertices; ++i) {
    const auto k = static_cast<std::size_t>(i);
    const float angle = step * (static_cast<float>(i) + stream.uniform_float(-0.35F, 0.35F));
    const float reach = radius * stream.uniform_float(0.55F, 1.2F);
    shape.vertex_u[k] = reach * std::cos(angle);
    shape.vertex_v[k] = reach * std::sin(angle);
  }
  shape.bound = 1.2F * radius;
}

void make_blob(LeafShape& shape, float radius, RandomStream& stream) {
  shape.half_u = radius;
  float swing = 0.0F;
  for (std::size_t k = 0; k < LeafShape::kHarmonics; ++k) {
    const float amplitude = 0.25F / static_cast<float>(k + 1);
    shape.cosines[k] = stream.uniform_float(-amplitude, amplitude);
    shape.sines[k] = stream.uniform_float(-amplitude, amplitude);
    swing += std::hypot(shape.cosines[k], shape.sines[k]);
  }
  shape.bound = radius * (1.0F + swing);
}

float ellipse_distance(const LeafShape& shape, float u, float v) {
  const float p = u / shape.half_u;
  const float q = v / shape.half_v;
  const float norm = std::sqrt(p * p + q * q);
  const float gradient = std::hypot(p / shape.half_u, q / shape.half_v);
  return gradient > 1e-9F ? norm * (norm - 1.0F) / gradient : -std::min(shape.half_u, shape.half_v);
}

float rectangle_distance(const LeafShape& shape, float u, float v) {
  const float p = std::fabs(u) - (shape.half_u - shape.rounding);
  const float q = std::fabs(v) - (shape.half_v - shape.rounding);
  const float outside = std::hypot(std::max(p, 0.0F), std::max(q, 0.0F));
  return outside + std::min(std::max(p, q), 0.0F) - shape.rounding;
}

float polygon_distance(const LeafShape& shape, float u, float v) {
  float nearest = 1e30F;
  bool inside = false;
  auto previous = static_cast<std::size_t>(shape.vertices - 1);
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.vertices); ++i) {
    const float au = shape.vertex_u[previous];
    const float av = shape.vertex_v[previous];
    const float eu = shape.vertex_u[i] - au;
    const float ev = shape.vertex_v[i] - av;
    const float pu = u - au;
    const float pv = v - av;
    const float along = std::clamp((pu * eu + pv * ev) / std::max(eu * eu + ev * ev, 1e-9F), 0.0F, 1.0F);
    const float du = pu - along * eu;
    const float dv = pv - along * ev;
    nearest = std::min(nearest, du * du + dv * dv);
    // Does a ray towards +u cross this edge?
    if ((av > v) != (shape.vertex_v[i] > v) && pu < pv * eu / ev) {
      inside = !inside;
    }
    previous = i;
  }
  const float distance = std::sqrt(nearest);
  return inside ? -distance : distance;
}

float blob_distance(const LeafShape& shape, float u, float v) {
  const float reach = std::sqrt(u * u + v * v);
  if (reach > shape.bound + 2.0F || reach < 1e-6F) {
    return reach - shape.bound;
  }
  // cos k angle and sin k angle from their recurrence, without asking for the angle itself.
  const float c1 = u / reach;
  const float s1 = v / reach;
  float c = 1.0F;
  float s = 0.0F;
  float radius = 1.0F;
  float slope = 0.0F;  // d radius / d angle
  for (std::size_t k = 0; k < LeafShape::kHarmonics; ++k) {
    const float next_c = c * c1 - s * s1;
    s = s * c1 + c * s1;
    c = next_c;
    radius += shape.cosines[k] * c + shape.sines[k] * s;
    slope += static_cast<float>(k + 1) * (shape.sines[k] * c - shape.cosines[k] * s);
  }
  const float tilt = shape.half_u * slope / reach;
  return (reach - shape.half_u * radius) / std::sqrt(1.0F + tilt * tilt);
}

float strand_distance(const LeafShape& shape, float u, float v) {
  const float position = std::clamp(u / shape.half_u, -1.0F, 1.0F);
  const float centre = shape.rounding * (position * position - 0.5F);
  const float tilt = 2.0F * shape.rounding * position / shape.half_u;
  const float across = std::fabs(v - centre) / std::sqrt(1.0F + tilt * tilt) - shape.half_v;
  return std::max(across, std::fabs(u) - shape.half_u);
}

}  // namespace

LeafShape random_leaf_shape(float radius, RandomStream& stream) {
  LeafShape shape;
  const double kind = stream.uniform();
  if (kind < 0.22) {
    shape.outline = LeafOutline::ellipse;
    shape.half_u = radius;
    shape.half_v = radius * stream.uniform_float(0.35F, 1.0F);
    shape.bound = radius;
  } else if (kind < 0.42) {
    shape.outline = LeafOutline::rectangle;
    shape.half_u = radius;
    shape.half_v = radius * stream.uniform_float(0.15F, 1.0F);
    shape.rounding = stream.chance(0.4) ? shape.half_v * stream.uniform_float(0.1F, 0.9F) : 0.0F;
    shape.bound = std::hypot(shape.half_u, shape.half_v);
  } else if (kind < 0.67) {
    shape.outline = LeafOutline::polygon;
    make_polygon(shape, radius, stream);
  } else if (kind < 0.93) {
    shape.outline = LeafOutline::blob;
    make_blob(shape, radius, stream);
  } else {
    shape.outline = LeafOutline::strand;
    shape.half_u = 2.5F * radius;
    shape.half_v = std::max(0.5F, radius * stream.uniform_float(0.03F, 0.12F));
    shape.rounding = shape.half_u * stream.uniform_float(-0.5F, 0.5F);
    shape.bound = std::hypot(shape.half_u, 0.5F * std::fabs(shape.rounding) + shape.half_v);
  }
  return shape;
}

float signed_distance(const LeafShape& shape, float u, float v) {
  switch (shape.outline) {
    case LeafOutline::ellipse: return ellipse_distance(shape, u, v);
    case LeafOutline::rectangle: return rectangle_distance(shape, u, v);
    case LeafOutline::polygon: return polygon_distance(shape, u, v);
    case LeafOutline::blob: return blob_distance(shape, u, v);
    case LeafOutline::strand: return strand_distance(shape, u, v);
  }
  fail("scene: unknown leaf outline ", static_cast<int>(shape.outline));
}

}  // namespace dg
