// The curves of a run's report: what metrics.csv holds, thinned to what a screen can show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/metrics_log.h"

namespace dg {

// Consecutive values are joined: their mean, their lowest and their highest. Without joining low and high are empty.
struct Curve {
  std::string name;
  int colour = 0;  // kReference: something to compare with, in grey
  std::vector<double> step;
  std::vector<double> mean;
  std::vector<double> low;
  std::vector<double> high;
};

inline constexpr int kReference = -1;
inline constexpr std::size_t kCurvePoints = 1000;

// At most `points` of them, each of equally many values (the last of fewer). The extremes stay: the lowest `low` and the
// highest `high` are those of the column. Values that are not finite are left out.
Curve thinned(const MetricsColumn& column, std::size_t points = kCurvePoints);

// At each step that any of the columns has, the sum of those that have it.
MetricsColumn sum_of(const std::vector<const MetricsColumn*>& columns, const std::string& name);

struct Chart {
  std::string title;
  bool noisy = false;  // worth smoothing
  std::vector<Curve> curves;
};

// Losses, scores, learning rate, images per second, and a chart for every column of another name.
std::vector<Chart> charts_of(const std::vector<MetricsColumn>& columns);

// For a script block: no "<" in it.
std::string to_json(const std::vector<Chart>& charts);

const MetricsColumn* find_column(const std::vector<MetricsColumn>& columns, std::string_view name);

}  // namespace dg
