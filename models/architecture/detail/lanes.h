// Lines side by side that do not cover each other.
#pragma once

#include <vector>

namespace dg::detail {

struct Interval {
  double begin = 0.0;
  double end = 0.0;
};

// A lane for each interval, from 0 on: those in one lane do not touch, and shorter ones lie further in.
std::vector<int> assign_lanes(const std::vector<Interval>& intervals);

}  // namespace dg::detail
