// From the scores of single pictures to the figures of a table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/evaluation.h"

namespace dg {

// All that an evaluation has found so far.
struct Evaluation {
  EvaluationProtocol protocol;
  std::string data;            // PairSource::describe
  std::int64_t requested = 0;  // pairs that were to be measured
  std::vector<EvaluatedImage> images;
  std::vector<std::string> failures;  // one sentence per pair that could not be measured

  // Whether every pair has been tried; not so where the user stopped.
  bool finished() const { return static_cast<std::int64_t>(images.size() + failures.size()) == requested; }
};

// The mean of the pictures' values: not PSNR of the mean error, nor the mean of the sequences' means. One picture that
// equals its sharp one makes mean PSNR infinite. Values are nothing where no picture has one.
struct MeanScore {
  std::int64_t images = 0;  // that have a value
  std::optional<double> blurred;
  std::optional<double> restored;
};

struct SequenceScores {
  std::string name;  // empty: pictures that belong to none
  std::int64_t images = 0;
  std::vector<MeanScore> scores;  // in the order of the protocol's metrics
};

// In the order of the protocol's metrics.
std::vector<MeanScore> mean_scores(const Evaluation& evaluation);

// By name.
std::vector<SequenceScores> sequence_scores(const Evaluation& evaluation);

// Digits behind the point that scores of a metric are shown with: 2 of PSNR, 4 of SSIM.
int score_digits(const std::string& metric);

// restored - blurred; 0 where both are infinite, nothing where one is missing.
std::optional<double> gain(const PairScore& score);

// Quartiles between two values are interpolated.
struct Spread {
  std::int64_t count = 0;
  double median = 0.0;
  double first_quartile = 0.0;
  double third_quartile = 0.0;
  double minimum = 0.0;
  double maximum = 0.0;
};

// Nothing without values.
std::optional<Spread> spread_of(std::vector<double> values);

// Seconds per image, of all images that have them.
struct SecondsSpread {
  std::optional<Spread> decode;
  std::optional<Spread> restore;
  std::optional<Spread> encode;
};
SecondsSpread seconds_spread(const Evaluation& evaluation);

}  // namespace dg
