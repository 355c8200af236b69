#include "data/scenes.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "data/detail/scene_shapes.h"

using namespace dg;

namespace {

double standard_deviation(const FloatImage& image) {
  double sum = 0.0;
  double squares = 0.0;
  for (const float value : image.pixels) {
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  const double n = static_cast<double>(image.numel());
  return std::sqrt(squares / n - (sum / n) * (sum / n));
}

}  // namespace

TEST_CASE("scenes: a stream gives the same picture each time, another stream another") {
  RandomStream a(1, 0);
  RandomStream b(1, 0);
  RandomStream c(1, 1);
  const FloatImage first = render_scene(40, 30, a);
  CHECK(first.width == 40);
  CHECK(first.height == 30);
  CHECK(first.channels == 3);
  CHECK(first.pixels == render_scene(40, 30, b).pixels);
  CHECK(first.pixels != render_scene(40, 30, c).pixels);
}

TEST_CASE("scenes: all values are finite and in 0..1, and pictures have contrast and detail") {
  double mean_deviation = 0.0;
  double mean_step = 0.0;
  constexpr int kScenes = 12;
  for (std::uint64_t id = 0; id < kScenes; ++id) {
    RandomStream stream(2, id);
    const FloatImage image = render_scene(64, 64, stream);
    REQUIRE(std::all_of(image.pixels.begin(), image.pixels.end(),
                        [](float v) { return std::isfinite(v) && v >= 0.0F && v <= 1.0F; }));
    mean_deviation += standard_deviation(image) / kScenes;
    for (std::int64_t y = 0; y < 64; ++y) {
      for (std::int64_t x = 1; x < 64; ++x) {
        mean_step +=
            std::fabs(static_cast<double>(image.at(y, x, 1) - image.at(y, x - 1, 1))) / (kScenes * 64 * 63);
      }
    }
  }
  CHECK(mean_deviation > 0.1);  // photographs have 0.2 to 0.25
  CHECK(mean_step > 0.02);      // between neighbours; a smooth ramp over the picture would give 0.016
}

TEST_CASE("scenes: no pixel is left black by accident: every picture is covered to its corners") {
  for (std::uint64_t id = 0; id < 6; ++id) {
    RandomStream stream(3, id);
    const FloatImage image = render_scene(48, 20, stream);
    int black = 0;
    for (std::int64_t i = 0; i < 48 * 20; ++i) {
      const auto k = static_cast<std::size_t>(3 * i);
      black += image.pixels[k] + image.pixels[k + 1] + image.pixels[k + 2] == 0.0F ? 1 : 0;
    }
    CHECK(black < 48 * 20 / 10);
  }
}

TEST_CASE("scenes: a single pixel is a picture, none is an error") {
  RandomStream stream(4, 0);
  CHECK(render_scene(1, 1, stream).numel() == 3);
  CHECK_THROWS_AS(render_scene(0, 5, stream), Error);
}

TEST_CASE("scene shapes: distances of a disk and a rectangle are those of the textbook") {
  LeafShape disk;
  disk.half_u = 5.0F;
  disk.half_v = 5.0F;
  CHECK(signed_distance(disk, 3.0F, 4.0F) == Approx(0.0F).margin(1e-5));
  CHECK(signed_distance(disk, 6.0F, 0.0F) == Approx(1.0F));
  CHECK(signed_distance(disk, 0.0F, 4.5F) == Approx(-0.5F));
  LeafShape box;
  box.outline = LeafOutline::rectangle;
  box.half_u = 4.0F;
  box.half_v = 2.0F;
  CHECK(signed_distance(box, 0.0F, 0.0F) == Approx(-2.0F));
  CHECK(signed_distance(box, 7.0F, 6.0F) == Approx(5.0F));  // 3-4-5 from the corner
}

TEST_CASE("scene shapes: a triangle knows inside from outside") {
  LeafShape triangle;
  triangle.outline = LeafOutline::polygon;
  triangle.vertices = 3;
  triangle.vertex_u = {-3.0F, 3.0F, 0.0F};
  triangle.vertex_v = {-2.0F, -2.0F, 4.0F};
  CHECK(signed_distance(triangle, 0.0F, -1.0F) == Approx(-1.0F));
  CHECK(signed_distance(triangle, 0.0F, -3.5F) == Approx(1.5F));
  CHECK(signed_distance(triangle, 0.0F, 6.0F) == Approx(2.0F));
}

TEST_CASE("scene shapes: no inside point lies beyond the bound") {
  for (std::uint64_t id = 0; id < 60; ++id) {
    RandomStream stream(5, id);
    const LeafShape shape = random_leaf_shape(10.0F, stream);
    for (int i = 0; i < 64; ++i) {
      const float angle = 0.0981748F * static_cast<float>(i);
      const float reach = shape.bound + 0.01F;
      CHECK(signed_distance(shape, reach * std::cos(angle), reach * std::sin(angle)) > 0.0F);
    }
  }
}
