// How good restored pictures are, pair by pair, by a named protocol, always beside the score of the blurred input.
// What comes out is summed up by models/evaluation_summary.h and written by models/evaluation_files.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/pair_source.h"
#include "data/pillow_resize.h"
#include "models/restorer.h"

namespace dg {

// Protocols differ by decibels on the same pictures, so figures of two of them must not share a table.
//   full       whole pictures, rounded to 8 bits, every metric
//   gopro      the same with the metrics of the deblurring literature: psnr:rgb, ssim:matlab3d (from MPRNet on),
//              ssim:gauss2d-valid (before, and BasicSR)
//   keras-256  RaphaelMeudec/deblur-gan and what builds on it: both pictures are squeezed to 256x256 by Pillow before
//              the network sees them, the result is cut off to 8 bits. Metrics: psnr:rgb, ssim:uniform7 (scikit-image's
//              default), ssim:gauss2d-valid. The filter is Pillow's default: bicubic since 7.0; with the 6.2 that the
//              program's requirements ask for it is nearest.
struct EvaluationProtocol {
  std::string name;
  std::string summary;     // one line
  std::int64_t width = 0;  // of the resized pictures; 0: as they are
  std::int64_t height = 0;
  PillowFilter filter = PillowFilter::bicubic;
  bool truncate = false;             // results are cut off to 8 bits instead of rounded
  std::vector<std::string> metrics;  // of data/metrics.h
};

// Throws Error that lists the names for any other.
EvaluationProtocol find_protocol(std::string_view name);
std::vector<std::string> protocol_names();

// Where the restored picture of a pair comes from.
struct Restoration {
  // Of the sample's size, RGB; or, where the protocol resizes, of the size that the pair has on disk.
  std::function<FloatImage(const Sample&)> picture;
  bool computed = true;  // false: it is read from a file, and no seconds are told
};

// The restorer must outlive it.
Restoration restored_by(Restorer& restorer);

// By name: FOLDER/NAME with any image extension, where NAME is the pair's; for SEQUENCE/FRAME of GOPRO_Large also
// FOLDER/SEQUENCE/{blur,blur_gamma}/FRAME. Throws Error if there is no such folder; the picture throws Error if there is
// none of that name, or several.
Restoration restored_in(const std::string& folder);

struct EvaluationOptions {
  EvaluationProtocol protocol;
  std::int64_t images = 0;        // at most, the first of the source; 0: all
  std::uint64_t seed = 0;         // of synthesised blur: the same blur every time
  bool score_in_parallel = true;  // blurred and restored on a thread each
};

// Nothing where the pictures are smaller than the metric's window.
struct PairScore {
  std::optional<double> blurred;
  std::optional<double> restored;
};

struct StageSeconds {
  double decode = 0.0;            // both pictures of the pair, or synthesising it
  std::optional<double> restore;  // the network, with padding, cropping and transfers
  std::optional<double> encode;   // as PNG, in memory
};

struct EvaluatedImage {
  std::string name;
  std::string sequence;    // see sequence_of
  std::int64_t width = 0;  // of the pictures that were compared
  std::int64_t height = 0;
  std::vector<PairScore> scores;  // in the order of the protocol's metrics
  StageSeconds seconds;
};

// One pair with its pictures as they were compared: 8-bit values, RGB.
struct MeasuredPair {
  EvaluatedImage image;
  FloatImage blurred;
  FloatImage restored;
  FloatImage sharp;
  std::vector<std::uint8_t> png;  // of `restored`; empty where it was not computed
};

// Measures pairs one by one, so that whoever calls decides when to stop. The source must outlive it.
class Evaluator {
 public:
  // Throws Error for an unknown metric, for a protocol without any, and for a source without pairs.
  Evaluator(const PairSource& source, Restoration restoration, EvaluationOptions options);

  std::int64_t size() const { return size_; }
  const EvaluationProtocol& protocol() const { return options_.protocol; }

  // Pair number i of 0..size()-1. Throws Error that names the pair or its file.
  MeasuredPair measure(std::int64_t i) const;

 private:
  const PairSource& source_;
  Restoration restoration_;
  EvaluationOptions options_;
  std::int64_t size_ = 0;
};

// The video that a frame belongs to: the name's folder, or what stands before the last underscore where at least four
// digits follow (GOPR0384_11_00_000001); else empty.
std::string sequence_of(const std::string& name);

}  // namespace dg
