// Every pattern is a blend 0..1 between two colours. Noise is value noise on an integer lattice (a hash per
// corner, smoothstep between), summed over octaves of half the period and half the weight: a 1/f spectrum.
#include "data/detail/scene_textures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

namespace dg {
namespace {

constexpr float kTwoPi = 2.0F * std::numbers::pi_v<float>;

std::uint32_t hash(std::int32_t x, std::int32_t y, std::uint32_t seed) {
  std::uint32_t h =
      static_cast<std::uint32_t>(x) * 0x85EBCA6BU ^ static_cast<std::uint32_t>(y) * 0xC2B2AE35U ^ seed;
  h = (h ^ (h >> 15)) * 0x2C1B3C6DU;
  h = (h ^ (h >> 12)) * 0x297A2D39U;
  return h ^ (h >> 15);
}

float hash_unit(std::int32_t x, std::int32_t y, std::uint32_t seed) {
  return static_cast<float>(hash(x, y, seed) >> 8) * (1.0F / 16777216.0F);
}

std::int32_t floor_to_int(float x) {
  const auto truncated = static_cast<std::int32_t>(x);
  return truncated - (static_cast<float>(truncated) > x ? 1 : 0);
}

float smooth(float t) { return t * t * (3.0F - 2.0F * t); }

// 0..1, one lattice cell per unit.
float value_noise(float x, float y, std::uint32_t seed) {
  const std::int32_t ix = floor_to_int(x);
  const std::int32_t iy = floor_to_int(y);
  const float tx = smooth(x - static_cast<float>(ix));
  const float ty = smooth(y - static_cast<float>(iy));
  const float top = std::lerp(hash_unit(ix, iy, seed), hash_unit(ix + 1, iy, seed), tx);
  const float bottom = std::lerp(hash_unit(ix, iy + 1, seed), hash_unit(ix + 1, iy + 1, seed), tx);
  return top + ty * (bottom - top);
}

// 0..1 around 0.5, stretched so that its contrast is that of a single octave.
float fractal_noise(float x, float y, int octaves, std::uint32_t seed) {
  float sum = 0.0F;
  float weight = 1.0F;
  float power = 0.0F;
  for (int i = 0; i < octaves; ++i) {
    sum += weight * (value_noise(x, y, seed + static_cast<std::uint32_t>(i) * 0x9E3779B9U) - 0.5F);
    power += weight * weight;
    weight *= 0.6F;
    x = 2.0F * x + 17.3F;
    y = 2.0F * y - 9.1F;
  }
  return std::clamp(0.5F + 1.3F * sum / std::sqrt(power), 0.0F, 1.0F);
}

// Squares with edges one pixel wide.
float checker(float x, float y, float period) {
  const auto side = [&](float t) {
    const float phase = t / period - std::floor(t / period);  // 0..1; edges at 0 and at 0.5
    const float edge = 0.25F - std::fabs(phase - 0.5F);       // > 0 in the middle half
    return std::clamp(edge * period, -0.5F, 0.5F) * 2.0F;
  };
  return 0.5F + 0.5F * side(x) * side(y);
}

// Like lines of writing: in each cell of a grid up to three short strokes between the nodes of a 3 x 3 grid.
float strokes(float x, float y, float period, std::uint32_t seed) {
  const float cell_width = 0.62F * period;
  const std::int32_t column = floor_to_int(x / cell_width);
  const std::int32_t row = floor_to_int(y / period);
  std::uint32_t bits = hash(column, row, seed);
  if (bits % 7U == 0) {
    return 0.0F;  // a space between words
  }
  const float u = (x / cell_width - static_cast<float>(column)) * cell_width;
  const float v = (y / period - static_cast<float>(row)) * period;
  float nearest = 1e9F;
  for (int i = 0; i < 3; ++i) {
    const auto node = [&](std::uint32_t code, float size, float margin) {
      return size * (margin + (1.0F - 2.0F * margin) * 0.5F * static_cast<float>(code % 3U));
    };
    const float ax = node(bits >> 3, cell_width, 0.18F);
    const float ay = node(bits >> 5, period, 0.22F);
    const float ex = node(bits >> 8, cell_width, 0.18F) - ax;
    const float ey = node(bits >> 11, period, 0.22F) - ay;
    const float along =
        std::clamp(((u - ax) * ex + (v - ay) * ey) / std::max(ex * ex + ey * ey, 1e-6F), 0.0F, 1.0F);
    nearest = std::min(nearest, std::hypot(u - ax - along * ex, v - ay - along * ey));
    bits = (bits >> 9) ^ (bits * 0x9E3779B1U);
  }
  return std::clamp(0.5F + 0.07F * period - nearest, 0.0F, 1.0F);
}

// Cells around random points (Worley, SIGGRAPH 1996): each with a tone of its own, dark lines between.
float cells(float x, float y, float period, std::uint32_t seed) {
  const float gx = x / period;
  const float gy = y / period;
  const std::int32_t ix = floor_to_int(gx);
  const std::int32_t iy = floor_to_int(gy);
  float nearest = 1e9F;
  float second = 1e9F;
  float tone = 0.0F;
  for (std::int32_t dy = -1; dy <= 1; ++dy) {
    for (std::int32_t dx = -1; dx <= 1; ++dx) {
      const std::uint32_t h = hash(ix + dx, iy + dy, seed);
      const float px = static_cast<float>(ix + dx) + static_cast<float>(h & 0xFFFFU) / 65536.0F - gx;
      const float py = static_cast<float>(iy + dy) + static_cast<float>(h >> 16) / 65536.0F - gy;
      const float distance = px * px + py * py;
      if (distance < nearest) {
        second = nearest;
        nearest = distance;
        tone = static_cast<float>((h >> 9) & 0xFFU) / 255.0F;
      } else if (distance < second) {
        second = distance;
      }
    }
  }
  const float gap = (std::sqrt(second) - std::sqrt(nearest)) * period;  // about twice the way to the border
  return tone * std::clamp(0.5F * gap, 0.0F, 1.0F);
}

float blend_at(const LeafTexture& t, float u, float v) {
  switch (t.surface) {
    case LeafSurface::flat: return 0.0F;
    case LeafSurface::gradient: return std::clamp(0.5F + u / t.period, 0.0F, 1.0F);
    case LeafSurface::waves: {
      const float wave = std::sin(kTwoPi * u / t.period) * t.sharpness;
      return 0.5F + 0.5F * std::clamp(wave, -1.0F, 1.0F);
    }
    case LeafSurface::noise: return fractal_noise(u / t.period, v / t.period, t.octaves, t.seed);
    case LeafSurface::fibres: return fractal_noise(u / t.period, v / (9.0F * t.period), t.octaves, t.seed);
    case LeafSurface::checker: return checker(u, v, t.period);
    case LeafSurface::strokes: return strokes(u, v, t.period, t.seed);
    case LeafSurface::cells: return cells(u, v, t.period, t.seed);
  }
  fail("scene: unknown leaf surface ", static_cast<int>(t.surface));
}

LeafSurface random_surface(RandomStream& stream) {
  constexpr std::array<std::pair<double, LeafSurface>, 7> kCumulative{{{0.10, LeafSurface::flat},
                                                                       {0.20, LeafSurface::gradient},
                                                                       {0.36, LeafSurface::waves},
                                                                       {0.60, LeafSurface::noise},
                                                                       {0.76, LeafSurface::fibres},
                                                                       {0.82, LeafSurface::checker},
                                                                       {0.90, LeafSurface::strokes}}};
  const double draw = stream.uniform();
  for (const auto& [limit, surface] : kCumulative) {
    if (draw < limit) {
      return surface;
    }
  }
  return LeafSurface::cells;
}

}  // namespace

Palette::Palette(RandomStream& stream) {
  const float warmth = 0.06F * stream.normal_float();
  const float tint = 0.02F * stream.normal_float();
  const float chroma = stream.uniform_float(0.3F, 1.2F);
  for (Colour& colour : colours_) {
    const float lightness = stream.uniform_float(0.03F, 0.97F);
    const float yellow = warmth + chroma * 0.10F * stream.normal_float();  // blue to yellow
    const float red = tint + chroma * 0.05F * stream.normal_float();       // green to red
    // Black and white have no hue: colour is strongest at middle lightness.
    const float strength = 4.0F * lightness * (1.0F - lightness);
    colour = {lightness + strength * (0.5F * yellow + red), lightness + strength * (0.5F * yellow - red),
              lightness - strength * yellow};
  }
}

Colour Palette::pick(RandomStream& stream) const {
  Colour colour = colours_[static_cast<std::size_t>(stream.integer(kColours))];
  const float lighter = 0.06F * stream.normal_float();
  for (float& value : colour) {
    value = std::clamp(value + lighter + 0.025F * stream.normal_float(), 0.0F, 1.0F);
  }
  return colour;
}

LeafTexture random_leaf_texture(float radius, const Palette& palette, RandomStream& stream) {
  LeafTexture t;
  t.surface = random_surface(stream);
  t.first = palette.pick(stream);
  t.second = palette.pick(stream);
  // Most surfaces are variations of one colour, some combine two.
  const float contrast = stream.chance(0.35) ? 1.0F : stream.uniform_float(0.1F, 0.5F);
  for (std::size_t c = 0; c < 3; ++c) {
    t.second[c] = std::lerp(t.first[c], t.second[c], contrast);
  }
  const float angle = stream.uniform_float(0.0F, kTwoPi);
  t.cosine = std::cos(angle);
  t.sine = std::sin(angle);
  const auto log_uniform = [&](float low, float high) {
    return low * std::pow(high / low, stream.uniform_float(0, 1));
  };
  switch (t.surface) {
    case LeafSurface::gradient: t.period = 2.0F * radius + 1.0F; break;
    case LeafSurface::noise: t.period = log_uniform(6.0F, 60.0F); break;
    case LeafSurface::fibres: t.period = log_uniform(2.0F, 8.0F); break;
    case LeafSurface::strokes: t.period = log_uniform(7.0F, 24.0F); break;
    case LeafSurface::cells: t.period = log_uniform(4.0F, 24.0F); break;
    default: t.period = log_uniform(3.5F, 30.0F); break;  // two samples per period would alias
  }
  // The slope of clamp(sharpness * sin) per pixel is 2 pi sharpness / period:
  // keep edges at least a pixel wide.
  t.sharpness = std::max(1.0F, stream.uniform_float(0.0F, 0.3F) * t.period);
  t.warp = stream.chance(0.5) ? stream.uniform_float(0.0F, 0.6F) * t.period : 0.0F;
  t.perspective = stream.chance(0.3) ? stream.uniform_float(-0.4F, 0.4F) / (radius + 1.0F) : 0.0F;
  t.grain = stream.chance(0.7) ? stream.uniform_float(0.0F, 0.12F) : 0.0F;
  t.shading = stream.uniform_float(-0.25F, 0.25F) / (radius + 1.0F);
  t.octaves = 3 + static_cast<int>(stream.integer(3));
  t.seed = stream.bits();
  return t;
}

Colour texture_at(const LeafTexture& texture, float x, float y) {
  // Into the pattern's frame: turned, seen at an angle, bent.
  float u = x * texture.cosine + y * texture.sine;
  float v = y * texture.cosine - x * texture.sine;
  const float light = 1.0F + texture.shading * u;
  if (texture.perspective != 0.0F) {
    const float depth = 1.0F / std::max(0.3F, 1.0F + texture.perspective * v);
    u *= depth;
    v *= depth;
  }
  if (texture.warp > 0.0F) {
    const float cell = 1.0F / (2.5F * texture.period);
    u += texture.warp * 2.0F * (value_noise(u * cell, v * cell, texture.seed ^ 0xA511E9B3U) - 0.5F);
  }

  float blend = blend_at(texture, u, v);
  float brightness = light;
  if (texture.grain > 0.0F) {
    brightness += texture.grain * 2.0F * (value_noise(x * 0.7F, y * 0.7F, texture.seed ^ 0x63D83595U) - 0.5F);
  }
  Colour colour;
  for (std::size_t c = 0; c < 3; ++c) {
    colour[c] = brightness * (texture.first[c] + blend * (texture.second[c] - texture.first[c]));
  }
  return colour;
}

}  // namespace dg
