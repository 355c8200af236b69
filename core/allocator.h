// Device memory that is kept for reuse, and counted.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_set>
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

  // For core/op_graph.h. A captured graph writes to the addresses of its capture at every replay, so blocks handed out
  // between begin_graph and end_capture come from a pool of their own and go back to it; end_graph gives them up.
  // Throws Error where a graph is alive already.
  void begin_graph();
  void end_capture() noexcept;
  void end_graph() noexcept;

  MemoryStats stats() const;
  void reset_peak();

 private:
  using FreeBlocks = std::map<std::int64_t, std::vector<void*>>;  // by size class
  static std::int64_t size_class(std::int64_t bytes);
  void trim_locked();
  void* new_block(std::int64_t size);

  std::shared_ptr<Backend> backend_;
  mutable std::mutex mutex_;
  FreeBlocks free_;
  bool graph_alive_ = false;
  bool capturing_ = false;
  FreeBlocks graph_free_;
  std::unordered_set<void*> graph_blocks_;  // all that belong to the graph, in use or not
  MemoryStats stats_;
};

}  // namespace dg
