// Loops over several cores. Without OpenMP everything runs in the calling thread; results are the same, since no
// kernel lets the number of threads decide the order of a sum.
#pragma once

#include <algorithm>
#include <cstdint>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace dg::cpu {

// Threads that the process may use: OMP_NUM_THREADS and the affinity mask are respected.
inline int available_threads() {
#if defined(_OPENMP)
  return omp_get_max_threads();
#else
  return 1;
#endif
}

// body(i) for i in [0, n), each i in one thread. body must not throw.
template <typename Body>
void parallel_for(int threads, std::int64_t n, const Body& body) {
#if defined(_OPENMP)
  if (threads > 1 && n > 1) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (std::int64_t i = 0; i < n; ++i) body(i);
    return;
  }
#else
  (void)threads;
#endif
  for (std::int64_t i = 0; i < n; ++i) body(i);
}

// body(begin, end) over [0, n) in runs of at least `grain`: one run a thread, so small work stays in one.
template <typename Body>
void parallel_runs(int threads, std::int64_t n, std::int64_t grain, const Body& body) {
  const std::int64_t runs = std::clamp<std::int64_t>(n / std::max<std::int64_t>(grain, 1), 1, std::max(threads, 1));
  parallel_for(threads, runs, [&](std::int64_t run) { body(n * run / runs, n * (run + 1) / runs); });
}

// Work per thread below which waking another one costs more than it saves, in elements of a cheap loop.
inline constexpr std::int64_t kGrain = 16384;

}  // namespace dg::cpu
