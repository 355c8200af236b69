// For benchmarks in Google Benchmark's own way: a verified start, and medians with their spread.
#pragma once

#include <algorithm>
#include <benchmark/benchmark.h>
#include <cmath>
#include <cstdio>
#include <cstdlib>
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

// Wall time of single runs, and of those the median, the fastest and the spread (stddev, cv). The file has every run.
inline benchmark::internal::Benchmark* report_median(benchmark::internal::Benchmark* b, int runs) {
  return b->UseRealTime()
      ->MeasureProcessCPUTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1)
      ->Repetitions(runs)
      ->DisplayAggregatesOnly(true)
      ->ComputeStatistics("min",
                          [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); });
}

inline benchmark::Counter per_second(double amount) {
  return {amount, benchmark::Counter::kIsIterationInvariantRate};
}

// Runs what was registered. `options`: Google Benchmark's. Returns the program's exit code.
inline int run_benchmarks(std::string program, std::vector<std::string> options) {
  options.insert(options.begin(), std::move(program));
  std::vector<char*> arguments;
  for (std::string& option : options) arguments.push_back(option.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace dg::bench
