// For benchmarks in Google Benchmark's own way: a verified start, and medians with their spread.
#pragma once

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

namespace dg::bench {

// The largest difference over the largest expected value; infinite for a NaN.
inline double relative_difference(const std::vector<float>& actual, const std::vector<float>& expected) {
  double scale = 0.0;
  double worst = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = std::abs(static_cast<double>(actual[i]) - static_cast<double>(expected[i]));
    if (std::isnan(difference)) return INFINITY;
    worst = std::max(worst, difference);
    scale = std::max(scale, std::abs(static_cast<double>(expected[i])));
  }
  return worst / std::max(scale, 1e-30);
}

// A wrong kernel is not worth timing: says so and ends the program.
inline void require_correct(const std::string& what, double difference, double tolerance) {
  if (difference <= tolerance) return;
  std::fprintf(stderr, "%s differs from the reference by %.3g of its largest value, expected at most %.3g\n",
               what.c_str(), difference, tolerance);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread runs the benchmarks
}

// Wall time, several repetitions, and of those the median, the fastest and the spread (stddev, cv).
inline benchmark::internal::Benchmark* report_median(benchmark::internal::Benchmark* b, int repetitions) {
  return b->UseRealTime()
      ->MeasureProcessCPUTime()
      ->Unit(benchmark::kMillisecond)
      ->Repetitions(repetitions)
      ->ReportAggregatesOnly(true)
      ->ComputeStatistics("min",
                          [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
}

inline benchmark::Counter per_second(double amount) {
  return {amount, benchmark::Counter::kIsIterationInvariantRate};
}

// The largest resident memory of this process so far, in MB; 0 where the system does not tell.
inline double peak_rss_mb() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1000.0 * 1.024;
  }
  return 0.0;
}

}  // namespace dg::bench
