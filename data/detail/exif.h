// The one thing in an EXIF block that changes pixels: how the picture is to be turned.
#pragma once

#include <cstdint>
#include <vector>

namespace dg {

// The orientation that a TIFF block asks for, 1 to 8; 1 where it asks for none or for another value. The block is
// left with orientation 1, since the caller turns the picture, and without its thumbnail. A damaged block is emptied.
// TIFF 6.0 (1992), section 2 and tag 274; CIPA DC-008 (EXIF 2.32), 4.6.
int take_orientation(std::vector<std::uint8_t>& exif);

}  // namespace dg
