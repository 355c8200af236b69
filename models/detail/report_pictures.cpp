// A strip holds one pair in each row: blurred | restored | sharp, squares. Blurred and sharp are the same in every strip of
// a run, so they are taken from the newest one only.
#include "models/detail/report_pictures.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "data/image_io.h"
#include "kernels/check.h"
#include "models/detail/report_curves.h"

namespace dg {
namespace {

constexpr int kQuality = 85;

// Which third of a row.
enum class Part : std::uint8_t { blurred, restored, sharp };

// A strip file, or what is wrong with it.
struct Strip {
  FloatImage image;
  std::int64_t side = 0;  // width of a picture
  std::int64_t rows = 0;
  std::int64_t row_height = 0;
};

Strip read_strip(const std::filesystem::path& path) {
  Strip strip{to_rgb(to_float(read_image(path)))};
  const FloatImage& image = strip.image;
  check(image.width % 3 == 0, path.string(), ": is ", image.width, " pixels wide, expected a multiple of 3");
  strip.side = image.width / 3;
  const bool squares = image.height % strip.side == 0;
  strip.rows = squares ? image.height / strip.side : 1;
  strip.row_height = squares ? strip.side : image.height;
  return strip;
}

std::vector<std::uint8_t> picture(const Strip& strip, std::int64_t row, Part part, std::int64_t width,
                                  std::int64_t height) {
  const std::int64_t x = strip.side * static_cast<std::int64_t>(part) + (strip.side - width) / 2;
  const std::int64_t y = strip.row_height * row + (strip.row_height - height) / 2;
  return encode_image(to_integer(crop(strip.image, x, y, width, height)), ImageFormat::jpeg,
                      {.jpeg_quality = kQuality});
}

// Of the validations in metrics.csv, newest first.
std::vector<std::int64_t> validated_steps(const std::vector<MetricsColumn>& columns) {
  const MetricsColumn* scores = find_column(columns, "psnr_restored");
  if (scores == nullptr) return {};
  const std::set<std::int64_t> steps(scores->steps.begin(), scores->steps.end());
  return {steps.rbegin(), steps.rend()};
}

}  // namespace

ReportPictures report_pictures(const RunFolder& run, const std::vector<MetricsColumn>& columns,
                               const ReportPictureOptions& options) {
  ReportPictures pictures;
  std::size_t bytes = 0;
  for (const std::int64_t step : validated_steps(columns)) {
    if (pictures.steps.size() == options.steps || bytes > options.budget) break;
    const std::filesystem::path path = run.strip(step);
    if (!std::filesystem::exists(path)) continue;
    Strip strip;
    try {
      strip = read_strip(path);
    } catch (const Error& error) {
      pictures.problems.emplace_back(error.what());
      continue;
    }
    const std::int64_t width = std::min(options.side, strip.side);
    const std::int64_t height = std::min(options.side, strip.row_height);
    if (pictures.pairs.empty()) {
      pictures.whole_side = strip.side;
      for (std::int64_t row = 0; row < strip.rows; ++row) {
        ReportPair pair;
        pair.width = width;
        pair.height = height;
        pair.blurred = picture(strip, row, Part::blurred, width, height);
        pair.sharp = picture(strip, row, Part::sharp, width, height);
        bytes += pair.blurred.size() + pair.sharp.size();
        pictures.pairs.push_back(std::move(pair));
      }
    }
    const auto rows = static_cast<std::int64_t>(pictures.pairs.size());
    if (strip.rows != rows || strip.side != pictures.whole_side) break;  // of another configuration
    std::vector<std::vector<std::uint8_t>> restored;
    for (std::int64_t row = 0; row < rows; ++row) {
      restored.push_back(picture(strip, row, Part::restored, width, height));
      bytes += restored.back().size();
    }
    if (bytes > options.budget && !pictures.steps.empty()) break;
    for (std::size_t row = 0; row < restored.size(); ++row)
      pictures.pairs[row].restored.push_back(std::move(restored[row]));
    pictures.steps.push_back(step);
  }
  return pictures;
}

}  // namespace dg
