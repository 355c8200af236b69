// A queue between two threads that holds only so many.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace dg {

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t count) : count_(count) {}

  // Waits for room. False, and the item is dropped, where stop is requested instead. `meanwhile` is called now and
  // then, without the lock.
  template <typename Meanwhile>
  bool push(T item, const std::stop_token& stop, const Meanwhile& meanwhile) {
    std::unique_lock lock(mutex_);
    if (!await(lock, stop, meanwhile, [&] { return items_.size() < count_; })) return false;
    items_.push_back(std::move(item));
    lock.unlock();
    changed_.notify_all();
    return true;
  }

  // Waits for an item. Nothing once finished and empty, or where stop is requested.
  template <typename Meanwhile>
  std::optional<T> pop(const std::stop_token& stop, const Meanwhile& meanwhile) {
    std::unique_lock lock(mutex_);
    if (!await(lock, stop, meanwhile, [&] { return finished_ || !items_.empty(); })) return std::nullopt;
    if (items_.empty()) return std::nullopt;
    T item = std::move(items_.front());
    items_.pop_front();
    lock.unlock();
    changed_.notify_all();
    return item;
  }

  // No item will follow.
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    changed_.notify_all();
  }

 private:
  template <typename Meanwhile, typename Ready>
  bool await(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, const Meanwhile& meanwhile,
             const Ready& ready) {
    while (!changed_.wait_for(lock, stop, std::chrono::milliseconds(100), ready)) {
      if (stop.stop_requested()) return false;
      lock.unlock();
      meanwhile();
      lock.lock();
    }
    return true;
  }

  const std::size_t count_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::deque<T> items_;
  bool finished_ = false;
};

}  // namespace dg
