#include "kernels/cpu/thread_pool.h"

#include <algorithm>
#include <cstdlib>

#if defined(__linux__)
#include <sched.h>
#endif

namespace dg::cpu {
namespace {

// Looks at `ready` a few thousand times, a few microseconds, before it gives up: most loops follow the last one at
// once, and waking a sleeping thread takes longer than that.
template <typename Ready>
bool spin(const Ready& ready) {
  for (int i = 0; i < 2000; ++i) {
    if (ready()) return true;
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }
  return ready();
}

}  // namespace

int available_threads() {
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#if defined(__linux__)
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) threads = std::max(1, CPU_COUNT(&allowed));
#endif
  if (const char* wanted = std::getenv("OMP_NUM_THREADS")) {
    const int number = std::atoi(wanted);
    if (number > 0) threads = std::min(threads, number);
  }
  return threads;
}

ThreadPool::~ThreadPool() {
  stopping_.store(true);
  loop_.fetch_add(1);
  loop_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::start() {
  for (int i = 1; i < threads_; ++i) workers_.emplace_back([this] { work(); });
}

void ThreadPool::take_parts() {
  std::uint64_t position = position_.load();
  for (;;) {
    const auto part = static_cast<std::uint32_t>(position);
    const std::uint32_t parts = parts_.load();
    if (part >= parts) return;
    if (!position_.compare_exchange_weak(position, position + 1)) continue;
    call_.load()(context_.load(), part);
    if (done_.fetch_add(1) + 1 == parts) done_.notify_one();
    ++position;
  }
}

void ThreadPool::run_shared(std::int64_t n, Call call, const void* context) {
  if (workers_.empty()) start();
  // position_ offers no part while the rest is written.
  call_.store(call);
  context_.store(context);
  done_.store(0);
  parts_.store(static_cast<std::uint32_t>(n));
  const std::uint32_t loop = loop_.load() + 1;
  position_.store(std::uint64_t{loop} << 32);
  loop_.store(loop);
  loop_.notify_all();
  take_parts();
  const auto all_done = [&] { return done_.load() == static_cast<std::uint32_t>(n); };
  while (!spin(all_done)) {
    const std::uint32_t done = done_.load();
    if (done != static_cast<std::uint32_t>(n)) done_.wait(done);
  }
  position_.store(std::uint64_t{loop} << 32 | kNoPart);
}

void ThreadPool::work() {
  std::uint32_t seen = 0;
  for (;;) {
    const auto changed = [&] { return loop_.load() != seen; };
    while (!spin(changed)) loop_.wait(seen);
    seen = loop_.load();
    if (stopping_.load()) return;
    take_parts();
  }
}

}  // namespace dg::cpu
