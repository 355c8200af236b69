// What is on its way through restore_all, from the source to the sink.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

namespace dg {

// At most `bytes`; but `pictures` of them always have room, however large.
class InFlight {
 public:
  InFlight(std::int64_t bytes, std::int64_t pictures) : bytes_(bytes), pictures_(pictures) {}

  // False where stop is requested instead.
  bool wait_for_room(std::int64_t bytes, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return changed_.wait(lock, stop,
                         [&] { return held_pictures_ < pictures_ || held_bytes_ + bytes <= bytes_; });
  }
  void add(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    held_bytes_ += bytes;
    ++held_pictures_;
  }
  void remove(std::int64_t bytes) {
    {
      const std::lock_guard lock(mutex_);
      held_bytes_ -= bytes;
      --held_pictures_;
    }
    changed_.notify_all();
  }

 private:
  const std::int64_t bytes_;
  const std::int64_t pictures_;
  std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  std::int64_t held_bytes_ = 0;
  std::int64_t held_pictures_ = 0;
};

}  // namespace dg
