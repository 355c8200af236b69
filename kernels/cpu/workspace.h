// Scratch memory of the CPU kernels, kept between calls.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <utility>
#include <vector>

#include "kernels/check.h"

namespace dg::cpu {

inline constexpr std::int64_t kAlignment = 64;

inline std::int64_t aligned_size(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

struct FreeMemory {
  void operator()(void* memory) const noexcept { std::free(memory); }  // NOLINT: pairs with posix_memalign
};
using AlignedMemory = std::unique_ptr<void, FreeMemory>;

// Large blocks lie on huge pages where the system has them: one page fault for 2 MiB instead of 512, and fewer misses in
// the table of addresses.
inline AlignedMemory allocate_aligned(std::int64_t bytes) {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  const auto size = static_cast<std::size_t>(aligned_size(bytes > 0 ? bytes : 1));
  const bool large = size >= 2 * kHugePage;
  void* block = nullptr;
  const int error = ::posix_memalign(&block, large ? kHugePage : static_cast<std::size_t>(kAlignment), size);
  AlignedMemory memory(block);
  check(error == 0, "out of memory: the CPU has no ", bytes,
        " bytes left; use a smaller image, crop or batch");
#if defined(MADV_HUGEPAGE)
  // A wish, which may be refused.
  if (large) ::madvise(memory.get(), size / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return memory;
}

// Hands out buffers that return to the pool when their Borrowed goes out of scope.
class Workspace {
 public:
  template <typename T>
  class Borrowed {
   public:
    Borrowed(Workspace& owner, AlignedMemory memory, std::int64_t bytes)
        : owner_(&owner), memory_(std::move(memory)), bytes_(bytes) {}
    Borrowed(Borrowed&&) noexcept = default;
    Borrowed& operator=(Borrowed&&) = delete;
    ~Borrowed() {
      if (memory_) owner_->give_back(std::move(memory_), bytes_);
    }
    T* data() const { return static_cast<T*>(memory_.get()); }
    T& operator[](std::int64_t i) const { return data()[i]; }

   private:
    Workspace* owner_;
    AlignedMemory memory_;
    std::int64_t bytes_;
  };

  // Uninitialised room for n values of T, 64-byte aligned.
  template <typename T>
  Borrowed<T> borrow(std::int64_t n) {
    const std::int64_t bytes = aligned_size(n * static_cast<std::int64_t>(sizeof(T)) + 1);
    // The smallest kept buffer that is large enough; else the largest one is replaced.
    std::size_t best = free_.size();
    for (std::size_t i = 0; i < free_.size(); ++i) {
      if (free_[i].second >= bytes && (best == free_.size() || free_[i].second < free_[best].second))
        best = i;
    }
    if (best == free_.size() && !free_.empty()) {
      held_ -= free_.back().second;
      free_.pop_back();
      best = free_.size();
    }
    if (best < free_.size()) {
      auto [memory, size] = std::move(free_[best]);
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(best));
      return {*this, std::move(memory), size};
    }
    AlignedMemory memory = allocate_aligned(bytes);
    held_ += bytes;
    return {*this, std::move(memory), bytes};
  }

  std::int64_t held_bytes() const { return held_; }

 private:
  void give_back(AlignedMemory memory, std::int64_t bytes) noexcept {
    try {
      free_.emplace_back(std::move(memory), bytes);
    } catch (...) {  // no room to remember it: the memory is released instead
      held_ -= bytes;
    }
  }

  std::vector<std::pair<AlignedMemory, std::int64_t>> free_;
  std::int64_t held_ = 0;
};

}  // namespace dg::cpu
