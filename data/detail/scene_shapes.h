// Outlines of the leaves of a procedural scene (data/scenes.h), as signed distances in pixels.
#pragma once

#include <array>
#include <cstdint>

#include "data/random_stream.h"

namespace dg {

enum class LeafOutline : std::uint8_t { ellipse, rectangle, polygon, blob, strand };

struct LeafShape {
  static constexpr int kMaxVertices = 8;
  static constexpr int kHarmonics = 4;

  LeafOutline outline = LeafOutline::ellipse;
  float bound = 1.0F;   // every inside point lies within this distance of the centre, pixels
  float half_u = 1.0F;  // ellipse: semi-axes; rectangle: half sides; strand: half length, half width
  float half_v = 1.0F;
  float rounding = 0.0F;  // rectangle: corner radius; strand: bend
  int vertices = 0;       // polygon, counter-clockwise around the centre
  std::array<float, kMaxVertices> vertex_u{};
  std::array<float, kMaxVertices> vertex_v{};
  // Blob: radius(angle) = half_u (1 + sum a_k cos k angle + b_k sin k angle), a = cosines, b = sines.
  std::array<float, kHarmonics> cosines{};
  std::array<float, kHarmonics> sines{};
};

// A random outline of about this radius.
LeafShape random_leaf_shape(float radius, RandomStream& stream);

// Distance to the outline of a point given relative to the centre: negative inside.
// Exact or close to it within a pixel or two of the outline, which is what antialiasing needs;
// further away only its sign and trend are right.
float signed_distance(const LeafShape& shape, float u, float v);

}  // namespace dg
