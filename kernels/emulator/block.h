// One thread block on the host. Its threads are fibers that run one at a time and change places only where they must
// wait: at barriers and in warp collectives. Which warp goes first is drawn from the seed, anew after every barrier, and
// a warp runs as far as it can before the next one does: a thread that relies on a barrier that is not there finds its
// data missing or overwritten under some seed.
//
// What the kernels call lies in builtins.h; this file is what stands behind it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <source_location>
#include <vector>

#include "kernels/check.h"
#include "kernels/emulator/fiber.h"

namespace dg::emulator {

constexpr int kWarpSize = 32;
constexpr std::size_t kMaxSharedBytes = 163 * 1024;  // of a block, as on sm_80

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

// A small counter-based generator: the schedule is a function of the seed alone.
class ScheduleRandom {
 public:
  explicit ScheduleRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }

 private:
  std::uint64_t state_;
};

// Why a thread does not run.
enum class Waiting : std::uint8_t { nothing, barrier, collective, finished };

// When an asynchronous copy reaches shared memory. Hardware promises only that it has when it was waited for.
enum class Landing : std::uint8_t { at_issue, at_random, as_late_as_allowed };

// An asynchronous copy that has been issued: `bytes` from the source, then zeros up to `target_bytes`.
struct AsyncCopy {
  std::byte* target = nullptr;
  const std::byte* source = nullptr;
  std::size_t bytes = 0;
  std::size_t target_bytes = 0;
  std::int64_t group = 0;
  void* issued_at = nullptr;  // the kernel's instruction
};

struct Thread {
  Fiber fiber;
  Index3 index;
  int number = 0;  // within the block
  Waiting waiting = Waiting::nothing;
  const char* waits_in = "";     // the collective's name
  std::deque<AsyncCopy> copies;  // issued, not landed; oldest first
  std::int64_t open_copy_group = 0;

  int lane() const { return number % kWarpSize; }
  int warp() const { return number / kWarpSize; }
};

// For ThreadSanitizer: an object that the threads of a barrier or a collective release when they come and acquire when
// they go. There are two, used in turn, because a fast thread comes to the next barrier before a slow one has left this
// one, and must not seem to have been waited for.
struct SyncPoint {
  std::array<char, 2> places{};
  unsigned turn = 0;

  void* place() { return &places[turn]; }
  void next() { turn = 1 - turn; }
};

// A warp's exchange under way: every lane of `mask` leaves a pointer to its arguments, the last to come does the work.
struct Collective {
  const char* operation = nullptr;  // null: none under way
  std::uint32_t mask = 0;
  std::uint32_t arrived = 0;
  void (*complete)(const std::array<void*, kWarpSize>&) = nullptr;
  std::array<void*, kWarpSize> arguments{};
  SyncPoint point;
};

struct BlockShape {
  const char* kernel = "";
  Index3 grid;
  Index3 block;
  std::size_t shared_bytes = 0;
};

// The shared memory of a block: `shared_bytes` for the kernel, handed out in arrays with a gap before and after each. It
// starts as NaN; the gaps are poisoned under AddressSanitizer and otherwise guards, checked for writes.
class SharedBlock {
 public:
  static constexpr std::size_t kAlignment = 128;
  static constexpr std::size_t kGap = kAlignment;  // keeps the alignment of what follows
  static constexpr std::size_t kMaxArrays = 32;

  void reset(std::size_t bytes);
  // Array number `which` of a kernel's carving, at `offset` of the memory that the kernel asked for.
  std::byte* array(std::size_t which, std::size_t offset, std::size_t bytes);
  void check_gaps(const BlockShape& shape) const;
  bool contains(const void* begin, std::size_t bytes) const;

 private:
  struct Carved {
    std::byte* begin = nullptr;
    std::size_t bytes = 0;
  };
  std::vector<std::byte> memory_;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
  std::array<Carved, kMaxArrays> arrays_{};
};

// Runs blocks one after the other, reusing threads. Throws Error, with the kernel's name and the threads concerned, for a
// deadlock, a thread that leaves before a barrier, threads that meet at different barriers, lanes that meet in different
// collectives, and overruns.
class BlockRunner {
 public:
  BlockRunner();
  ~BlockRunner();
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  void run(const BlockShape& shape, Index3 block, std::uint64_t seed, const std::function<void()>& body);

  // For the running thread, from builtins.h.
  Thread& thread() { return *running_; }
  const BlockShape& shape() const { return shape_; }
  Index3 block() const { return block_; }
  SharedBlock& shared() { return shared_; }
  void barrier(const std::source_location& where);  // __syncthreads
  // Waits for all lanes of `mask` to bring their arguments; the last one calls complete(arguments of the 32 lanes,
  // null where the mask has none).
  void collective(const char* operation, std::uint32_t mask, void* arguments,
                  void (*complete)(const std::array<void*, kWarpSize>&));
  void issue_copy(std::byte* target, const std::byte* source, std::size_t bytes, std::size_t target_bytes);
  void commit_copies() { ++running_->open_copy_group; }
  void wait_copies(int newest_groups_left);

 private:
  static void thread_main();
  void prepare_threads();
  void draw_order();
  void run_thread(Thread& thread);
  void wait(Waiting reason);
  void release_barrier();
  void land_oldest(Thread& thread);
  void land_some(Thread& thread);
  [[noreturn]] void report_stuck() const;

  BlockShape shape_;
  Index3 block_;
  SharedBlock shared_;
  ScheduleRandom random_{0};
  Landing landing_ = Landing::at_issue;
  const std::function<void()>* body_ = nullptr;
  FiberState scheduler_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::size_t thread_count_ = 0;
  std::size_t at_barrier_ = 0;
  std::source_location barrier_;  // where those threads wait
  std::size_t finished_ = 0;
  std::vector<int> warp_order_;
  int first_lane_ = 0;
  std::vector<Collective> collectives_;  // one a warp
  Thread* running_ = nullptr;
  std::exception_ptr error_;
  char block_begin_ = 0, block_end_ = 0;  // for ThreadSanitizer, as SyncPoint
  SyncPoint barrier_point_;
};

extern constinit thread_local BlockRunner* current_runner;

// The runner whose thread is running on this host thread; there is one while a kernel runs.
inline BlockRunner& current() {
  check(current_runner != nullptr, "emulator: a device function was called outside a kernel");
  return *current_runner;
}

}  // namespace dg::emulator
