// Video frames in planes of luma and colour differences, and back.
//
// Matrix (ITU-R BT.601-7 2.5, BT.709-6 3.2 and 3.3), R'G'B' and Y' in 0..1, Cb and Cr in -1/2..1/2:
//   Y' = Kr R' + Kg G' + Kb B',  Cb = (B' - Y') / (2 (1 - Kb)),  Cr = (R' - Y') / (2 (1 - Kr)),  Kg = 1 - Kr - Kb
//   bt601: Kr 0.299, Kb 0.114;  bt709: Kr 0.2126, Kb 0.0722
// Levels of n bits (the same documents; ITU-T T.871 for full range):
//   limited: (219 Y' + 16) 2^(n-8) and (224 C + 128) 2^(n-8);  full: (2^n - 1) Y' and (2^n - 1) C + 2^(n-1)
// Subsampled chroma, along each axis that has half the samples: up by linear interpolation, down by the filter that
// takes exactly that back, so a frame that nobody changes keeps its chroma (Cohen, Daubechies, Feauveau, "Biorthogonal
// bases of compactly supported wavelets", Comm. Pure Appl. Math. 45, 1992):
//   samples between two pixels:  up (1 3 3 1)/4,  down (-1 3 3 -1)/4
//   samples on a pixel:          up (1 2 1)/2,    down (-1 2 6 2 -1)/8
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/image.h"

namespace dg {

enum class ChromaLayout : std::uint8_t {
  mono,             // luma only
  full,             // 4:4:4
  half_width,       // 4:2:2, on every second pixel
  quarter_centre,   // 4:2:0, in the middle of four pixels: JPEG, MPEG-1
  quarter_left,     // 4:2:0, on every second column, between two rows: MPEG-2, H.264, H.265
  quarter_topleft,  // 4:2:0, on every second column and row: PAL DV
};

enum class YcbcrMatrix : std::uint8_t { bt601, bt709 };

struct YcbcrFormat {
  ChromaLayout chroma = ChromaLayout::quarter_centre;
  int bit_depth = 8;  // 8 to 16; beyond 8, two bytes per sample, the lower first
  YcbcrMatrix matrix = YcbcrMatrix::bt601;
  bool full_range = false;
};

// The planes Y, Cb and Cr one after the other, rows top to bottom. Chroma has (side + 1) / 2 samples along a halved
// axis.
std::size_t ycbcr_frame_bytes(std::int64_t width, std::int64_t height, const YcbcrFormat& format);

// RGB of 16 bits, so that nothing is lost to rounding; grey for mono. Colours outside of the RGB cube, and levels
// outside of limited range, are clipped. Throws Error for another number of bytes, a size below 1x1 and a depth
// beside 8 to 16.
Image image_from_ycbcr(std::span<const std::byte> frame, std::int64_t width, std::int64_t height,
                       const YcbcrFormat& format);

// RGB or grey of 8 or 16 bits; mono takes the luma. Throws Error for other channels.
std::vector<std::byte> ycbcr_from_image(const Image& image, const YcbcrFormat& format);

}  // namespace dg
