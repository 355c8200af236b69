// Surfaces of the leaves of a procedural scene (data/scenes.h): a colour for each point of a leaf.
#pragma once

#include <array>
#include <cstdint>

#include "data/random_stream.h"

namespace dg {

using Colour = std::array<float, 3>;  // sRGB-encoded, nominally 0..1

// The few colours that one scene is made of. Natural colours vary most in lightness,
// less from blue to yellow and least from green to red (Ruderman, Cronin, Chiao,
// "Statistics of cone responses to natural images", JOSA A 1998).
class Palette {
 public:
  explicit Palette(RandomStream& stream);
  // One of the colours, slightly varied.
  Colour pick(RandomStream& stream) const;

 private:
  static constexpr std::size_t kColours = 7;
  std::array<Colour, kColours> colours_{};
};

enum class LeafSurface : std::uint8_t { flat, gradient, waves, noise, fibres, checker, strokes, cells };

struct LeafTexture {
  LeafSurface surface = LeafSurface::flat;
  Colour first{};
  Colour second{};
  float cosine = 1.0F;  // orientation
  float sine = 0.0F;
  float period = 8.0F;       // of the pattern, pixels
  float sharpness = 1.0F;    // waves: from a sine (1) to stripes with hard edges
  float warp = 0.0F;         // how far a slow noise bends the pattern, pixels
  float perspective = 0.0F;  // how much the pattern shrinks towards one side, per pixel
  float grain = 0.0F;        // fine noise on top, all surfaces
  float shading = 0.0F;      // light falls off across the leaf, per pixel
  int octaves = 4;
  std::uint32_t seed = 0;
};

LeafTexture random_leaf_texture(float radius, const Palette& palette, RandomStream& stream);

// The colour at a point given in pixels relative to the leaf's centre.
Colour texture_at(const LeafTexture& texture, float x, float y);

}  // namespace dg
