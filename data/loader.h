// Batches of training examples, prepared ahead of time by worker threads.
//
// Batch b and everything random in it is a pure function of (seed, b): its examples are numbers b *
// batch_size + j of an endless sequence that walks through one permutation of the data set after the other (a
// batch may straddle two); example i draws its numbers from RandomStream(seed, i). Neither the number of
// workers nor the batch at which the loader starts changes what a batch holds, so a resumed run sees the data
// it would have seen.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "data/augment.h"
#include "data/pair_source.h"

namespace dg {

struct Batch {
  std::int64_t n = 0;
  std::int64_t h = 0;
  std::int64_t w = 0;
  std::vector<float> blurred;  // NHWC, RGB, in [-1, 1]
  std::vector<float> sharp;
  std::vector<std::string> names;
};

struct LoaderOptions {
  std::int64_t batch_size = 1;
  std::uint64_t seed = 0;
  int workers = 1;   // threads; 0 prepares each batch in the caller's thread
  int prefetch = 2;  // batches held ready beyond those that workers are busy with
  bool shuffle = true;
  AugmentOptions augment = {};
};

// The order in which an epoch visits the data set: a permutation of 0..size-1 (Fisher and Yates), a pure
// function of (seed, epoch, size).
std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t size);

// Batch number `index`, computed here and now.
Batch make_batch(const PairSource& source, const LoaderOptions& options, std::int64_t index);

class BatchLoader {
 public:
  // The source must outlive the loader. Throws Error for options out of range and for an empty source.
  BatchLoader(const PairSource& source, LoaderOptions options, std::int64_t first_batch_index = 0);
  ~BatchLoader();  // at any time: workers finish the batch they are at, the rest is dropped
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  // The next batch, waiting for it if need be. An error met while preparing it is thrown here, once, as
  // Error; the call after that goes on with the following batch. To be called from one thread.
  Batch next();

  // The number of the batch that next() will give: what a checkpoint stores.
  std::int64_t next_index() const { return next_index_; }

 private:
  struct Slot {
    Batch batch;
    std::exception_ptr error;
  };

  void work();

  const PairSource& source_;
  const LoaderOptions options_;
  std::int64_t next_index_;

  std::mutex mutex_;  // guards all below
  std::condition_variable room_;
  std::condition_variable ready_;
  std::int64_t claimed_;    // the first batch that no worker has taken
  std::int64_t delivered_;  // next_index_, as the workers may see it
  bool stopping_ = false;
  std::map<std::int64_t, Slot> slots_;

  std::vector<std::thread> workers_;  // last: they use everything above
};

}  // namespace dg
