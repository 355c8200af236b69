// The threads of one CPU backend. OpenMP's runtime is shared by the whole process, spins while it waits and hands out
// work in fixed parts: with a data loader or another program on the same cores, one part that is put aside holds up
// all others. Here the parts are small and taken one by one, and a waiting thread sleeps after a few microseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace dg::cpu {

// Threads that the process may use: those of its affinity mask, or fewer if OMP_NUM_THREADS says so.
int available_threads();

class ThreadPool {
 public:
  // The calling thread is one of them; threads - 1 are started, at the first use.
  explicit ThreadPool(int threads) : threads_(threads) {}
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const { return threads_; }

  // body(i) for every i in [0, n), n below 2^32, each in one thread; returns when all are done. body must not throw. To
  // be called by one thread at a time, and not from inside a body.
  template <typename Body>
  void run(std::int64_t n, const Body& body) {
    if (threads_ == 1 || n <= 1) {
      for (std::int64_t i = 0; i < n; ++i) body(i);
      return;
    }
    run_shared(
        n, [](const void* context, std::int64_t i) { (*static_cast<const Body*>(context))(i); }, &body);
  }

 private:
  using Call = void (*)(const void* context, std::int64_t i);

  void run_shared(std::int64_t n, Call call, const void* context);
  void work();
  void take_parts();
  void start();

  int threads_;
  std::vector<std::thread> workers_;

  // A part is claimed by raising position_, which holds (loop number << 32 | next part): a thread that slept through
  // one loop and wakes in another cannot claim a part of the wrong one. Whoever holds a part keeps its loop alive, so
  // the loop is over as soon as all parts are done, and nobody waits for a thread that has none.
  std::atomic<std::uint64_t> position_{kNoPart};
  std::atomic<std::uint32_t> parts_{0};
  std::atomic<std::uint32_t> done_{0};
  std::atomic<Call> call_{nullptr};
  std::atomic<const void*> context_{nullptr};
  std::atomic<std::uint32_t> loop_{0};  // what sleeping workers watch
  std::atomic<bool> stopping_{false};

  static constexpr std::uint64_t kNoPart = 0xffffffffU;
};

}  // namespace dg::cpu
