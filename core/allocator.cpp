#include "core/allocator.h"

#include <algorithm>

namespace dg {

CachingAllocator::~CachingAllocator() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

// Small blocks in steps of 512 bytes, large ones in 32nds of a power of two: at most 1/17 is wasted, and the tensors of a
// training step fall into few classes.
std::int64_t CachingAllocator::size_class(std::int64_t bytes) {
  std::int64_t step = 512;
  while (step * 32 < bytes) step *= 2;
  return std::max<std::int64_t>((bytes + step - 1) / step * step, 512);
}

void* CachingAllocator::allocate(std::int64_t bytes) {
  const std::int64_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  void* memory = nullptr;
  FreeBlocks& unused = capturing_ ? graph_free_ : free_;
  if (auto entry = unused.find(size); entry != unused.end() && !entry->second.empty()) {
    memory = entry->second.back();
    entry->second.pop_back();
  } else {
    memory = new_block(size);
    if (capturing_) graph_blocks_.insert(memory);
    stats_.reserved += size;
  }
  stats_.current += size;
  stats_.peak = std::max(stats_.peak, stats_.current);
  return memory;
}

void* CachingAllocator::new_block(std::int64_t size) {
  try {
    return backend_->allocate(size);
  } catch (const Error&) {
    trim_locked();
    return backend_->allocate(size);
  }
}

void CachingAllocator::release(void* memory, std::int64_t bytes) noexcept {
  const std::int64_t size = size_class(bytes);
  const std::lock_guard lock(mutex_);
  stats_.current -= size;
  try {
    (graph_blocks_.contains(memory) ? graph_free_ : free_)[size].push_back(memory);
  } catch (...) {  // no room to remember it: the block goes back to the device instead
    backend_->deallocate(memory, size);
    stats_.reserved -= size;
  }
}

void CachingAllocator::trim() {
  const std::lock_guard lock(mutex_);
  trim_locked();
}

void CachingAllocator::trim_locked() {
  for (auto& [size, blocks] : free_) {
    for (void* memory : blocks) backend_->deallocate(memory, size);
    stats_.reserved -= size * static_cast<std::int64_t>(blocks.size());
  }
  free_.clear();
}

void CachingAllocator::begin_graph() {
  const std::lock_guard lock(mutex_);
  check(!graph_alive_, "a context holds one captured graph at a time; destroy the other first");
  trim_locked();  // what earlier steps kept for reuse would only lie beside the graph's own memory
  graph_alive_ = capturing_ = true;
}

void CachingAllocator::end_capture() noexcept {
  const std::lock_guard lock(mutex_);
  capturing_ = false;
}

// Blocks still in use (a loss that somebody holds) become ordinary ones.
void CachingAllocator::end_graph() noexcept {
  const std::lock_guard lock(mutex_);
  graph_alive_ = false;
  graph_blocks_.clear();
  for (auto& [size, blocks] : graph_free_) {
    for (void* memory : blocks) backend_->deallocate(memory, size);
    stats_.reserved -= size * static_cast<std::int64_t>(blocks.size());
  }
  graph_free_.clear();
}

MemoryStats CachingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak = stats_.current;
}

}  // namespace dg
