#include "kernels/emulator/fiber.h"

#include <cstdint>
#include <sys/mman.h>

#include "kernels/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace dg::emulator {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackBytes = 256 * 1024;  // instrumented frames are several times as large
#else
constexpr std::size_t kStackBytes = 64 * 1024;
#endif
constexpr std::size_t kGuardBytes = 4096;

// What the sanitizers want to hear before the stack changes, and after.
void leave(FiberState& from, const FiberState& to, bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack, to.stack_bottom, to.stack_bytes);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(to.race_detector, __tsan_switch_to_fiber_no_sync);
#endif
  static_cast<void>(from), static_cast<void>(to), static_cast<void>(for_good);
}

void arrive(const FiberState& here, FiberState* came_from) {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom = nullptr;
  std::size_t bytes = 0;
  __sanitizer_finish_switch_fiber(here.fake_stack, &bottom, &bytes);
  if (came_from != nullptr) {
    came_from->stack_bottom = bottom;
    came_from->stack_bytes = bytes;
  }
#endif
  static_cast<void>(here), static_cast<void>(came_from);
}

}  // namespace

#if defined(DG_SWITCH_IN_ASSEMBLY)
// dg_switch_stack(&from, to): the callee-saved registers go onto this stack, the stack pointer into *from, and the same
// comes back from the other stack.
extern "C" void dg_switch_stack(void** from, void* to);
asm(R"(
  .pushsection .text
  .globl dg_switch_stack
  .hidden dg_switch_stack
  .type dg_switch_stack, @function
dg_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size dg_switch_stack, .-dg_switch_stack
  .popsection
)");
#endif

Fiber::Fiber() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  check(memory != MAP_FAILED, "emulator: no memory for the stack of a thread (", kStackBytes, " bytes)");
  mprotect(memory, kGuardBytes, PROT_NONE);
  stack_ = static_cast<std::byte*>(memory) + kGuardBytes;
  state_.stack_bottom = stack_;
  state_.stack_bytes = kStackBytes;
#if defined(__SANITIZE_THREAD__)
  state_.race_detector = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(state_.race_detector);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack_, kStackBytes);  // whoever gets these addresses next
#endif
  munmap(stack_ - kGuardBytes, kGuardBytes + kStackBytes);
}

void Fiber::start(Entry entry) {
  state_.fake_stack = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack_, kStackBytes);  // frames that an error left behind
#endif
#if defined(DG_SWITCH_IN_ASSEMBLY)
  // Stacks lie a multiple of 4096 bytes apart; without an offset their tops would share a few lines of the cache.
  const std::size_t offset = reinterpret_cast<std::uintptr_t>(stack_) / 4096 % 64 * 64;
  // As if `entry` had just been called: its return address (never used) at 8 mod 16, and below it the address that the
  // first switch returns to and the six registers that it pops.
  auto** top = reinterpret_cast<void**>(stack_ + kStackBytes - offset - 8);
  *top = nullptr;
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  state_.stack_pointer = top;
#else
  check(getcontext(&state_.context) == 0, "emulator: getcontext failed");
  state_.context.uc_stack = {.ss_sp = stack_, .ss_flags = 0, .ss_size = kStackBytes};
  state_.context.uc_link = nullptr;
  makecontext(&state_.context, entry, 0);
#endif
}

void Fiber::begin(FiberState& caller) { arrive(state_, &caller); }

void Fiber::resume(FiberState& caller) {
#if defined(__SANITIZE_THREAD__)
  caller.race_detector = __tsan_get_current_fiber();
#endif
  leave(caller, state_, false);
#if defined(DG_SWITCH_IN_ASSEMBLY)
  dg_switch_stack(&caller.stack_pointer, state_.stack_pointer);
#else
  swapcontext(&caller.context, &state_.context);
#endif
  arrive(caller, nullptr);
}

void Fiber::suspend(FiberState& caller, bool for_good) {
  leave(state_, caller, for_good);
#if defined(DG_SWITCH_IN_ASSEMBLY)
  dg_switch_stack(&state_.stack_pointer, caller.stack_pointer);
#else
  swapcontext(&state_.context, &caller.context);
#endif
  arrive(state_, &caller);
}

}  // namespace dg::emulator
