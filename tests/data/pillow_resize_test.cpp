// Resizing against Pillow itself, bit for bit (goldens/make_pillow_goldens.py).
#include "data/pillow_resize.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "kernels/check.h"
#include "tests/data/metrics_pictures.h"

using namespace dg;

namespace {

struct PillowGolden {
  std::int64_t width, height;
  PillowFilter filter;
  std::vector<std::uint16_t> levels;
};
#include "goldens/pillow_goldens.inc"

Image source() { return to_integer(dg::test::formula_picture(37, 29, 3, true)); }

}  // namespace

TEST_CASE("pillow_resize: both filters give every level that Pillow gives") {
  for (const PillowGolden& golden : kPillowGoldens) {
    CAPTURE(golden.width, golden.height, name_of(golden.filter));
    const Image resized = resize_as_pillow(source(), golden.width, golden.height, golden.filter);
    CHECK(resized.width == golden.width);
    CHECK(resized.height == golden.height);
    CHECK(resized.pixels == golden.levels);
  }
}

TEST_CASE("pillow_resize: the same size is the same picture") {
  for (const PillowFilter filter : {PillowFilter::nearest, PillowFilter::bicubic})
    CHECK(resize_as_pillow(source(), 37, 29, filter).pixels == source().pixels);
}

TEST_CASE("pillow_resize: what cannot be resized is refused") {
  Image deep = source();
  deep.bit_depth = 16;
  CHECK_THROWS_WITH(resize_as_pillow(deep, 8, 8, PillowFilter::bicubic), Catch::Contains("16 bits"));
  CHECK_THROWS_WITH(resize_as_pillow(source(), 0, 8, PillowFilter::nearest), Catch::Contains("0x8"));
  CHECK_THROWS_AS(resize_as_pillow(Image{}, 8, 8, PillowFilter::nearest), Error);
}

TEST_CASE("pillow_resize: filters have names") {
  CHECK(parse_pillow_filter("nearest") == PillowFilter::nearest);
  CHECK(parse_pillow_filter(name_of(PillowFilter::bicubic)) == PillowFilter::bicubic);
  CHECK_THROWS_WITH(parse_pillow_filter("lanczos"), Catch::Contains("'lanczos'"));
}
