#include "kernels/emulator/global_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/check.h"
#include "kernels/emulator/guard.h"

namespace dg::emulator {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t kGuardBytes = 0;
#else
constexpr std::size_t kGuardBytes = 64;
#endif

}  // namespace

void* GlobalMemory::allocate(std::int64_t bytes) {
  check(bytes >= 0, "emulated device: cannot allocate ", bytes, " bytes");
  const auto count = static_cast<std::size_t>(bytes);
  void* memory = nullptr;
  check(posix_memalign(&memory, 256, std::max<std::size_t>(count + kGuardBytes, 1)) == 0,
        "emulated device: no memory for ", bytes, " bytes");
  auto* begin = static_cast<std::byte*>(memory);
  if (filled_) std::memset(begin, 0xFF, count);
  write_guard(begin + count, kGuardBytes);
  const std::lock_guard lock(mutex_);
  allocations_[begin] = count;
  return memory;
}

void GlobalMemory::deallocate(void* memory) noexcept {
  if (memory == nullptr) return;
  const std::lock_guard lock(mutex_);
  if (allocations_.erase(static_cast<std::byte*>(memory)) == 1) {
    std::free(memory);
  } else {
    freed_a_stranger_ = true;  // told by the next check_guards: a deallocation cannot throw
  }
}

void GlobalMemory::check_guards(const char* culprit) {
  const std::lock_guard lock(mutex_);
  check(!std::exchange(freed_a_stranger_, false),
        "emulated device: a pointer was given back that is not the beginning of an allocation, or twice; "
        "noticed after ",
        culprit);
  for (const auto& [memory, bytes] : allocations_) {
    if (guard_is_whole(memory + bytes, kGuardBytes)) continue;
    write_guard(memory + bytes, kGuardBytes);  // told once
    fail(culprit, ": wrote past the end of global memory, behind an allocation of ", bytes,
         " bytes; under AddressSanitizer you see the line");
  }
}

}  // namespace dg::emulator
