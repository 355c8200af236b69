#include "data/augment.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

using namespace dg;

namespace {

// sharp(y, x) = (x, y, 0) / 64 and blurred = sharp + (0, 0, 1/2): any misalignment shows in red and green.
class CoordinateSource final : public PairSource {
 public:
  CoordinateSource(std::int64_t width, std::int64_t height) : width_(width), height_(height) {}
  std::int64_t size() const override { return 1; }
  std::string describe() const override { return "coordinates"; }
  Sample load(std::int64_t, RandomStream& stream, const CropRequest& request) const override {
    const std::int64_t w = request.width > 0 ? request.width : width_;
    const std::int64_t h = request.height > 0 ? request.height : height_;
    const std::int64_t left = request.centred ? (width_ - w) / 2 : stream.integer(width_ - w + 1);
    const std::int64_t top = request.centred ? (height_ - h) / 2 : stream.integer(height_ - h + 1);
    Sample sample{FloatImage(w, h, 3), FloatImage(w, h, 3), "c"};
    for (std::int64_t y = 0; y < h; ++y) {
      for (std::int64_t x = 0; x < w; ++x) {
        sample.sharp.at(y, x, 0) = static_cast<float>(left + x) / 64.0F;
        sample.sharp.at(y, x, 1) = static_cast<float>(top + y) / 64.0F;
        sample.blurred.at(y, x, 0) = sample.sharp.at(y, x, 0);
        sample.blurred.at(y, x, 1) = sample.sharp.at(y, x, 1);
        sample.blurred.at(y, x, 2) = 0.5F;
      }
    }
    return sample;
  }

 private:
  std::int64_t width_;
  std::int64_t height_;
};

bool aligned(const Sample& sample) {
  for (std::size_t i = 0; i < sample.sharp.pixels.size(); i += 3) {
    if (sample.sharp.pixels[i] != sample.blurred.pixels[i] ||
        sample.sharp.pixels[i + 1] != sample.blurred.pixels[i + 1]) {
      return false;
    }
  }
  return sample.sharp.width == sample.blurred.width;
}

}  // namespace

TEST_CASE("augment: names of the ways to preprocess go there and back") {
  for (const char* name : {"crop", "resize", "resize_and_crop", "none"}) {
    CHECK(std::string(name_of(parse_preprocess(name))) == name);
  }
  CHECK_THROWS_WITH(parse_preprocess("scale"),
                    Catch::Contains("'scale'") && Catch::Contains("resize_and_crop"));
}

TEST_CASE("augment: both pictures are turned and cut alike, all eight orientations occur") {
  const CoordinateSource source(20, 16);
  std::set<std::vector<float>> corners;
  for (std::uint64_t id = 0; id < 80; ++id) {
    RandomStream stream(1, id);
    const Sample sample = load_example(
        source, 0, stream, {.crop_size = 8, .flip_horizontal = true, .flip_vertical = true, .rot90 = true});
    REQUIRE(sample.sharp.width == 8);
    REQUIRE(sample.sharp.height == 8);
    REQUIRE(aligned(sample));
    const float right_x = sample.sharp.at(0, 7, 0) - sample.sharp.at(0, 0, 0);  // along the first row
    const float right_y = sample.sharp.at(0, 7, 1) - sample.sharp.at(0, 0, 1);
    const float down_x = sample.sharp.at(7, 0, 0) - sample.sharp.at(0, 0, 0);  // along the first column
    const float down_y = sample.sharp.at(7, 0, 1) - sample.sharp.at(0, 0, 1);
    corners.insert({right_x, right_y, down_x, down_y});
  }
  CHECK(corners.size() == 8);
}

TEST_CASE("augment: without flips the picture keeps its orientation") {
  const CoordinateSource source(20, 16);
  for (std::uint64_t id = 0; id < 10; ++id) {
    RandomStream stream(2, id);
    const Sample sample = load_example(source, 0, stream, {.crop_size = 8, .flip_horizontal = false});
    CHECK(sample.sharp.at(0, 7, 0) > sample.sharp.at(0, 0, 0));
    CHECK(sample.sharp.at(7, 0, 1) > sample.sharp.at(0, 0, 1));
  }
}

TEST_CASE("augment: a quarter turn is clockwise") {
  const CoordinateSource source(2, 2);
  for (std::uint64_t id = 0; id < 20; ++id) {
    RandomStream stream(3, id);
    const Sample sample =
        load_example(source, 0, stream, {.crop_size = 2, .flip_horizontal = false, .rot90 = true});
    const float top_right_x = sample.sharp.at(0, 1, 0) * 64.0F;
    const float top_right_y = sample.sharp.at(0, 1, 1) * 64.0F;
    // Untouched, (1, 0) stands at the top right; turned clockwise, (0, 0) does.
    CHECK(top_right_y == 0.0F);
    CHECK((top_right_x == 1.0F || (top_right_x == 0.0F && sample.sharp.at(1, 1, 0) * 64.0F == 1.0F)));
  }
}

TEST_CASE("augment: resize squashes the frame, resize_and_crop then cuts, none leaves it") {
  const CoordinateSource source(20, 16);
  RandomStream stream(4, 0);
  AugmentOptions options{.preprocess = Preprocess::resize, .load_width = 10, .load_height = 12};
  const Sample resized = load_example(source, 0, stream, options);
  CHECK(resized.sharp.width == 10);
  CHECK(resized.sharp.height == 12);
  CHECK(aligned(resized));

  options = {.preprocess = Preprocess::resize_and_crop, .crop_size = 7, .load_width = 10, .load_height = 12};
  const Sample cut = load_example(source, 0, stream, options);
  CHECK(cut.sharp.width == 7);
  CHECK(cut.sharp.height == 7);
  CHECK(aligned(cut));

  options = {.preprocess = Preprocess::none, .flip_horizontal = false};
  CHECK(load_example(source, 0, stream, options).sharp.width == 20);
}

TEST_CASE("augment: a centred crop is the middle") {
  const CoordinateSource source(20, 16);
  RandomStream stream(5, 0);
  const Sample sample =
      load_example(source, 0, stream, {.crop_size = 8, .flip_horizontal = false, .centred = true});
  CHECK(sample.sharp.at(0, 0, 0) * 64.0F == 6.0F);
  CHECK(sample.sharp.at(0, 0, 1) * 64.0F == 4.0F);
}

TEST_CASE("augment: impossible options are refused with the remedy") {
  const CoordinateSource source(20, 16);
  RandomStream stream(6, 0);
  CHECK_THROWS_AS(load_example(source, 0, stream, {.crop_size = 0}), Error);
  CHECK_THROWS_AS(load_example(source, 0, stream, {.preprocess = Preprocess::resize, .load_width = 0}),
                  Error);
  CHECK_THROWS_WITH(
      load_example(source, 0, stream, {.preprocess = Preprocess::resize_and_crop, .crop_size = 300}),
      Catch::Contains("larger than the load size"));
  CHECK_THROWS_WITH(load_example(source, 0, stream, {.preprocess = Preprocess::none, .rot90 = true}),
                    Catch::Contains("square"));
}
