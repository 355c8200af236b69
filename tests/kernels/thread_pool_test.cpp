#include "kernels/cpu/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

using dg::cpu::ThreadPool;

TEST_CASE("thread pool: every part runs exactly once, over many short loops", "[threads]") {
  for (const int threads : {1, 2, 3, 7}) {
    ThreadPool pool(threads);
    for (std::int64_t loop = 0; loop < 2000; ++loop) {
      const std::int64_t n = loop % 13;
      std::vector<int> count(static_cast<std::size_t>(n), 0);
      pool.run(n, [&](std::int64_t i) { ++count[static_cast<std::size_t>(i)]; });
      REQUIRE(std::accumulate(count.begin(), count.end(), 0) == n);
      REQUIRE(std::all_of(count.begin(), count.end(), [](int c) { return c == 1; }));
    }
  }
}

TEST_CASE("thread pool: what the parts wrote is visible when run returns", "[threads]") {
  ThreadPool pool(4);
  std::vector<std::int64_t> values(10'000, 0);
  for (std::int64_t round = 1; round <= 50; ++round) {
    pool.run(100, [&](std::int64_t part) {
      for (std::size_t i = 0; i < 100; ++i) values[static_cast<std::size_t>(part) * 100 + i] += round;
    });
    REQUIRE(std::all_of(values.begin(), values.end(),
                        [&](std::int64_t v) { return v == round * (round + 1) / 2; }));
  }
}

TEST_CASE("thread pool: one that was never used, and one that just was, can be destroyed", "[threads]") {
  int parts = 0;
  { const ThreadPool unused(8); }
  for (int i = 0; i < 100; ++i) {
    ThreadPool pool(3);
    std::atomic<int> count{0};
    pool.run(5, [&](std::int64_t) { ++count; });
    parts += count.load();
  }
  CHECK(parts == 500);
}
