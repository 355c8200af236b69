#include "models/evaluation_gallery.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "data/image_io.h"
#include "models/evaluation_summary.h"

namespace dg {
namespace {

constexpr int kCaseQuality = 88;
constexpr int kThumbnailQuality = 75;

Jpeg jpeg(const FloatImage& image, int quality) {
  return encode_image(to_integer(image), ImageFormat::jpeg, {.jpeg_quality = quality});
}

// Sum of |a - b| over a window, every other pixel.
double difference(const FloatImage& a, const FloatImage& b, const GalleryCase& window) {
  double sum = 0.0;
  for (std::int64_t y = window.y; y < window.y + window.height; y += 2) {
    for (std::int64_t x = window.x; x < window.x + window.width; x += 2)
      sum += std::abs(static_cast<double>(a.at(y, x, 1)) - static_cast<double>(b.at(y, x, 1)));
  }
  return sum;
}

// Windows at half steps; the first of equals.
void choose_window(const MeasuredPair& pair, const GalleryOptions& options, GalleryCase& shown) {
  GalleryCase window;
  window.width = std::min(options.case_width, pair.sharp.width);
  window.height = std::min(options.case_height, pair.sharp.height);
  const std::int64_t last_x = pair.sharp.width - window.width;
  const std::int64_t last_y = pair.sharp.height - window.height;
  const std::int64_t step_x = std::max<std::int64_t>(window.width / 2, 1);
  const std::int64_t step_y = std::max<std::int64_t>(window.height / 2, 1);
  double most = -1.0;
  for (std::int64_t y = 0; y < last_y + step_y; y += step_y) {
    for (std::int64_t x = 0; x < last_x + step_x; x += step_x) {
      window.x = std::min(x, last_x);
      window.y = std::min(y, last_y);
      const double found = difference(pair.blurred, pair.sharp, window);
      if (found <= most) continue;
      most = found;
      shown.x = window.x;
      shown.y = window.y;
    }
  }
  shown.width = window.width;
  shown.height = window.height;
}

}  // namespace

void EvaluationGallery::add(const MeasuredPair& pair) {
  const std::size_t index = added_++;
  if (index < options_.thumbnails) {
    const std::int64_t height = std::min(options_.thumbnail_height, pair.sharp.height);
    const std::int64_t width =
        std::clamp<std::int64_t>(pair.sharp.width * height / pair.sharp.height, 1, 3 * height);
    const auto small = [&](const FloatImage& image) { return resize_bicubic(image, width, height); };
    thumbnails_.push_back(jpeg(side_by_side({small(pair.blurred), small(pair.restored), small(pair.sharp)}),
                               kThumbnailQuality));
  }

  // Kept: the `cases` lowest and the `cases` highest.
  const double gained = gain(pair.image.scores.front()).value_or(0.0);
  const bool full = cases_.size() >= 2 * options_.cases;
  if (full && options_.cases > 0) {
    const double low_end = std::next(cases_.begin(), static_cast<std::ptrdiff_t>(options_.cases) - 1)->first;
    const double high_end = std::next(cases_.begin(), static_cast<std::ptrdiff_t>(options_.cases))->first;
    if (gained >= low_end && gained <= high_end) return;
  }
  if (options_.cases == 0) return;
  GalleryCase shown;
  shown.index = index;
  shown.gain = gained;
  choose_window(pair, options_, shown);
  const auto window = [&](const FloatImage& image) {
    return jpeg(crop(image, shown.x, shown.y, shown.width, shown.height), kCaseQuality);
  };
  shown.blurred = window(pair.blurred);
  shown.restored = window(pair.restored);
  shown.sharp = window(pair.sharp);
  cases_.emplace(gained, std::move(shown));
  if (full) cases_.erase(std::next(cases_.begin(), static_cast<std::ptrdiff_t>(options_.cases)));
}

std::vector<const GalleryCase*> EvaluationGallery::best() const {
  const std::size_t count = std::min(options_.cases, (cases_.size() + 1) / 2);
  std::vector<const GalleryCase*> found;
  for (auto it = cases_.rbegin(); found.size() < count; ++it) found.push_back(&it->second);
  return found;
}

std::vector<const GalleryCase*> EvaluationGallery::worst() const {
  const std::size_t count = std::min(options_.cases, cases_.size() / 2);
  std::vector<const GalleryCase*> found;
  for (auto it = cases_.begin(); found.size() < count; ++it) found.push_back(&it->second);
  return found;
}

const Jpeg& EvaluationGallery::thumbnail(std::size_t index) const {
  static const Jpeg none;
  return index < thumbnails_.size() ? thumbnails_[index] : none;
}

}  // namespace dg
