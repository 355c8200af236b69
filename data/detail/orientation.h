// Pictures that lie on their side or show themselves in a mirror, as EXIF tells.
#pragma once

#include "data/image.h"

namespace dg {

// Whether `orientation` makes rows of columns.
constexpr bool swaps_sides(int orientation) { return orientation >= 5; }

// The image as it is to be seen. EXIF tag 274 names where the first row and the first column of the stored image
// belong: 1 top, left; 2 top, right; 3 bottom, right; 4 bottom, left; 5 left, top; 6 right, top; 7 right, bottom;
// 8 left, bottom.
Image upright(Image image, int orientation);

}  // namespace dg
