// How good a generator is on held-out pairs, always beside the score of the blurred input.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image.h"
#include "data/pair_source.h"
#include "models/restorer.h"

namespace dg {

struct ValidationOptions {
  std::int64_t images = 16;  // at most; the first of the source
  std::int64_t crop = 0;     // centred window; 0: whole pictures
  std::uint64_t seed = 0;    // of synthesised blur: the same blur every time
  std::int64_t strips = 4;   // pictures kept for looking at
};

// Means over the images, of 8-bit values: psnr:rgb in dB and ssim:gauss2d-valid.
struct ValidationResult {
  std::int64_t images = 0;
  double psnr_blurred = 0.0;
  double psnr_restored = 0.0;
  double ssim_blurred = 0.0;
  double ssim_restored = 0.0;
  double seconds_per_image = 0.0;  // median, network only
  std::vector<FloatImage> strips;  // blurred | restored | sharp
  std::vector<std::string> names;  // of the strips
};

// Pairs smaller than the crop, or than the SSIM window of 11 pixels, throw Error.
ValidationResult validate(Restorer& restorer, const PairSource& source, const ValidationOptions& options);

// Writes the pairs that `validate` sees as folder/blurred/NAME.png and folder/sharp/NAME.png, so that other programs
// can be tried on them. Returns how many.
std::int64_t export_pairs(const PairSource& source, const ValidationOptions& options,
                          const std::filesystem::path& folder);

// Images of equal width one above the other.
FloatImage stack(const std::vector<FloatImage>& images);

}  // namespace dg
