#include "models/validation.h"

#include <algorithm>
#include <chrono>

#include "data/image_io.h"
#include "data/metrics.h"
#include "kernels/check.h"

namespace dg {
namespace {

// Pair number i, the same every time.
Sample held_out_pair(const PairSource& source, const ValidationOptions& options, std::int64_t i) {
  RandomStream stream(options.seed, static_cast<std::uint64_t>(i));
  return source.load(i, stream, {options.crop, options.crop, true});
}

}  // namespace

ValidationResult validate(Restorer& restorer, const PairSource& source, const ValidationOptions& options) {
  ValidationResult result;
  result.images = std::min(options.images, source.size());
  check(result.images > 0, "validation: the data set is empty");
  std::vector<double> seconds;
  for (std::int64_t i = 0; i < result.images; ++i) {
    const Sample sample = held_out_pair(source, options, i);
    const auto start = std::chrono::steady_clock::now();
    FloatImage restored = restorer.restore(sample.blurred);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());

    const FloatImage blurred = quantize8(sample.blurred);
    const FloatImage sharp = quantize8(sample.sharp);
    restored = quantize8(restored);
    result.psnr_blurred += psnr(blurred, sharp);
    result.psnr_restored += psnr(restored, sharp);
    result.ssim_blurred += ssim_gauss2d_valid(blurred, sharp);
    result.ssim_restored += ssim_gauss2d_valid(restored, sharp);
    if (i < options.strips) {
      result.strips.push_back(side_by_side({blurred, restored, sharp}));
      result.names.push_back(sample.name);
    }
  }
  const auto n = static_cast<double>(result.images);
  for (double* sum :
       {&result.psnr_blurred, &result.psnr_restored, &result.ssim_blurred, &result.ssim_restored}) {
    *sum /= n;
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2),
                   seconds.end());
  result.seconds_per_image = seconds[seconds.size() / 2];
  return result;
}

std::int64_t export_pairs(const PairSource& source, const ValidationOptions& options,
                          const std::filesystem::path& folder) {
  const std::int64_t images = std::min(options.images, source.size());
  for (std::int64_t i = 0; i < images; ++i) {
    const Sample sample = held_out_pair(source, options, i);
    std::string number = std::to_string(i);
    number.insert(0, 3 - std::min<std::size_t>(number.size(), 3), '0');
    for (const auto& [part, image] :
         {std::pair{"blurred", &sample.blurred}, std::pair{"sharp", &sample.sharp}}) {
      std::error_code error;
      std::filesystem::create_directories(folder / part, error);
      check(!error, (folder / part).string(), ": cannot be created: ", error.message());
      write_image(folder / part / (number + ".png"), to_integer(*image));
    }
  }
  return images;
}

FloatImage stack(const std::vector<FloatImage>& images) {
  check(!images.empty(), "stack: got no images");
  FloatImage out(images.front().width, 0, images.front().channels);
  for (const FloatImage& image : images) {
    check(image.width == out.width && image.channels == out.channels, "stack: images are ", image.width,
          " and ", out.width, " wide, expected equal widths and channels");
    out.pixels.insert(out.pixels.end(), image.pixels.begin(), image.pixels.end());
    out.height += image.height;
  }
  return out;
}

}  // namespace dg
