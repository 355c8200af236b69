#include "models/evaluation_summary.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace dg {
namespace {

std::vector<MeanScore> means_of(const std::vector<const EvaluatedImage*>& images, std::size_t metrics) {
  std::vector<MeanScore> means(metrics);
  for (std::size_t m = 0; m < metrics; ++m) {
    MeanScore& mean = means[m];
    double blurred = 0.0;
    double restored = 0.0;
    for (const EvaluatedImage* image : images) {
      const PairScore& score = image->scores[m];
      if (!score.blurred || !score.restored) continue;
      ++mean.images;
      blurred += *score.blurred;
      restored += *score.restored;
    }
    if (mean.images == 0) continue;
    mean.blurred = blurred / static_cast<double>(mean.images);
    mean.restored = restored / static_cast<double>(mean.images);
  }
  return means;
}

double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], place - static_cast<double>(below));
}

}  // namespace

std::vector<MeanScore> mean_scores(const Evaluation& evaluation) {
  std::vector<const EvaluatedImage*> all;
  for (const EvaluatedImage& image : evaluation.images) all.push_back(&image);
  return means_of(all, evaluation.protocol.metrics.size());
}

std::vector<SequenceScores> sequence_scores(const Evaluation& evaluation) {
  std::map<std::string, std::vector<const EvaluatedImage*>> by_name;
  for (const EvaluatedImage& image : evaluation.images) by_name[image.sequence].push_back(&image);
  std::vector<SequenceScores> sequences;
  sequences.reserve(by_name.size());
  for (const auto& [name, images] : by_name) {
    sequences.push_back({name, static_cast<std::int64_t>(images.size()),
                         means_of(images, evaluation.protocol.metrics.size())});
  }
  return sequences;
}

int score_digits(const std::string& metric) { return metric.starts_with("psnr") ? 2 : 4; }

std::optional<double> gain(const PairScore& score) {
  if (!score.blurred || !score.restored) return std::nullopt;
  if (*score.blurred == *score.restored) return 0.0;
  return *score.restored - *score.blurred;
}

std::optional<Spread> spread_of(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return Spread{static_cast<std::int64_t>(values.size()),
                quantile(values, 0.5),
                quantile(values, 0.25),
                quantile(values, 0.75),
                values.front(),
                values.back()};
}

SecondsSpread seconds_spread(const Evaluation& evaluation) {
  std::vector<double> decode;
  std::vector<double> restore;
  std::vector<double> encode;
  for (const EvaluatedImage& image : evaluation.images) {
    decode.push_back(image.seconds.decode);
    if (image.seconds.restore) restore.push_back(*image.seconds.restore);
    if (image.seconds.encode) encode.push_back(*image.seconds.encode);
  }
  return {spread_of(std::move(decode)), spread_of(std::move(restore)), spread_of(std::move(encode))};
}

}  // namespace dg
