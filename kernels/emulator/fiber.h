// A fiber: a stack of its own that runs until it switches away. One emulated CUDA thread is one fiber.
//
// On x86-64 a switch saves the six registers that a function must preserve (about 8 ns); elsewhere, or with
// DG_EMULATOR_UCONTEXT defined, ucontext does it with a system call (about 250 ns). AddressSanitizer and ThreadSanitizer are told of every switch: for the latter
// each fiber is a thread, and only barriers and collectives order two of them.
#pragma once

#include <cstddef>

#if defined(__x86_64__) && !defined(DG_EMULATOR_UCONTEXT)
#define DG_SWITCH_IN_ASSEMBLY
#else
#include <ucontext.h>
#endif

namespace dg::emulator {

// Where execution stands: of a fiber, or of the stack that resumed it.
struct FiberState {
#if defined(DG_SWITCH_IN_ASSEMBLY)
  void* stack_pointer = nullptr;
#else
  ucontext_t context{};
#endif
  const void* stack_bottom = nullptr;  // for AddressSanitizer
  std::size_t stack_bytes = 0;
  void* fake_stack = nullptr;
  void* race_detector = nullptr;  // ThreadSanitizer's fiber
};

// Runs `entry` on its own stack, again and again: after each `start` it begins anew. entry's first act is begin(), its
// last suspend(caller, true); it never returns.
class Fiber {
 public:
  using Entry = void (*)();

  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  void start(Entry entry);          // the next resume() runs entry() from its beginning
  void resume(FiberState& caller);  // returns when the fiber suspends
  void begin(FiberState& caller);
  void suspend(FiberState& caller, bool for_good);

 private:
  FiberState state_;
  std::byte* stack_ = nullptr;  // mapped, with an unreadable page below it
};

}  // namespace dg::emulator
