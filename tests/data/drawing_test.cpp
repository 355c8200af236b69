// Drawings, and the files that they become.
#include "data/drawing.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "data/drawing_io.h"
#include "data/image_io.h"
#include "kernels/check.h"
#include "tests/data/svg_check.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using namespace dg::test;

namespace {

// A red square of 20 units with a label that XML must escape.
Drawing square() {
  Drawing drawing;
  drawing.title = "a < b";
  drawing.rectangle({100.0, 100.0, 120.0, 120.0}, {255, 0, 0}, {.width = 0.0});
  drawing.text({.at = {100.0, 140.0}, .text = "1 < 2 & \"x\""});
  drawing.fit(10.0);
  return drawing;
}

}  // namespace

TEST_CASE("drawing: fit moves everything to the margin") {
  Drawing drawing;
  drawing.rectangle({-5.0, 7.0, 15.0, 37.0}, kBlack, {.width = 0.0});
  drawing.fit(10.0);
  const Box box = bounds(drawing);
  CHECK(box.left == 10.0);
  CHECK(box.top == 10.0);
  CHECK(drawing.width == 40.0);
  CHECK(drawing.height == 50.0);
}

TEST_CASE("drawing: an empty drawing is two margins large") {
  Drawing drawing;
  drawing.fit(8.0);
  CHECK(drawing.width == 16.0);
  CHECK(drawing.height == 16.0);
}

TEST_CASE("drawing: text is as wide as its letters, wherever it is anchored") {
  CHECK(text_width("", 10.0) == 0.0);
  CHECK(text_width("ii", 10.0) == Approx(2 * 2.78));
  CHECK(text_width("W", 20.0) == Approx(19.78));
  CHECK(text_width("m", 10.0, true) > text_width("m", 10.0));
  CHECK(text_width("\xc3\xa9", 10.0) == text_width("\xc3\xb8", 10.0));  // one letter of two bytes
  const Box middle =
      bounds(Text{.at = {50.0, 0.0}, .text = "WW", .size = 10.0, .anchor = TextAnchor::middle});
  CHECK(middle.left == Approx(50.0 - 9.89));
  CHECK(middle.right == Approx(50.0 + 9.89));
  const Box end = bounds(Text{.at = {50.0, 0.0}, .text = "WW", .size = 10.0, .anchor = TextAnchor::end});
  CHECK(end.right == Approx(50.0));
}

TEST_CASE("drawing: SVG is well-formed XML, and its text is escaped") {
  const std::string svg = to_svg(square());
  CHECK_NOTHROW(check_xml(svg));
  CHECK_THAT(svg, Catch::Contains("<title>a &lt; b</title>"));
  CHECK_THAT(svg, Catch::Contains("1 &lt; 2 &amp; &quot;x&quot;"));
  CHECK_THAT(svg, Catch::Contains("M10 10L30 10L30 30L10 30Z") && Catch::Contains("fill=\"#ff0000\""));
}

TEST_CASE("drawing: the check of XML sees what is wrong") {
  CHECK_THROWS_AS(check_xml("<svg><g></svg>"), Error);
  CHECK_THROWS_AS(check_xml("<svg>a & b</svg>"), Error);
  CHECK_THROWS_AS(check_xml("<svg x=\"1/></svg>"), Error);
  CHECK_THROWS_AS(check_xml("<svg/><svg/>"), Error);
}

TEST_CASE("drawing: pixels are where the drawing has them") {
  if (!can_rasterise()) {
    WARN("this build has no cairo");
    CHECK_THROWS_AS(rasterise(square()), Error);
    return;
  }
  const Drawing drawing = square();
  const Image image = rasterise(drawing, 192.0);  // two pixels a unit
  CHECK(image.width == static_cast<std::int64_t>(2.0 * drawing.width));
  CHECK(image.height == static_cast<std::int64_t>(2.0 * drawing.height));
  const auto pixel = [&](std::int64_t x, std::int64_t y) {
    const auto at = image.pixels.begin() + 3 * (y * image.width + x);
    return std::vector<int>(at, at + 3);
  };
  CHECK(pixel(5, 5) == std::vector<int>{255, 255, 255});
  CHECK(pixel(40, 40) == std::vector<int>{255, 0, 0});
  CHECK(pixel(20, 20) == std::vector<int>{255, 0, 0});
  CHECK(pixel(19, 20) == std::vector<int>{255, 255, 255});
  CHECK_THROWS_WITH(rasterise(drawing, 0.0), Catch::Contains("dots per inch"));
  Drawing huge;
  huge.line({{0.0, 0.0}, {40000.0, 0.0}});
  huge.fit(0.0);
  CHECK_THROWS_WITH(rasterise(huge, 96.0), Catch::Contains("fewer dots per inch"));
}

TEST_CASE("drawing: the extension decides, in any case") {
  CHECK(drawing_format_of("a.svg") == DrawingFormat::svg);
  CHECK(drawing_format_of("a.SVG") == DrawingFormat::svg);
  CHECK_THROWS_WITH(drawing_format_of("a.gif"),
                    "a.gif: the extension is '.gif', expected .svg, .png or .pdf");
  CHECK_THROWS_AS(drawing_format_of("svg"), Error);
}

TEST_CASE("drawing: files are what their extension says") {
  const TempFolder folder;
  write_drawing(folder / "a.svg", square());
  CHECK(read_text(folder / "a.svg") == to_svg(square()));
  if (!can_rasterise()) {
    CHECK_THROWS_WITH(write_drawing(folder / "a.png", square()), Catch::Contains("without cairo"));
    return;
  }
  write_drawing(folder / "a.png", square(), {.dpi = 96.0});
  CHECK(read_image(folder / "a.png").pixels == rasterise(square(), 96.0).pixels);
  write_drawing(folder / "a.pdf", square());
  const std::string pdf = read_text(folder / "a.pdf");
  CHECK_THAT(pdf, Catch::StartsWith("%PDF-1.") && Catch::Contains("%%EOF") && Catch::Contains("/MediaBox"));
}
