#include "data/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace dg {

namespace {

// Thousandths of the size, for ' ' to '~'; measured in the font file's hmtx table.
constexpr std::array<std::int16_t, 95> kAdvance{
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361,  318, 337, 636, 636, 636,
    636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632,
    575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635,  611, 732, 684, 989, 685,
    611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635, 615, 352,  635, 634, 278, 278, 579,
    278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592,  525, 636, 337, 636, 838};
constexpr double kOtherAdvance = 838.0;
constexpr double kBoldFactor = 1.13;
constexpr double kAscent = 0.76;  // of letters and digits, in sizes
constexpr double kDescent = 0.24;

std::uint8_t mixed(std::uint8_t value, double target, double amount) {
  const double result = static_cast<double>(value) * (1.0 - amount) + target * amount;
  return static_cast<std::uint8_t>(std::lround(std::clamp(result, 0.0, 255.0)));
}

Color mixed(const Color& color, double target, double amount) {
  return {mixed(color.red, target, amount), mixed(color.green, target, amount),
          mixed(color.blue, target, amount)};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr Box kNothing{kInfinity, kInfinity, -kInfinity, -kInfinity};

void include(Box& box, const Box& other) {
  box.left = std::min(box.left, other.left);
  box.top = std::min(box.top, other.top);
  box.right = std::max(box.right, other.right);
  box.bottom = std::max(box.bottom, other.bottom);
}

void move(Text& text, double dx, double dy) { text.at = {text.at.x + dx, text.at.y + dy}; }

void move(Path& path, double dx, double dy) {
  for (Point& point : path.points) point = {point.x + dx, point.y + dy};
}

}  // namespace

Color darker(const Color& color, double amount) { return mixed(color, 0.0, amount); }
Color lighter(const Color& color, double amount) { return mixed(color, 255.0, amount); }

// ---- drawing ----

void Drawing::line(std::vector<Point> points, const Stroke& stroke) {
  items.emplace_back(Path{.points = std::move(points), .stroke = stroke});
}

void Drawing::polygon(std::vector<Point> points, const Color& fill, const Stroke& stroke) {
  items.emplace_back(Path{.points = std::move(points), .closed = true, .fill = fill, .stroke = stroke});
}

void Drawing::rectangle(const Box& box, const Color& fill, const Stroke& stroke) {
  polygon({{box.left, box.top}, {box.right, box.top}, {box.right, box.bottom}, {box.left, box.bottom}}, fill,
          stroke);
}

void Drawing::circle(const Point& center, double radius, const Color& fill, const Stroke& stroke) {
  constexpr int kCorners = 32;
  std::vector<Point> points;
  for (int i = 0; i < kCorners; ++i) {
    const double angle = 2.0 * std::numbers::pi * i / kCorners;
    points.push_back({center.x + radius * std::cos(angle), center.y + radius * std::sin(angle)});
  }
  polygon(std::move(points), fill, stroke);
}

void Drawing::arrow(std::vector<Point> points, const Stroke& stroke) {
  constexpr double kLength = 6.0;
  constexpr double kHalfWidth = 2.6;
  const Point tip = points.back();
  const Point before = points[points.size() - 2];
  const double length = std::hypot(tip.x - before.x, tip.y - before.y);
  const double ux = length > 0.0 ? (tip.x - before.x) / length : 1.0;
  const double uy = length > 0.0 ? (tip.y - before.y) / length : 0.0;
  const Point base{tip.x - kLength * ux, tip.y - kLength * uy};
  points.back() = base;
  line(std::move(points), stroke);
  polygon({tip,
           {base.x - kHalfWidth * uy, base.y + kHalfWidth * ux},
           {base.x + kHalfWidth * uy, base.y - kHalfWidth * ux}},
          stroke.color, {.width = 0.0});
}

void Drawing::text(Text item) { items.emplace_back(std::move(item)); }

void Drawing::fit(double margin) {
  const Box box = items.empty() ? Box{} : bounds(*this);
  for (Item& item : items) {
    std::visit([&](auto& one) { move(one, margin - box.left, margin - box.top); }, item);
  }
  width = std::ceil(box.width() + 2.0 * margin);
  height = std::ceil(box.height() + 2.0 * margin);
}

// ---- measuring ----

double text_width(std::string_view text, double size, bool bold) {
  double sum = 0.0;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if ((byte & 0xC0U) == 0x80U) continue;  // the rest of a character of several bytes
    const std::size_t place = byte - std::size_t{' '};
    sum += byte >= ' ' && place < kAdvance.size() ? static_cast<double>(kAdvance[place]) : kOtherAdvance;
  }
  return sum * 1e-3 * size * (bold ? kBoldFactor : 1.0);
}

Box bounds(const Text& text) {
  const double width = text_width(text.text, text.size, text.bold);
  double left = text.at.x;
  if (text.anchor == TextAnchor::middle) left -= width / 2.0;
  if (text.anchor == TextAnchor::end) left -= width;
  return {left, text.at.y - kAscent * text.size, left + width, text.at.y + kDescent * text.size};
}

Box bounds(const Path& path) {
  const double half = path.stroke.width / 2.0;
  Box box = kNothing;
  for (const Point& point : path.points) {
    include(box, {point.x - half, point.y - half, point.x + half, point.y + half});
  }
  return box;
}

Box bounds(const Drawing& drawing) {
  Box box = kNothing;
  for (const Drawing::Item& item : drawing.items) {
    include(box, std::visit([](const auto& one) { return bounds(one); }, item));
  }
  return box;
}

}  // namespace dg
