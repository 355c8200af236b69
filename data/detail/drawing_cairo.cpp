// Drawings as pixels and as PDF, by cairo. Without it, both refuse.
#include "data/drawing_io.h"
#include "data/image_io.h"
#include "kernels/check.h"

#ifdef DEBLURGAN_HAS_CAIRO
#include <cairo/cairo-pdf.h>
#include <cairo/cairo.h>
#endif

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <variant>

namespace dg {

#ifdef DEBLURGAN_HAS_CAIRO

namespace {

using Surface = std::unique_ptr<cairo_surface_t, decltype(&cairo_surface_destroy)>;
using Pen = std::unique_ptr<cairo_t, decltype(&cairo_destroy)>;

void check_status(cairo_status_t status) {
  check(status == CAIRO_STATUS_SUCCESS, "drawing: cairo could not draw it: ", cairo_status_to_string(status),
        "; make the drawing smaller, or write .svg");
}

void set_color(cairo_t* pen, const Color& color) {
  cairo_set_source_rgb(pen, color.red / 255.0, color.green / 255.0, color.blue / 255.0);
}

void paint(cairo_t* pen, const Path& path) {
  cairo_new_path(pen);
  for (const Point& point : path.points) cairo_line_to(pen, point.x, point.y);
  if (path.closed) cairo_close_path(pen);
  if (path.closed && path.fill) {
    set_color(pen, *path.fill);
    cairo_fill_preserve(pen);
  }
  if (path.stroke.width > 0.0) {
    constexpr double kDashes[] = {4.0, 3.0};
    cairo_set_dash(pen, kDashes, path.stroke.dashed ? 2 : 0, 0.0);
    cairo_set_line_width(pen, path.stroke.width);
    set_color(pen, path.stroke.color);
    cairo_stroke_preserve(pen);
  }
  cairo_new_path(pen);
}

void paint(cairo_t* pen, const Text& text) {
  cairo_select_font_face(pen, std::string(kDrawingFont).c_str(), CAIRO_FONT_SLANT_NORMAL,
                         text.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(pen, text.size);
  cairo_text_extents_t extents;
  cairo_text_extents(pen, text.text.c_str(), &extents);
  double x = text.at.x;
  if (text.anchor == TextAnchor::middle) x -= extents.x_advance / 2.0;
  if (text.anchor == TextAnchor::end) x -= extents.x_advance;
  set_color(pen, text.color);
  cairo_move_to(pen, x, text.at.y);
  cairo_show_text(pen, text.text.c_str());
}

using FontOptions = std::unique_ptr<cairo_font_options_t, decltype(&cairo_font_options_destroy)>;

void paint(cairo_surface_t* surface, const Drawing& drawing, double scale) {
  const Pen pen(cairo_create(surface), &cairo_destroy);
  // Advances that are not rounded to pixels: text is as wide at every resolution.
  const FontOptions font(cairo_font_options_create(), &cairo_font_options_destroy);
  cairo_font_options_set_hint_metrics(font.get(), CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_hint_style(font.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_antialias(font.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(pen.get(), font.get());
  cairo_scale(pen.get(), scale, scale);
  cairo_set_line_join(pen.get(), CAIRO_LINE_JOIN_ROUND);
  set_color(pen.get(), kWhite);
  cairo_paint(pen.get());
  for (const Drawing::Item& item : drawing.items) {
    std::visit([&](const auto& one) { paint(pen.get(), one); }, item);
  }
  check_status(cairo_status(pen.get()));
}

cairo_status_t append(void* bytes, const unsigned char* data, unsigned int length) {
  static_cast<std::vector<std::uint8_t>*>(bytes)->insert(
      static_cast<std::vector<std::uint8_t>*>(bytes)->end(), data, data + length);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

bool can_rasterise() { return true; }

Image rasterise(const Drawing& drawing, double dpi) {
  check(dpi >= 1.0 && dpi <= 4800.0, "drawing: got ", dpi, " dots per inch, give between 1 and 4800");
  constexpr double kUnitsPerInch = 96.0;
  constexpr double kMaxSide = 32767.0;  // of a cairo image surface
  const double scale = dpi / kUnitsPerInch;
  const double width = std::max(1.0, std::ceil(drawing.width * scale));
  const double height = std::max(1.0, std::ceil(drawing.height * scale));
  check(width <= kMaxSide && height <= kMaxSide && width * height <= static_cast<double>(kMaxImagePixels),
        "drawing: at ", dpi, " dots per inch it would have ", width, "x", height,
        " pixels; use fewer dots per inch, or write .svg or .pdf");
  Image image;
  image.width = static_cast<std::int64_t>(width);
  image.height = static_cast<std::int64_t>(height);
  image.channels = 3;
  image.pixels.reserve(static_cast<std::size_t>(image.numel()));
  const Surface surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)),
      &cairo_surface_destroy);
  check_status(cairo_surface_status(surface.get()));
  paint(surface.get(), drawing, scale);
  cairo_surface_flush(surface.get());
  const unsigned char* row = cairo_image_surface_get_data(surface.get());
  const std::ptrdiff_t stride = cairo_image_surface_get_stride(surface.get());
  // A pixel is a 32-bit number 0x00RRGGBB in the machine's order of bytes.
  for (std::int64_t y = 0; y < image.height; ++y, row += stride) {
    const auto* pixels = reinterpret_cast<const std::uint32_t*>(row);
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (const int shift : {16, 8, 0}) {
        image.pixels.push_back(static_cast<std::uint16_t>((pixels[x] >> shift) & 0xFFU));
      }
    }
  }
  return image;
}

std::vector<std::uint8_t> to_pdf(const Drawing& drawing) {
  constexpr double kPointsPerUnit = 72.0 / 96.0;
  std::vector<std::uint8_t> bytes;
  const Surface surface(
      cairo_pdf_surface_create_for_stream(append, &bytes, std::max(1.0, drawing.width * kPointsPerUnit),
                                          std::max(1.0, drawing.height * kPointsPerUnit)),
      &cairo_surface_destroy);
  check_status(cairo_surface_status(surface.get()));
  cairo_pdf_surface_set_metadata(surface.get(), CAIRO_PDF_METADATA_TITLE, drawing.title.c_str());
  paint(surface.get(), drawing, kPointsPerUnit);
  cairo_surface_finish(surface.get());
  check_status(cairo_surface_status(surface.get()));
  return bytes;
}

#else

bool can_rasterise() { return false; }

Image rasterise(const Drawing& /*drawing*/, double /*dpi*/) {
  fail(
      "drawing: this build has no cairo, so it cannot draw pixels; write .svg, or build where libcairo2-dev "
      "is "
      "installed");
}

std::vector<std::uint8_t> to_pdf(const Drawing& /*drawing*/) {
  fail(
      "drawing: this build has no cairo, so it cannot write PDF; write .svg, or build where libcairo2-dev is "
      "installed");
}

#endif

}  // namespace dg
