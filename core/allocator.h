// Device memory that is kept for reuse, and counted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/backend.h"

namespace dg {

struct MemoryStats {
  std::int64_t current = 0;   // bytes in use by tensors
  std::int64_t peak = 0;      // largest `current` since the last reset
  std::int64_t reserved = 0;  // bytes held from the device: in use or kept for reuse
};

// Blocks are rounded up to a size class and returned to a free list of that class. Thread-safe, so that
// a tensor may be released by another thread than the one that made it.
class CachingAllocator {
 public:
  explicit CachingAllocator(std::shared_ptr<Backend> backend) : backend_(std::move(backend)) {}
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;
  ~CachingAllocator();

  // Throws Error if the device cannot supply the memory even after every unused block was given back.
  void* allocate(std::int64_t bytes);
  void release(void* memory, std::int64_t bytes) noexcept;
  // Gives all unused blocks back to the device.
  void trim();

  MemoryStats stats() const;
  void reset_peak();

 private:
  static std::int64_t size_class(std::int64_t bytes);
  void trim_locked();

  std::shared_ptr<Backend> backend_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::vector<void*>> free_;
  MemoryStats stats_;
};

}  // namespace dg
