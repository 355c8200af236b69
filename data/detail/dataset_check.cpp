#include "data/detail/dataset_check.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "data/image_io.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

std::string size_text(const ImageInfo& info) {
  return std::to_string(info.width) + "x" + std::to_string(info.height);
}

// One file, or two with the same bytes.
bool same_bytes(const fs::path& a, const fs::path& b) {
  std::error_code ignored;
  if (fs::equivalent(a, b, ignored)) {
    return true;
  }
  if (fs::file_size(a, ignored) != fs::file_size(b, ignored)) {
    return false;
  }
  std::ifstream first(a, std::ios::binary);
  std::ifstream second(b, std::ios::binary);
  std::string block_a(1 << 16, '\0');
  std::string block_b(block_a.size(), '\0');
  while (first && second) {
    first.read(block_a.data(), static_cast<std::streamsize>(block_a.size()));
    second.read(block_b.data(), static_cast<std::streamsize>(block_b.size()));
    if (first.gcount() != second.gcount() ||
        !std::equal(block_a.begin(), block_a.begin() + first.gcount(), block_b.begin())) {
      return false;
    }
  }
  return true;
}

bool same_halves(const Image& strip) {
  const std::int64_t half = strip.width / 2 * strip.channels;
  for (std::int64_t y = 0; y < strip.height; ++y) {
    const auto row = strip.pixels.begin() + static_cast<std::ptrdiff_t>(y * strip.width * strip.channels);
    if (!std::equal(row, row + half, row + half)) {
      return false;
    }
  }
  return true;
}

class Checker {
 public:
  Checker(const DatasetListing& listing, const DatasetOptions& options)
      : listing_(listing), options_(options) {}

  std::vector<DatasetProblem> run() {
    for (const PairFiles& pair : listing_.pairs) {
      check_headers(pair);
    }
    const std::size_t stride = decode_stride();
    for (std::size_t i = 0; i < listing_.pairs.size(); ++i) {
      check_content(listing_.pairs[i], i % stride == 0);
    }
    sum_up();
    return std::move(problems_);
  }

 private:
  void error(std::string message) {
    problems_.push_back({DatasetProblem::Severity::error, std::move(message)});
  }
  void warn(std::string message) {
    problems_.push_back({DatasetProblem::Severity::warning, std::move(message)});
  }

  std::optional<ImageInfo> probe(const fs::path& path) {
    try {
      return probe_image(path);
    } catch (const Error& e) {
      error(e.what());
      return std::nullopt;
    }
  }

  std::optional<Image> decode(const fs::path& path) {
    try {
      return read_image(path);
    } catch (const Error& e) {
      error(e.what());
      return std::nullopt;
    }
  }

  void check_headers(const PairFiles& pair) {
    const std::size_t before = problems_.size();
    const auto sharp = probe(pair.sharp);
    const auto blurred = listing_.kind == ListingKind::pairs ? probe(pair.blurred) : sharp;
    header_ok_.push_back(problems_.size() == before);
    if (!sharp || !blurred) {
      return;
    }
    ImageInfo picture = *sharp;
    pixels_ += sharp->width * sharp->height * (listing_.kind == ListingKind::pairs ? 2 : 1);
    if (blurred->width != sharp->width || blurred->height != sharp->height) {
      error("'" + pair.blurred.string() + "' is " + size_text(*blurred) + " pixels but its partner '" +
            pair.sharp.string() + "' is " + size_text(*sharp) + "; a pair must have one size");
      header_ok_.back() = false;
    }
    if (listing_.kind == ListingKind::strips) {
      picture.width /= 2;
      if (sharp->width % 2 != 0) {
        error("the strip '" + pair.sharp.string() + "' is " + std::to_string(sharp->width) +
              " pixels wide, which does not divide into two equal halves");
        header_ok_.back() = false;
      }
    }
    if (picture.width < options_.min_width || picture.height < options_.min_height) {
      too_small_.push_back(pair.sharp.string());
    }
    twice_as_wide_ += sharp->width == 2 * sharp->height ? 1 : 0;
  }

  // Decode every k-th pair.
  std::size_t decode_stride() const {
    if (options_.decode_budget_megapixels < 0.0) {
      return 1;
    }
    const double share =
        static_cast<double>(pixels_) / (1e6 * std::max(options_.decode_budget_megapixels, 1e-6));
    return static_cast<std::size_t>(std::max(1.0, std::ceil(share)));
  }

  void check_content(const PairFiles& pair, bool decode_it) {
    const auto i = static_cast<std::size_t>(&pair - listing_.pairs.data());
    if (!header_ok_[i]) {
      return;
    }
    bool identical = listing_.kind == ListingKind::pairs && same_bytes(pair.blurred, pair.sharp);
    if (decode_it) {
      const auto sharp = decode(pair.sharp);
      if (listing_.kind == ListingKind::strips && sharp) {
        identical = same_halves(*sharp);
      }
      if (listing_.kind == ListingKind::pairs && !identical) {
        const auto blurred = decode(pair.blurred);
        identical = sharp && blurred && sharp->channels == blurred->channels &&
                    sharp->bit_depth == blurred->bit_depth && sharp->pixels == blurred->pixels;
      }
    }
    if (decode_it || listing_.kind == ListingKind::pairs) {
      ++compared_;
    }
    if (identical) {
      identical_.push_back(pair.name);
    }
  }

  void sum_up() {
    const std::size_t total = listing_.pairs.size();
    if (!too_small_.empty()) {
      error(std::to_string(too_small_.size()) + " of " + std::to_string(total) +
            " pictures are smaller than the crop of " + std::to_string(options_.min_width) + "x" +
            std::to_string(options_.min_height) + ": " + name_some(too_small_) +
            "; use a smaller crop or remove them");
    }
    if (2 * identical_.size() > compared_) {
      error("blurred and sharp are the same picture in " + std::to_string(identical_.size()) + " of " +
            std::to_string(compared_) + " pairs compared: " + name_some(identical_) +
            "; a network would learn to do nothing, so give it really blurred pictures");
    } else if (!identical_.empty()) {
      warn("blurred and sharp are the same picture in " + std::to_string(identical_.size()) + " of " +
           std::to_string(compared_) + " pairs compared: " + name_some(identical_));
    }
    if (listing_.kind == ListingKind::sharp_only && twice_as_wide_ == total && total > 0) {
      warn(
          "all pictures are exactly twice as wide as high, as side-by-side strips are, but are read as sharp "
          "pictures; ask for the aligned layout if each holds a pair");
    }
  }

  const DatasetListing& listing_;
  const DatasetOptions& options_;
  std::vector<DatasetProblem> problems_;
  std::vector<bool> header_ok_;
  std::vector<std::string> too_small_;
  std::vector<std::string> identical_;
  std::size_t compared_ = 0;
  std::int64_t pixels_ = 0;
  std::size_t twice_as_wide_ = 0;
};

}  // namespace

std::vector<DatasetProblem> check_files(const DatasetListing& listing, const DatasetOptions& options) {
  return Checker(listing, options).run();
}

}  // namespace dg
