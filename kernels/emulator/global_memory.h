// The emulated device's memory: taken from the heap, filled with NaN, each allocation followed by a guard. What is never
// given back leaks, and LeakSanitizer says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace dg::emulator {

class GlobalMemory {
 public:
  // Memory starts as NaN, unless it is left as the system gives it.
  explicit GlobalMemory(bool filled) : filled_(filled) {}
  GlobalMemory(const GlobalMemory&) = delete;
  GlobalMemory& operator=(const GlobalMemory&) = delete;

  void* allocate(std::int64_t bytes);
  void deallocate(void* memory) noexcept;

  // Throws Error if a guard has been written since the last call, naming `culprit`, which ran in between. Under
  // AddressSanitizer there are no guards: it watches the borders itself, sees reads too, and names the line.
  void check_guards(const char* culprit);

 private:
  bool filled_;
  std::mutex mutex_;
  std::map<std::byte*, std::size_t> allocations_;  // their bytes
  bool freed_a_stranger_ = false;
};

}  // namespace dg::emulator
