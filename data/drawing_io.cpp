// The formats, and SVG 1.1 (W3C recommendation of 2011): paths and text in the drawing's own units.
#include "data/drawing_io.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <span>

#include "data/atomic_file.h"
#include "data/image_io.h"
#include "kernels/check.h"

namespace dg {

namespace {

// Hundredths of a unit, without trailing zeros, whatever the locale.
std::string number(double value) {
  std::array<char, 32> buffer{};
  const double rounded = std::round(value * 100.0) / 100.0 + 0.0;  // + 0.0: no "-0"
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), rounded);
  return {buffer.data(), result.ptr};
}

std::string hex(const Color& color) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const std::uint8_t value : {color.red, color.green, color.blue}) {
    text += kDigits[value / 16U];
    text += kDigits[value % 16U];
  }
  return text;
}

// XML 1.0: markup becomes entities; control characters have no representation and are left away.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char character : text) {
    switch (character) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      default:
        if (static_cast<unsigned char>(character) >= 0x20U) result += character;
    }
  }
  return result;
}

std::string svg_of(const Path& path) {
  std::string text = "<path d=\"";
  for (std::size_t i = 0; i < path.points.size(); ++i) {
    text += (i == 0 ? "M" : "L") + number(path.points[i].x) + " " + number(path.points[i].y);
  }
  if (path.closed) text += "Z";
  text += "\" fill=\"" + (path.closed && path.fill ? hex(*path.fill) : std::string("none")) + "\"";
  if (path.stroke.width > 0.0) {
    text += " stroke=\"" + hex(path.stroke.color) + "\"";
    if (path.stroke.width != 1.0) text += " stroke-width=\"" + number(path.stroke.width) + "\"";
    if (path.stroke.dashed) text += " stroke-dasharray=\"4 3\"";
  }
  return text + "/>\n";
}

std::string svg_of(const Text& item) {
  std::string text = "<text x=\"" + number(item.at.x) + "\" y=\"" + number(item.at.y) + "\" font-size=\"" +
                     number(item.size) + "\"";
  if (item.anchor == TextAnchor::middle) text += " text-anchor=\"middle\"";
  if (item.anchor == TextAnchor::end) text += " text-anchor=\"end\"";
  if (item.bold) text += " font-weight=\"bold\"";
  if (item.color != kBlack) text += " fill=\"" + hex(item.color) + "\"";
  return text + ">" + escaped(item.text) + "</text>\n";
}

std::vector<std::uint8_t> encoded(const Drawing& drawing, DrawingFormat format, double dpi) {
  switch (format) {
    case DrawingFormat::svg: {
      const std::string text = to_svg(drawing);
      return {text.begin(), text.end()};
    }
    case DrawingFormat::png: return encode_image(rasterise(drawing, dpi), ImageFormat::png);
    case DrawingFormat::pdf: return to_pdf(drawing);
  }
  fail("drawing: got the format ", static_cast<int>(format),
       " outside the enumeration, use one of its names");
}

}  // namespace

DrawingFormat drawing_format_of(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".svg") return DrawingFormat::svg;
  check(extension == ".png" || extension == ".pdf", path.string(), ": the extension is '", extension,
        "', expected .svg, .png or .pdf");
  check(can_rasterise(), path.string(), ": this build cannot write ", extension,
        ", it was made without cairo; write .svg, or build where libcairo2-dev is installed");
  return extension == ".png" ? DrawingFormat::png : DrawingFormat::pdf;
}

std::string to_svg(const Drawing& drawing) {
  const std::string width = number(drawing.width);
  const std::string height = number(drawing.height);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
          "\" viewBox=\"0 0 " + width + " " + height + "\" font-family=\"" + std::string(kDrawingFont) +
          ", Verdana, sans-serif\" stroke-linejoin=\"round\">\n";
  if (!drawing.title.empty()) text += "<title>" + escaped(drawing.title) + "</title>\n";
  text += "<rect width=\"" + width + "\" height=\"" + height + "\" fill=\"#ffffff\"/>\n";
  for (const Drawing::Item& item : drawing.items) {
    text += std::visit([](const auto& one) { return svg_of(one); }, item);
  }
  return text + "</svg>\n";
}

void write_drawing(const std::filesystem::path& path, const Drawing& drawing,
                   const DrawingWriteOptions& options) {
  const std::vector<std::uint8_t> bytes = encoded(drawing, drawing_format_of(path), options.dpi);
  write_file_atomically(path, std::as_bytes(std::span(bytes)));
}

}  // namespace dg
