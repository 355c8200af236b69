#include "models/evaluation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <future>
#include <utility>

#include "data/image_io.h"
#include "data/metrics.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 3> kProtocolNames = {"full", "gopro", "keras-256"};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

FloatImage resized(const FloatImage& image, const EvaluationProtocol& protocol) {
  return to_float(resize_as_pillow(to_integer(image), protocol.width, protocol.height, protocol.filter));
}

std::vector<std::optional<double>> scores_of(const FloatImage& image, const FloatImage& sharp,
                                             const std::vector<std::string>& metrics) {
  std::vector<std::optional<double>> values;
  for (const std::string& name : metrics) {
    const bool fits = std::min(image.width, image.height) >= metric_minimum_side(name);
    values.push_back(fits ? std::optional(metric(name, image, sharp)) : std::nullopt);
  }
  return values;
}

std::vector<PairScore> score_pair(const MeasuredPair& pair, const std::vector<std::string>& metrics,
                                  bool parallel) {
  auto blurred = std::async(parallel ? std::launch::async : std::launch::deferred,
                            [&] { return scores_of(pair.blurred, pair.sharp, metrics); });
  const auto restored = scores_of(pair.restored, pair.sharp, metrics);
  const auto before = blurred.get();
  std::vector<PairScore> scores;
  for (std::size_t m = 0; m < metrics.size(); ++m) scores.push_back({before[m], restored[m]});
  return scores;
}

// Files NAME.* of any image extension.
void add_images_named(const fs::path& stem, std::vector<fs::path>& found) {
  std::error_code no_such_folder;
  for (const auto& entry : fs::directory_iterator(stem.parent_path(), no_such_folder)) {
    if (entry.path().stem() == stem.filename() && is_image_path(entry.path()) && entry.is_regular_file())
      found.push_back(entry.path());
  }
}

fs::path restored_file(const fs::path& folder, const std::string& name) {
  const fs::path relative(name);
  std::vector<fs::path> found;
  add_images_named(folder / relative, found);
  for (const char* part : {"blur", "blur_gamma"}) {
    if (found.empty() && relative.has_parent_path())
      add_images_named(folder / relative.parent_path() / part / relative.filename(), found);
  }
  check(!found.empty(), "pair '", name, "': no restored picture of this name in ", folder.string(),
        "; expected ", (folder / relative).string(), " with .png or another image extension");
  std::sort(found.begin(), found.end());
  check(found.size() == 1, "pair '", name, "': there are several restored pictures, ", found[0].string(),
        " and ", found.back().string(), "; keep one");
  return found[0];
}

}  // namespace

EvaluationProtocol find_protocol(std::string_view name) {
  if (name == "full") {
    return {.name = "full", .summary = "whole pictures, RGB, rounded to 8 bits", .metrics = metric_names()};
  }
  if (name == "gopro") {
    return {.name = "gopro",
            .summary = "whole pictures, RGB, rounded to 8 bits; MATLAB's 3-D SSIM beside the 2-D one",
            .metrics = {"psnr:rgb", "ssim:matlab3d", "ssim:gauss2d-valid"}};
  }
  if (name == "keras-256") {
    return {.name = "keras-256",
            .summary = "both pictures resized to 256x256 as Pillow does, results cut off to 8 bits",
            .width = 256,
            .height = 256,
            .truncate = true,
            .metrics = {"psnr:rgb", "ssim:uniform7", "ssim:gauss2d-valid"}};
  }
  fail("protocol: got '", name, "', expected full, gopro or keras-256");
}

std::vector<std::string> protocol_names() { return {kProtocolNames.begin(), kProtocolNames.end()}; }

Restoration restored_by(Restorer& restorer) {
  return {[&restorer](const Sample& sample) { return restorer.restore(sample.blurred); }, true};
}

Restoration restored_in(const std::string& folder) {
  check(fs::is_directory(folder), folder, ": is not a folder; give the folder of restored pictures");
  return {[folder](const Sample& sample) {
            return to_rgb(to_float(read_image(restored_file(folder, sample.name))));
          },
          false};
}

Evaluator::Evaluator(const PairSource& source, Restoration restoration, EvaluationOptions options)
    : source_(source), restoration_(std::move(restoration)), options_(std::move(options)) {
  check(!options_.protocol.metrics.empty(), "evaluation: the protocol '", options_.protocol.name,
        "' names no metric; name at least one");
  for (const std::string& name : options_.protocol.metrics) metric_minimum_side(name);
  check(options_.images >= 0, "evaluation: at most ", options_.images, " images, expected 0 (all) or more");
  size_ = options_.images == 0 ? source.size() : std::min(options_.images, source.size());
  check(size_ > 0, "evaluation: the data set has no pairs; ", source.describe());
}

MeasuredPair Evaluator::measure(std::int64_t i) const {
  const EvaluationProtocol& protocol = options_.protocol;
  MeasuredPair pair;
  EvaluatedImage& image = pair.image;

  const auto decoding = std::chrono::steady_clock::now();
  RandomStream stream(options_.seed, static_cast<std::uint64_t>(i));
  Sample sample = source_.load(i, stream, {0, 0, true});
  image.seconds.decode = seconds_since(decoding);
  image.name = sample.name;
  image.sequence = sequence_of(sample.name);
  const std::int64_t stored_width = sample.sharp.width;
  const std::int64_t stored_height = sample.sharp.height;
  if (protocol.width > 0) {
    sample.blurred = resized(sample.blurred, protocol);
    sample.sharp = resized(sample.sharp, protocol);
  }

  const auto restoring = std::chrono::steady_clock::now();
  FloatImage restored = restoration_.picture(sample);
  if (restoration_.computed) image.seconds.restore = seconds_since(restoring);
  const bool stored_size = restored.width == stored_width && restored.height == stored_height;
  const bool right_size = restored.width == sample.sharp.width && restored.height == sample.sharp.height;
  if (stored_size && !right_size) restored = resized(restored, protocol);  // only where the protocol resizes
  check(restored.width == sample.sharp.width && restored.height == sample.sharp.height, "pair '", sample.name,
        "': the restored picture has ", restored.width, "x", restored.height, " pixels, the sharp one ",
        sample.sharp.width, "x", sample.sharp.height, "; restore the blurred picture in its own size");

  pair.blurred = quantize8(sample.blurred);
  pair.sharp = quantize8(sample.sharp);
  pair.restored = protocol.truncate ? truncate8(restored) : quantize8(restored);
  if (restoration_.computed) {
    const auto encoding = std::chrono::steady_clock::now();
    pair.png = encode_image(to_integer(pair.restored), ImageFormat::png);
    image.seconds.encode = seconds_since(encoding);
  }
  image.width = pair.sharp.width;
  image.height = pair.sharp.height;
  image.scores = score_pair(pair, protocol.metrics, options_.score_in_parallel);
  return pair;
}

std::string sequence_of(const std::string& name) {
  constexpr std::size_t kFrameDigits = 4;
  if (const auto slash = name.rfind('/'); slash != std::string::npos) return name.substr(0, slash);
  const auto underscore = name.rfind('_');
  if (underscore == std::string::npos || name.size() - underscore <= kFrameDigits) return {};
  const bool digits = name.find_first_not_of("0123456789", underscore + 1) == std::string::npos;
  return digits ? name.substr(0, underscore) : std::string();
}

}  // namespace dg
