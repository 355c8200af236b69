// Two queues between three threads. A picture that failed travels on as its sentence, so that sentences and results
// keep their order.
#include "models/restore_pipeline.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <new>
#include <span>
#include <utility>
#include <vector>

#include "models/detail/bounded_queue.h"
#include "models/detail/in_flight.h"

namespace dg {
namespace {

struct Item {
  RestoredPicture picture;
  std::string failure;     // empty: none
  std::int64_t bytes = 0;  // as counted in flight
};

// Decoded, and the result that it will have.
std::int64_t bytes_of(const Item& item) {
  return static_cast<std::int64_t>(2 * sizeof(std::uint16_t) * item.picture.blurred.image.pixels.size());
}

using Clock = std::chrono::steady_clock;

// Adds the seconds of a scope.
class Stopwatch {
 public:
  explicit Stopwatch(double& sum) : sum_(sum) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { sum_ += std::chrono::duration<double>(Clock::now() - start_).count(); }

 private:
  double& sum_;
  Clock::time_point start_ = Clock::now();
};

// "a.png: " + what is wrong with it; an Error of the restorer does not know the name.
std::string named(const std::string& name, const std::string& what) {
  return name.empty() || what.starts_with(name) ? what : name + ": " + what;
}

class FinishAtEnd {
 public:
  explicit FinishAtEnd(BoundedQueue<Item>& queue) : queue_(queue) {}
  FinishAtEnd(const FinishAtEnd&) = delete;
  FinishAtEnd& operator=(const FinishAtEnd&) = delete;
  ~FinishAtEnd() { queue_.finish(); }

 private:
  BoundedQueue<Item>& queue_;
};

constexpr const char* kNoMemory = "not enough memory; close other programs or make the picture smaller";

class Pipeline {
 public:
  Pipeline(Restorer& restorer, PictureSource& source, PictureSink& sink, const PipelineOptions& options)
      : restorer_(restorer),
        source_(source),
        sink_(sink),
        options_(options),
        in_flight_(options.in_flight_bytes, options.batch),
        decoded_(places(options)),
        restored_(places(options)) {}

  PipelineReport run() {
    {
      const Stopwatch all(report_.seconds);
      // Their destructors wait for the threads; whoever leaves this scope early has asked both to stop.
      std::future<void> decoding = std::async(std::launch::async, [this] { decode(); });
      std::future<void> encoding;
      try {
        encoding = std::async(std::launch::async, [this] { encode(); });
        restore();
        await(encoding);
      } catch (...) {
        stop_.request_stop();
        throw;
      }
      encoding.get();
      decoding.get();
    }
    return report_;
  }

 private:
  static std::size_t places(const PipelineOptions& options) {
    return static_cast<std::size_t>(std::max(options.ahead, options.batch));
  }

  void meanwhile() const {
    if (options_.meanwhile) options_.meanwhile();
  }

  void await(const std::future<void>& done) const {
    while (done.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) meanwhile();
  }

  // ---- the thread in front ----

  void decode() {
    // Also when an exception leaves: what came before it is restored first.
    const FinishAtEnd finish(decoded_);
    std::int64_t largest = 0;
    for (std::int64_t index = 0; !stop_.stop_requested(); ++index) {
      Item item;
      item.picture.index = index;
      if (!wait_for_room(largest) || !decode(item)) return;
      item.bytes = bytes_of(item);
      largest = std::max(largest, item.bytes);
      if (!wait_for_room(item.bytes)) return;
      in_flight_.add(item.bytes);
      const Stopwatch waiting(report_.decode.waiting);
      if (!decoded_.push(std::move(item), stop_.get_token(), [] {})) return;
    }
  }

  bool wait_for_room(std::int64_t bytes) {
    const Stopwatch waiting(report_.decode.waiting);
    return in_flight_.wait_for_room(bytes, stop_.get_token());
  }

  bool decode(Item& item) {
    const Stopwatch busy(report_.decode.busy);
    try {
      const Stopwatch own(item.picture.decode_seconds);
      std::optional<NamedPicture> next = source_.next(stop_.get_token());
      if (!next) return false;
      item.picture.name = std::move(next->name);
      item.picture.blurred = std::move(next->picture);
    } catch (const EndsPipeline&) {
      throw;
    } catch (const Error& error) {
      item.failure = error.what();
    } catch (const std::bad_alloc&) {
      item.failure = "picture " + std::to_string(item.picture.index + 1) + ": " + kNoMemory;
    }
    return true;
  }

  // ---- the calling thread ----

  void restore() {
    std::vector<Item> batch;
    while (std::optional<Item> item = next_decoded()) {
      if (!item->failure.empty()) {
        flush(batch);
        hand_on(std::move(*item));
        continue;
      }
      if (!batch.empty() && !same_size(batch.front(), *item)) flush(batch);
      batch.push_back(std::move(*item));
      if (static_cast<std::int64_t>(batch.size()) == options_.batch) flush(batch);
    }
    if (!stop_.stop_requested()) flush(batch);
    restored_.finish();
  }

  static bool same_size(const Item& a, const Item& b) {
    const Image& p = a.picture.blurred.image;
    const Image& q = b.picture.blurred.image;
    return p.width == q.width && p.height == q.height;
  }

  std::optional<Item> next_decoded() {
    const Stopwatch waiting(report_.restore.waiting);
    return decoded_.pop(stop_.get_token(), [this] { meanwhile(); });
  }

  void hand_on(Item item) {
    const Stopwatch waiting(report_.restore.waiting);
    restored_.push(std::move(item), stop_.get_token(), [this] { meanwhile(); });
  }

  void flush(std::vector<Item>& batch) {
    if (!batch.empty() && !forward(batch)) {
      for (Item& item : batch) forward(std::span(&item, 1));
    }
    for (Item& item : batch) hand_on(std::move(item));
    batch.clear();
  }

  // False: several pictures did not go through together. One alone takes its failure along.
  bool forward(std::span<Item> batch) {
    if (options_.before_forward) options_.before_forward();
    std::string failure;
    double seconds = 0.0;
    try {
      const Stopwatch busy(report_.restore.busy);
      const Stopwatch own(seconds);
      restore_pictures(batch);
    } catch (const EndsPipeline&) {
      throw;
    } catch (const Error& error) {
      failure = error.what();
    } catch (const std::bad_alloc&) {
      failure = kNoMemory;
    }
    if (!failure.empty() && batch.size() > 1) return false;
    for (Item& item : batch) {
      item.picture.restore_seconds += seconds / static_cast<double>(batch.size());
      item.picture.together = static_cast<std::int64_t>(batch.size());
      if (!failure.empty()) item.failure = named(item.picture.name, failure);
    }
    return true;
  }

  void restore_pictures(std::span<Item> batch) {
    const Image& first = batch.front().picture.blurred.image;
    const auto count = static_cast<std::int64_t>(batch.size());
    if (options_.plan) {
      const RestorePlan plan = restorer_.plan(first.width, first.height, count);
      for (Item& item : batch) item.picture.plan = plan;
    }
    if (count == 1) {
      batch.front().picture.restored = restorer_.restore_image(first);
      return;
    }
    std::vector<Image> blurred;
    for (const Item& item : batch) blurred.push_back(item.picture.blurred.image);
    std::vector<Image> restored = restorer_.restore_images(blurred);
    for (std::size_t i = 0; i < batch.size(); ++i) batch[i].picture.restored = std::move(restored[i]);
  }

  // ---- the thread behind ----

  void encode() {
    try {
      while (true) {
        std::optional<Item> item;
        {
          const Stopwatch waiting(report_.encode.waiting);
          item = restored_.pop(stop_.get_token(), [] {});
        }
        if (!item) return;
        const Stopwatch busy(report_.encode.busy);
        const std::int64_t bytes = item->bytes;
        encode(std::move(*item));
        item.reset();
        in_flight_.remove(bytes);
      }
    } catch (...) {
      stop_.request_stop();
      throw;
    }
  }

  void encode(Item item) {
    const std::int64_t index = item.picture.index;
    const std::string name = item.picture.name;
    if (item.failure.empty()) {
      try {
        sink_.put(std::move(item.picture), stop_.get_token());
      } catch (const EndsPipeline&) {
        throw;
      } catch (const Error& error) {
        item.failure = error.what();
      } catch (const std::bad_alloc&) {
        item.failure = named(name, kNoMemory);
      }
    }
    if (item.failure.empty()) {
      ++report_.restored;
    } else {
      ++report_.failed;
      sink_.failed(index, item.failure);
    }
  }

  Restorer& restorer_;
  PictureSource& source_;
  PictureSink& sink_;
  const PipelineOptions& options_;
  std::stop_source stop_;
  InFlight in_flight_;
  BoundedQueue<Item> decoded_;
  BoundedQueue<Item> restored_;
  PipelineReport report_;  // each thread its own members; read when all have ended
};

}  // namespace

PipelineReport restore_all(Restorer& restorer, PictureSource& source, PictureSink& sink,
                           const PipelineOptions& options) {
  check(options.batch >= 1 && options.ahead >= 1 && options.in_flight_bytes >= 1,
        "restore_all: got a batch of ", options.batch, ", ", options.ahead, " pictures ahead and room for ",
        options.in_flight_bytes, " bytes, expected at least 1 of each");
  return Pipeline(restorer, source, sink, options).run();
}

}  // namespace dg
