// Loops over several cores. No kernel lets the number of threads, or the order in which they claim work, decide the
// order of a sum.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/thread_pool.h"

namespace dg::cpu {

// Work per thread below which waking another one costs more than it saves, in elements of a cheap loop.
inline constexpr std::int64_t kGrain = 16384;

// body(i) for i in [0, n), each i in one thread. body must not throw.
template <typename Body>
void parallel_for(ThreadPool& threads, std::int64_t n, const Body& body) {
  threads.run(n, body);
}

// The same, where the whole loop touches `elements`: little work stays in the calling thread.
template <typename Body>
void parallel_for(ThreadPool& threads, std::int64_t n, std::int64_t elements, const Body& body) {
  if (elements >= kGrain) return threads.run(n, body);
  for (std::int64_t i = 0; i < n; ++i) body(i);
}

// body(begin, end) over [0, n) in runs of at least `grain`, a few per thread.
template <typename Body>
void parallel_runs(ThreadPool& threads, std::int64_t n, std::int64_t grain, const Body& body) {
  constexpr std::int64_t kRunsPerThread = 4;
  const std::int64_t most = threads.size() > 1 ? threads.size() * kRunsPerThread : 1;
  const std::int64_t runs = std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, most);
  threads.run(runs, [&](std::int64_t run) { body(n * run / runs, n * (run + 1) / runs); });
}

}  // namespace dg::cpu
