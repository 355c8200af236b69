// Pairs in memory for the tests of evaluations.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/pair_source.h"
#include "models/evaluation_summary.h"
#include "tests/data/metrics_pictures.h"

namespace dg::test {

class FixedPairs : public PairSource {
 public:
  explicit FixedPairs(std::vector<Sample> samples) : samples_(std::move(samples)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  Sample load(std::int64_t index, RandomStream&, const CropRequest&) const override {
    return samples_[static_cast<std::size_t>(index)];
  }
  std::string describe() const override { return "fixed pairs"; }

 private:
  std::vector<Sample> samples_;
};

inline Sample formula_pair(const std::string& name, std::int64_t width = 40, std::int64_t height = 30) {
  return {formula_picture(width, height, 3, true), formula_picture(width, height, 3, false), name};
}

// Nothing is restored: the blurred picture itself.
inline Restoration identity() {
  return {[](const Sample& sample) { return sample.blurred; }, true};
}

inline EvaluationOptions with_metrics(std::vector<std::string> metrics) {
  EvaluationOptions options;
  options.protocol = find_protocol("full");
  options.protocol.metrics = std::move(metrics);
  return options;
}

inline EvaluatedImage scored(const std::string& name, std::vector<PairScore> scores) {
  EvaluatedImage image;
  image.name = name;
  image.sequence = sequence_of(name);
  image.width = 40;
  image.height = 30;
  image.scores = std::move(scores);
  return image;
}

}  // namespace dg::test
