// A drawing: polygons, lines and text on a plane, y downwards, one unit a 96th of an inch. Whoever draws adds items where
// they belong and calls fit() last; data/drawing_io.h writes the result as SVG, PNG or PDF.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dg {

struct Color {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;

  bool operator==(const Color&) const = default;
};

inline constexpr Color kBlack{0, 0, 0};
inline constexpr Color kWhite{255, 255, 255};

// A share of `amount` (0..1) of black or white is mixed in.
Color darker(const Color& color, double amount);
Color lighter(const Color& color, double amount);

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Box {
  double left = 0.0;
  double top = 0.0;
  double right = 0.0;
  double bottom = 0.0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
};

struct Stroke {
  Color color = kBlack;
  double width = 1.0;  // 0: no line
  bool dashed = false;
};

struct Path {
  std::vector<Point> points;
  bool closed = false;
  std::optional<Color> fill = {};  // closed paths
  Stroke stroke = {};
};

enum class TextAnchor : std::uint8_t { start, middle, end };

struct Text {
  Point at;          // on the baseline
  std::string text;  // UTF-8, one line
  double size = 11.0;
  TextAnchor anchor = TextAnchor::start;
  bool bold = false;
  Color color = kBlack;
};

struct Drawing {
  using Item = std::variant<Path, Text>;

  std::string title;  // for readers of the file, not drawn
  double width = 0.0;
  double height = 0.0;
  std::vector<Item> items;  // later ones cover earlier ones

  void line(std::vector<Point> points, const Stroke& stroke = {});
  void polygon(std::vector<Point> points, const Color& fill, const Stroke& stroke = {});
  void rectangle(const Box& box, const Color& fill, const Stroke& stroke = {});
  void circle(const Point& center, double radius, const Color& fill, const Stroke& stroke = {});
  // A line that ends in a filled head.
  void arrow(std::vector<Point> points, const Stroke& stroke = {});
  void text(Text text);

  // Moves everything so that it begins at `margin`, and sets width and height. An empty drawing becomes 2 margins large.
  void fit(double margin);
};

// Width of one line in the font that the writers ask for (DejaVu Sans, as wide as Verdana): the advances of printable
// ASCII, other characters count as wide ones. Right to a few per cent.
double text_width(std::string_view text, double size, bool bold = false);

Box bounds(const Text& text);
Box bounds(const Path& path);
Box bounds(const Drawing& drawing);  // of all items

}  // namespace dg
