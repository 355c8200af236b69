#include "models/detail/evaluation_histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <locale>
#include <sstream>
#include <utility>

#include "models/detail/html.h"

namespace dg {
namespace {

constexpr std::size_t kBins = 20;
constexpr double kWidth = 340.0;
constexpr double kHeight = 120.0;
constexpr double kTop = 14.0;     // room for the highest count
constexpr double kBottom = 18.0;  // and for the range

struct Series {
  const char* name;
  std::vector<double> values;  // finite
};

using Counts = std::array<std::size_t, kBins>;

Counts counts_of(const std::vector<double>& values, double low, double high) {
  Counts counts{};
  for (const double value : values) {
    const double place = high > low ? (value - low) / (high - low) * kBins : 0.0;
    ++counts[std::min(static_cast<std::size_t>(place), kBins - 1)];
  }
  return counts;
}

void draw_bars(std::ostringstream& svg, const char* name, const Counts& counts, std::size_t highest,
               double left, double width) {
  for (std::size_t b = 0; b < kBins; ++b) {
    if (counts[b] == 0) continue;
    const double height = kHeight * static_cast<double>(counts[b]) / static_cast<double>(highest);
    svg << "<rect class=\"of-" << name << "\" x=\"" << left + kWidth / kBins * static_cast<double>(b)
        << "\" y=\"" << kTop + kHeight - height << "\" width=\"" << width << "\" height=\"" << height
        << "\"/>";
  }
}

std::string draw(const std::string& title, const std::vector<Series>& series, std::size_t infinite,
                 int digits) {
  double low = INFINITY;
  double high = -INFINITY;
  for (const Series& one : series) {
    for (const double value : one.values) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return {};
  std::vector<Counts> counts;
  std::size_t highest = 0;
  for (const Series& one : series) {
    counts.push_back(counts_of(one.values, low, high));
    highest = std::max(highest, *std::max_element(counts.back().begin(), counts.back().end()));
  }
  const double bar = kWidth / kBins * 0.9 / static_cast<double>(series.size());
  std::ostringstream svg;
  svg.imbue(std::locale::classic());
  svg << "<figure><svg width=\"" << kWidth << "\" height=\"" << kTop + kHeight + kBottom
      << "\" role=\"img\" aria-label=\"" << html::escaped(title) << "\">";
  for (std::size_t s = 0; s < series.size(); ++s)
    draw_bars(svg, series[s].name, counts[s], highest, static_cast<double>(s) * bar, bar);
  const double base = kTop + kHeight;
  svg << "<line x1=\"0\" x2=\"" << kWidth << "\" y1=\"" << base << "\" y2=\"" << base << "\"/>"
      << "<text x=\"0\" y=\"" << base + 14.0 << "\">" << html::number(low, digits) << "</text>"
      << "<text x=\"" << kWidth << "\" y=\"" << base + 14.0 << "\" text-anchor=\"end\">"
      << html::number(high, digits) << "</text><text x=\"" << kWidth
      << "\" y=\"10\" text-anchor=\"end\">most: " << highest << "</text></svg><figcaption>"
      << html::escaped(title);
  if (infinite > 0) svg << " <span class=\"faint\">(" << infinite << " infinite, not shown)</span>";
  svg << "</figcaption></figure>\n";
  return svg.str();
}

}  // namespace

std::string score_histogram(const Evaluation& evaluation, std::size_t metric) {
  Series blurred{"blurred", {}};
  Series restored{"restored", {}};
  std::size_t infinite = 0;
  for (const EvaluatedImage& image : evaluation.images) {
    const PairScore& score = image.scores[metric];
    for (const auto& [value, series] :
         {std::pair{score.blurred, &blurred}, std::pair{score.restored, &restored}}) {
      if (value && std::isinf(*value)) ++infinite;
      if (value && std::isfinite(*value)) series->values.push_back(*value);
    }
  }
  const std::string& name = evaluation.protocol.metrics[metric];
  return draw(name, {std::move(blurred), std::move(restored)}, infinite, score_digits(name));
}

std::string gain_histogram(const Evaluation& evaluation, std::size_t metric) {
  Series gains{"restored", {}};
  std::size_t infinite = 0;
  for (const EvaluatedImage& image : evaluation.images) {
    const std::optional<double> value = gain(image.scores[metric]);
    if (value && std::isinf(*value)) ++infinite;
    if (value && std::isfinite(*value)) gains.values.push_back(*value);
  }
  const std::string& name = evaluation.protocol.metrics[metric];
  return draw("gain in " + name, {std::move(gains)}, infinite, score_digits(name));
}

}  // namespace dg
