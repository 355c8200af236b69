#include "kernels/emulator/block.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>

#include "kernels/emulator/guard.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
extern "C" void __tsan_func_entry(void* call_pc);  // what instrumented functions call
extern "C" void __tsan_func_exit();
#endif

namespace dg::emulator {

constinit thread_local BlockRunner* current_runner = nullptr;

namespace {

// ThreadSanitizer: what the releasing thread did before is seen by the acquiring one.
void order_release([[maybe_unused]] void* point) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(point);
#endif
}

void order_acquire([[maybe_unused]] void* point) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(point);
#endif
}

// ThreadSanitizer: what happens here is done by the kernel's instruction at `address`.
class OnBehalfOf {
 public:
  explicit OnBehalfOf([[maybe_unused]] void* address) {
#if defined(__SANITIZE_THREAD__)
    __tsan_func_entry(address);
#endif
  }
  OnBehalfOf(const OnBehalfOf&) = delete;
  OnBehalfOf& operator=(const OnBehalfOf&) = delete;
  ~OnBehalfOf() {
#if defined(__SANITIZE_THREAD__)
    __tsan_func_exit();
#endif
  }
};

void poison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(memory, bytes);
#endif
}

void unpoison([[maybe_unused]] const void* memory, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(memory, bytes);
#endif
}

std::string to_text(Index3 i) {
  return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

std::string to_text(const std::source_location& where) {
  const std::string_view path = where.file_name();
  return std::string(path.substr(path.rfind('/') + 1)) + ":" + std::to_string(where.line());
}

// Literals, which are mostly the same one.
bool same_text(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && same_text(a.file_name(), b.file_name());
}

}  // namespace

std::uint64_t ScheduleRandom::next() {  // SplitMix64 (Steele, Lea and Flood 2014)
  state_ += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31);
}

// ---- shared memory ----

void SharedBlock::reset(std::size_t bytes) {
  unpoison(memory_.data(), memory_.size());
  bytes_ = bytes;
  count_ = 0;
  memory_.assign(kAlignment + bytes + (kMaxArrays + 1) * kGap, std::byte{0xFF});  // a NaN in every format
  poison(memory_.data(), memory_.size());
}

std::byte* SharedBlock::array(std::size_t which, std::size_t offset, std::size_t bytes) {
  const char* kernel = current().shape().kernel;
  check(which < kMaxArrays, kernel, ": more than ", kMaxArrays, " shared arrays");
  check(offset + bytes <= bytes_, kernel, ": shared array ", which,
        " ends past the end of shared memory: at byte ", offset + bytes,
        ", but the kernel was launched with ", bytes_, " bytes");
  // The vector's memory is aligned less than arrays are.
  const std::size_t skip =
      (kAlignment - reinterpret_cast<std::uintptr_t>(memory_.data()) % kAlignment) % kAlignment;
  std::byte* begin = memory_.data() + skip + offset + (which + 1) * kGap;
  if (which >= count_) {
    count_ = which + 1;
    arrays_[which] = {begin, bytes};
    unpoison(begin, bytes);
#if !defined(__SANITIZE_ADDRESS__)
    if (which == 0) write_guard(begin - kGap, kGap);
    write_guard(begin + bytes, kGap);
#endif
  }
  check(arrays_[which].begin == begin && arrays_[which].bytes == bytes, kernel, ": shared array ", which,
        " was carved with ", arrays_[which].bytes, " bytes and then with ", bytes,
        ", or after other arrays; all threads carve the same arrays, once");
  return begin;
}

bool SharedBlock::contains(const void* begin, std::size_t bytes) const {
  const auto* p = static_cast<const std::byte*>(begin);
  return p >= memory_.data() && p + bytes <= memory_.data() + memory_.size();
}

void SharedBlock::check_gaps([[maybe_unused]] const BlockShape& shape) const {
#if !defined(__SANITIZE_ADDRESS__)
  check(count_ == 0 || guard_is_whole(arrays_[0].begin - kGap, kGap), shape.kernel,
        ": wrote before the beginning of shared array 0");
  for (std::size_t which = 0; which < count_; ++which) {
    check(guard_is_whole(arrays_[which].begin + arrays_[which].bytes, kGap), shape.kernel,
          ": wrote past the end of shared array ", which, " (or before the beginning of the next)");
  }
#endif
}

// ---- threads ----

BlockRunner::BlockRunner() = default;
BlockRunner::~BlockRunner() = default;

void BlockRunner::thread_main() {
  BlockRunner& runner = *current_runner;
  runner.running_->fiber.begin(runner.scheduler_);
  order_acquire(&runner.block_begin_);
  try {
    (*runner.body_)();
  } catch (...) {
    runner.error_ = std::current_exception();
  }
  Thread& self = *runner.running_;
  while (!self.copies.empty()) runner.land_oldest(self);
  self.waiting = Waiting::finished;
  ++runner.finished_;
  order_release(&runner.block_end_);
  self.fiber.suspend(runner.scheduler_, true);
}

void BlockRunner::prepare_threads() {
  thread_count_ = std::size_t{shape_.block.x} * shape_.block.y * shape_.block.z;
  while (threads_.size() < thread_count_) threads_.push_back(std::make_unique<Thread>());
  for (std::size_t i = 0; i < thread_count_; ++i) {
    Thread& t = *threads_[i];
    const auto n = static_cast<unsigned>(i);
    t.number = static_cast<int>(i);
    t.index = {n % shape_.block.x, n / shape_.block.x % shape_.block.y, n / shape_.block.x / shape_.block.y};
    t.waiting = Waiting::nothing;
    t.copies.clear();
    t.open_copy_group = 0;
    t.fiber.start(&BlockRunner::thread_main);
  }
  const std::size_t warps = (thread_count_ + kWarpSize - 1) / kWarpSize;
  collectives_.assign(warps, {});
  warp_order_.resize(warps);
  std::iota(warp_order_.begin(), warp_order_.end(), 0);
}

void BlockRunner::draw_order() {
  for (std::size_t i = warp_order_.size(); i > 1; --i) {
    std::swap(warp_order_[i - 1], warp_order_[random_.below(i)]);
  }
  first_lane_ = static_cast<int>(random_.below(kWarpSize));
}

void BlockRunner::run_thread(Thread& thread) {
  running_ = &thread;
  thread.fiber.resume(scheduler_);
  running_ = nullptr;
}

void BlockRunner::run(const BlockShape& shape, Index3 block, std::uint64_t seed,
                      const std::function<void()>& body) {
  check(current_runner == nullptr, shape.kernel, ": launched from inside a kernel");
  shape_ = shape;
  block_ = block;
  body_ = &body;
  random_ = ScheduleRandom(seed);
  landing_ = static_cast<Landing>(random_.below(3));
  shared_.reset(shape.shared_bytes);
  prepare_threads();
  draw_order();
  at_barrier_ = finished_ = 0;
  error_ = nullptr;
  current_runner = this;
  order_release(&block_begin_);

  bool progress = true;
  while (finished_ < thread_count_ && error_ == nullptr && progress) {
    progress = false;
    // The first warp of the order that can run does so until it cannot; then the next.
    for (const int warp : warp_order_) {
      bool ran = true;
      while (ran && error_ == nullptr) {
        ran = false;
        for (int i = 0; i < kWarpSize && error_ == nullptr; ++i) {
          const auto number = static_cast<std::size_t>(warp * kWarpSize + (first_lane_ + i) % kWarpSize);
          if (number >= thread_count_ || threads_[number]->waiting != Waiting::nothing) continue;
          run_thread(*threads_[number]);
          ran = progress = true;
        }
      }
      if (at_barrier_ > 0 && at_barrier_ + finished_ == thread_count_) break;
    }
    if (at_barrier_ == thread_count_) {
      release_barrier();
      progress = true;
    }
  }
  current_runner = nullptr;
  order_acquire(&block_end_);

  if (error_ != nullptr) {
    threads_.clear();  // their stacks are in the middle of something
    std::rethrow_exception(error_);
  }
  if (finished_ < thread_count_) {
    try {
      report_stuck();
    } catch (...) {
      threads_.clear();
      throw;
    }
  }
  shared_.check_gaps(shape_);
}

// ---- waiting ----

void BlockRunner::wait(Waiting reason) {
  Thread& self = *running_;
  self.waiting = reason;
  self.fiber.suspend(scheduler_, false);
  if (landing_ == Landing::at_random) land_some(self);
}

void BlockRunner::barrier(const std::source_location& where) {
  if (at_barrier_ == 0) barrier_ = where;
  if (!same_place(where, barrier_)) {
    fail(shape_.kernel, ": the threads of a block meet at different barriers: thread ", running_->number,
         " at __syncthreads in ", to_text(where), " while others wait in ", to_text(barrier_));
  }
  ++at_barrier_;
  void* point = barrier_point_.place();
  order_release(point);
  wait(Waiting::barrier);
  order_acquire(point);
}

void BlockRunner::release_barrier() {
  for (std::size_t i = 0; i < thread_count_; ++i) threads_[i]->waiting = Waiting::nothing;
  at_barrier_ = 0;
  barrier_point_.next();
  draw_order();
}

void BlockRunner::collective(const char* operation, std::uint32_t mask, void* arguments,
                             void (*complete)(const std::array<void*, kWarpSize>&)) {
  Thread& self = *running_;
  Collective& exchange = collectives_[static_cast<std::size_t>(self.warp())];
  const auto me = std::uint32_t{1} << self.lane();
  check((mask & me) != 0, shape_.kernel, ": thread ", self.number, " calls ", operation,
        " with a mask that does not name its own lane ", self.lane());
  if (exchange.operation == nullptr) {
    exchange.operation = operation;
    exchange.mask = mask;
    exchange.complete = complete;
    exchange.arrived = 0;
    exchange.arguments.fill(nullptr);
  }
  // Two names may share their `complete`, and one name may have several (a shuffle of float and one of double).
  check(same_text(exchange.operation, operation) && exchange.complete == complete && exchange.mask == mask,
        shape_.kernel, ": the lanes of warp ", self.warp(), " diverge: lane ", self.lane(), " is in ",
        operation, " while others wait in ", exchange.operation,
        "; all lanes of a mask must make the same call");
  exchange.arguments[static_cast<std::size_t>(self.lane())] = arguments;
  exchange.arrived |= me;
  void* point = exchange.point.place();
  order_release(point);
  if (exchange.arrived != mask) {
    self.waits_in = operation;
    wait(Waiting::collective);
    order_acquire(point);
    return;
  }
  order_acquire(point);
  complete(exchange.arguments);
  order_release(point);
  exchange.point.next();
  exchange.operation = nullptr;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    if (((mask >> lane) & 1U) != 0 && lane != self.lane()) {
      threads_[static_cast<std::size_t>(self.warp() * kWarpSize + lane)]->waiting = Waiting::nothing;
    }
  }
}

void BlockRunner::report_stuck() const {
  std::ostringstream text;
  text << shape_.kernel << ": block " << to_text(block_) << " of " << to_text(shape_.grid) << " is stuck";
  if (finished_ > 0) text << "; " << finished_ << " of " << thread_count_ << " threads have exited";
  // Neighbours in the same state share a line.
  for (std::size_t i = 0; i < thread_count_;) {
    const Thread& t = *threads_[i];
    std::size_t end = i + 1;
    while (end < thread_count_ && threads_[end]->waiting == t.waiting &&
           (t.waiting != Waiting::collective || threads_[end]->waits_in == t.waits_in)) {
      ++end;
    }
    if (t.waiting != Waiting::finished) {
      text << "; threads " << i << ".." << end - 1 << " wait ";
      if (t.waiting == Waiting::barrier) {
        text << "at __syncthreads in " << to_text(barrier_);
      } else {
        text << "for other lanes in " << t.waits_in;
      }
    }
    i = end;
  }
  fail(text.str());
}

// ---- asynchronous copies ----

void BlockRunner::issue_copy(std::byte* target, const std::byte* source, std::size_t bytes,
                             std::size_t target_bytes) {
  check(bytes <= target_bytes, shape_.kernel, ": an asynchronous copy of ", target_bytes, " bytes was given ",
        static_cast<std::int64_t>(bytes), " as the number of valid ones");
  check(shared_.contains(target, target_bytes), shape_.kernel,
        ": an asynchronous copy targets memory that is not shared");
  check(reinterpret_cast<std::uintptr_t>(target) % target_bytes == 0 &&
            (bytes == 0 || reinterpret_cast<std::uintptr_t>(source) % target_bytes == 0),
        shape_.kernel, ": misaligned asynchronous copy of ", target_bytes, " bytes in thread ",
        running_->number);
  running_->copies.push_back(
      {target, source, bytes, target_bytes, running_->open_copy_group, __builtin_return_address(0)});
  if (landing_ == Landing::at_issue) land_oldest(*running_);
}

void BlockRunner::land_oldest(Thread& thread) {
  const AsyncCopy copy = thread.copies.front();
  thread.copies.pop_front();
  const OnBehalfOf instruction(copy.issued_at);
  if (copy.bytes > 0) std::memcpy(copy.target, copy.source, copy.bytes);
  std::memset(copy.target + copy.bytes, 0, copy.target_bytes - copy.bytes);
}

void BlockRunner::land_some(Thread& thread) {
  while (!thread.copies.empty() && random_.below(2) == 0) land_oldest(thread);
}

void BlockRunner::wait_copies(int newest_groups_left) {
  Thread& self = *running_;
  const std::int64_t landed_before = self.open_copy_group - newest_groups_left;
  while (!self.copies.empty() && self.copies.front().group < landed_before) land_oldest(self);
}

}  // namespace dg::emulator
