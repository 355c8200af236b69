// Drawings as files. SVG is written here, as text that stays text. PNG and PDF come from cairo; a build without it
// refuses them with a sentence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/drawing.h"
#include "data/image.h"

namespace dg {

enum class DrawingFormat : std::uint8_t { svg, png, pdf };

// By extension, in any case. Throws Error for one that is none of the three, or that this build cannot write.
DrawingFormat drawing_format_of(const std::filesystem::path& path);

// Whether this build has cairo: PNG and PDF.
bool can_rasterise();

std::string to_svg(const Drawing& drawing);
// RGB, 8 bit, on white; dpi 96 gives one pixel per unit. Throws Error above kMaxImagePixels or 32,767 pixels a side.
Image rasterise(const Drawing& drawing, double dpi = 192.0);
// One page as large as the drawing; fonts are embedded.
std::vector<std::uint8_t> to_pdf(const Drawing& drawing);

struct DrawingWriteOptions {
  double dpi = 192.0;  // of PNG
};

// The extension decides. The file appears whole or not at all (data/atomic_file.h).
void write_drawing(const std::filesystem::path& path, const Drawing& drawing,
                   const DrawingWriteOptions& options = {});

// The font that the writers ask for, first choice first.
inline constexpr std::string_view kDrawingFont = "DejaVu Sans";

}  // namespace dg
