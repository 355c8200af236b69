#include "bench/timing.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "kernels/check.h"

namespace dg::bench {

Timing summarize(std::vector<double> seconds) {
  check(!seconds.empty(), "timing: no samples");
  std::sort(seconds.begin(), seconds.end());
  const auto quantile = [&](double share) {
    const double position = share * static_cast<double>(seconds.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    const std::size_t above = std::min(below + 1, seconds.size() - 1);
    return std::lerp(seconds[below], seconds[above], position - static_cast<double>(below));
  };
  const double median = quantile(0.5);
  const double spread = (quantile(0.9) - quantile(0.1)) / median;
  return {.median = median,
          .fastest = seconds.front(),
          .spread = spread,
          .samples = static_cast<int>(seconds.size()),
          .sorted = std::move(seconds)};
}

Timing collect(const Sampling& sampling, const std::function<double()>& sample) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  std::vector<double> seconds;
  while (static_cast<int>(seconds.size()) < sampling.at_least ||
         (static_cast<int>(seconds.size()) < sampling.at_most && elapsed() < sampling.seconds)) {
    seconds.push_back(sample());
  }
  return summarize(std::move(seconds));
}

}  // namespace dg::bench
