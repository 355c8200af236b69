// Repeated measurements of one thing, and what they come to.
#pragma once

#include <functional>
#include <vector>

namespace dg::bench {

struct Timing {
  double median = 0.0;  // seconds, as all of them
  double fastest = 0.0;
  double spread = 0.0;  // from the 10th to the 90th percentile, over the median
  int samples = 0;
  std::vector<double> sorted;  // all samples
};

struct Sampling {
  int at_least = 5;
  int at_most = 25;
  double seconds = 0.5;  // after `at_least` samples, none is begun beyond this
};

Timing summarize(std::vector<double> seconds);

// `sample` returns the seconds of one run.
Timing collect(const Sampling& sampling, const std::function<double()>& sample);

}  // namespace dg::bench
