#include "models/architecture/detail/lanes.h"

#include <algorithm>
#include <cstddef>

namespace dg::detail {

std::vector<int> assign_lanes(const std::vector<Interval>& intervals) {
  std::vector<std::size_t> order(intervals.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return intervals[a].end - intervals[a].begin < intervals[b].end - intervals[b].begin;
  });
  std::vector<std::vector<Interval>> lanes;
  std::vector<int> result(intervals.size(), 0);
  for (const std::size_t i : order) {
    const auto is_free = [&](const std::vector<Interval>& lane) {
      return std::none_of(lane.begin(), lane.end(), [&](const Interval& other) {
        return intervals[i].begin <= other.end && other.begin <= intervals[i].end;
      });
    };
    const auto lane = std::find_if(lanes.begin(), lanes.end(), is_free);
    result[i] = static_cast<int>(lane - lanes.begin());
    if (lane == lanes.end()) {
      lanes.push_back({intervals[i]});
    } else {
      lane->push_back(intervals[i]);
    }
  }
  return result;
}

}  // namespace dg::detail
