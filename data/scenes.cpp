// Rendered front to back: a leaf only adds where light still passes (`open` > 0),
// and the picture is done when nothing is open any more. Edges are antialiased by coverage:
// 1 half a pixel inside, 0 half a pixel outside.
#include "data/scenes.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "data/detail/scene_shapes.h"
#include "data/detail/scene_textures.h"

namespace dg {
namespace {

constexpr float kOpaque = 1.0F / 512.0F;  // less than this passing through does not show in 8 bits
constexpr double kFinished = 0.003;       // the share of the picture that the background may fill
// A bound for extreme options; usual scenes need a few thousand.
constexpr std::int64_t kMaxLeaves = 1'000'000;

struct Leaf {
  LeafShape shape;
  LeafTexture texture;
  float centre_x = 0.0F;
  float centre_y = 0.0F;
  float cosine = 1.0F;
  float sine = 0.0F;
  float shadow_reach = 0.0F;  // pixels around the leaf that it darkens behind it
  float shadow_depth = 0.0F;
};

class Canvas {
 public:
  Canvas(std::int64_t width, std::int64_t height)
      : image_(width, height, 3),
        open_(static_cast<std::size_t>(width * height), 1.0F),
        light_(open_.size(), 1.0F),
        still_open_(static_cast<double>(width * height)) {}

  bool finished() const { return still_open_ < kFinished * static_cast<double>(open_.size()); }

  bool touches(float x, float y, float reach) const {
    return x + reach >= 0.0F && y + reach >= 0.0F && x - reach <= static_cast<float>(image_.width) &&
           y - reach <= static_cast<float>(image_.height);
  }

  void paint(const Leaf& leaf);
  void fill_background(const LeafTexture& texture);
  FloatImage take() { return std::move(image_); }

 private:
  void add(std::size_t pixel, float share, const Colour& colour) {
    for (std::size_t c = 0; c < 3; ++c) {
      image_.pixels[pixel * 3 + c] += share * light_[pixel] * colour[c];
    }
  }

  FloatImage image_;
  std::vector<float> open_;   // how much of a pixel is not covered yet
  std::vector<float> light_;  // how much light the leaves in front leave to what comes behind
  double still_open_;
};

void Canvas::paint(const Leaf& leaf) {
  const float reach = leaf.shape.bound + std::max(1.0F, leaf.shadow_reach);
  const auto first = [&](float centre) { return std::max<std::int64_t>(0, std::llround(centre - reach)); };
  const auto last = [&](float centre, std::int64_t n) {
    return std::min<std::int64_t>(n, std::llround(centre + reach));
  };
  const std::int64_t x_end = last(leaf.centre_x, image_.width);
  const std::int64_t y_end = last(leaf.centre_y, image_.height);
  for (std::int64_t y = first(leaf.centre_y); y < y_end; ++y) {
    for (std::int64_t x = first(leaf.centre_x); x < x_end; ++x) {
      const auto pixel = static_cast<std::size_t>(y * image_.width + x);
      if (open_[pixel] < kOpaque) {
        continue;
      }
      const float dx = static_cast<float>(x) + 0.5F - leaf.centre_x;
      const float dy = static_cast<float>(y) + 0.5F - leaf.centre_y;
      const float u = dx * leaf.cosine + dy * leaf.sine;
      const float v = dy * leaf.cosine - dx * leaf.sine;
      const float distance = signed_distance(leaf.shape, u, v);
      const float coverage = std::clamp(0.5F - distance, 0.0F, 1.0F);
      if (coverage > 0.0F) {
        const float share = coverage * open_[pixel];
        add(pixel, share, texture_at(leaf.texture, u, v));
        open_[pixel] -= share;
        still_open_ -= static_cast<double>(share);
      }
      if (leaf.shadow_reach > 0.0F && distance < leaf.shadow_reach) {
        const float nearness = 1.0F - std::max(distance, 0.0F) / leaf.shadow_reach;
        light_[pixel] *= 1.0F - leaf.shadow_depth * nearness * nearness;
      }
    }
  }
}

void Canvas::fill_background(const LeafTexture& texture) {
  for (std::int64_t y = 0; y < image_.height; ++y) {
    for (std::int64_t x = 0; x < image_.width; ++x) {
      const auto pixel = static_cast<std::size_t>(y * image_.width + x);
      if (open_[pixel] > 0.0F) {
        add(pixel, open_[pixel], texture_at(texture, static_cast<float>(x), static_cast<float>(y)));
      }
    }
  }
}

// Light that falls off across the scene, and a random exposure; values beyond 0..1 saturate as in a camera.
void expose(FloatImage& image, RandomStream& stream) {
  const float angle = stream.uniform_float(0.0F, 2.0F * std::numbers::pi_v<float>);
  const float slope =
      stream.uniform_float(0.0F, 0.3F) / static_cast<float>(std::max(image.width, image.height));
  const float gain = stream.uniform_float(0.65F, 1.05F);
  const float lift = stream.uniform_float(0.0F, 0.06F);
  const float middle_x = 0.5F * static_cast<float>(image.width);
  const float middle_y = 0.5F * static_cast<float>(image.height);
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      const float along = (static_cast<float>(x) - middle_x) * std::cos(angle) +
                          (static_cast<float>(y) - middle_y) * std::sin(angle);
      for (int c = 0; c < 3; ++c) {
        image.at(y, x, c) = std::clamp(lift + gain * (1.0F + slope * along) * image.at(y, x, c), 0.0F, 1.0F);
      }
    }
  }
}

// Inverse of the cumulative distribution of r^-k on [low, high].
double power_law_radius(double low, double high, double exponent, double u) {
  const double power = 1.0 - exponent;
  const double from = std::pow(low, power);
  const double to = std::pow(high, power);
  return std::pow(from + u * (to - from), 1.0 / power);
}

}  // namespace

FloatImage render_scene(std::int64_t width, std::int64_t height, RandomStream& stream,
                        const SceneOptions& options) {
  check(width > 0 && height > 0, "scene: asked for ", width, "x", height, " pixels, expected at least 1x1");
  check(options.min_radius > 0.0 && options.max_radius_share > 0.0 && options.exponent > 1.7,
        "scene: min_radius=", options.min_radius, ", max_radius_share=", options.max_radius_share,
        ", exponent=", options.exponent, ", expected positive sizes and an exponent above 1.7");

  // The character of this scene.
  const Palette palette(stream);
  const double min_radius = options.min_radius * std::pow(6.0, stream.uniform());
  const double exponent = stream.uniform(options.exponent - 0.6, options.exponent);
  const double max_radius =
      std::max(1.5 * min_radius, options.max_radius_share * static_cast<double>(std::max(width, height)));
  const float shadow_depth = stream.chance(0.6) ? stream.uniform_float(0.1F, 0.5F) : 0.0F;

  // Centres are uniform on the picture enlarged by the largest leaf,
  // so that the border looks like the middle.
  const double margin = 2.6 * max_radius;
  Canvas canvas(width, height);
  for (std::int64_t i = 0; i < kMaxLeaves && !canvas.finished(); ++i) {
    Leaf leaf;
    const auto radius =
        static_cast<float>(power_law_radius(min_radius, max_radius, exponent, stream.uniform()));
    leaf.centre_x = static_cast<float>(stream.uniform(-margin, static_cast<double>(width) + margin));
    leaf.centre_y = static_cast<float>(stream.uniform(-margin, static_cast<double>(height) + margin));
    if (!canvas.touches(leaf.centre_x, leaf.centre_y, 2.8F * radius + 6.0F)) {
      continue;
    }
    leaf.shape = random_leaf_shape(radius, stream);
    leaf.texture = random_leaf_texture(radius, palette, stream);
    const float angle = stream.uniform_float(0.0F, 2.0F * std::numbers::pi_v<float>);
    leaf.cosine = std::cos(angle);
    leaf.sine = std::sin(angle);
    leaf.shadow_reach = shadow_depth > 0.0F ? std::min(6.0F, 0.4F * radius) : 0.0F;
    leaf.shadow_depth = shadow_depth;
    canvas.paint(leaf);
  }
  canvas.fill_background(random_leaf_texture(static_cast<float>(max_radius), palette, stream));

  FloatImage image = canvas.take();
  expose(image, stream);
  return image;
}

}  // namespace dg
