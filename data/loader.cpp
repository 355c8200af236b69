// Workers claim batch numbers in order and leave the results in slots_; next() takes them out in order.
#include "data/loader.h"

#include <algorithm>
#include <cstddef>
#include <new>
#include <numeric>
#include <utility>

namespace dg {
namespace {

// Keeps the permutations' streams apart from the examples' (seed, i).
constexpr std::uint64_t kOrderSalt = 0x6F72646572000000U;

void check_options(const PairSource& source, const LoaderOptions& options) {
  check(options.batch_size > 0, "loader: batch size ", options.batch_size, ", expected at least 1");
  check(options.workers >= 0 && options.workers <= 1024, "loader: ", options.workers,
        " workers, expected 0 to 1024");
  check(options.prefetch >= 0, "loader: prefetch ", options.prefetch, ", expected at least 0");
  check(source.size() > 0, "loader: the data set is empty, expected at least one pair");
  check_options(options.augment);
}

// Appends a picture to an NHWC batch, from 0..1 to -1..1.
void append(std::vector<float>& batch, const FloatImage& image) {
  for (const float value : image.pixels) {
    batch.push_back(2.0F * value - 1.0F);
  }
}

void append(Batch& batch, const Sample& sample) {
  if (batch.names.empty()) {
    batch.h = sample.sharp.height;
    batch.w = sample.sharp.width;
  }
  check(sample.sharp.height == batch.h && sample.sharp.width == batch.w, "loader: '", sample.name, "' is ",
        sample.sharp.width, "x", sample.sharp.height, " but '", batch.names.empty() ? "" : batch.names[0],
        "' of the same batch is ", batch.w, "x", batch.h,
        "; without preprocessing all pictures need one size, so use crop or resize, or batch size 1");
  append(batch.blurred, sample.blurred);
  append(batch.sharp, sample.sharp);
  batch.names.push_back(sample.name);
}

// "8 examples of 256x256 pixels"
std::string describe_batch(const LoaderOptions& options) {
  const AugmentOptions& a = options.augment;
  const std::string count = std::to_string(options.batch_size);
  if (a.preprocess == Preprocess::none) return count + " whole pictures";
  const bool resized = a.preprocess == Preprocess::resize;
  return count + " examples of " + std::to_string(resized ? a.load_width : a.crop_size) + "x" +
         std::to_string(resized ? a.load_height : a.crop_size) + " pixels";
}

Batch assemble(const PairSource& source, const LoaderOptions& options, std::int64_t index) {
  const std::int64_t size = source.size();
  std::vector<std::int64_t> order;
  std::int64_t order_epoch = -1;
  Batch batch;
  batch.n = options.batch_size;
  for (std::int64_t j = 0; j < options.batch_size; ++j) {
    const std::int64_t i = index * options.batch_size + j;
    std::int64_t pair = i % size;
    if (options.shuffle) {
      if (const std::int64_t epoch = i / size; epoch != order_epoch) {
        order = epoch_order(options.seed, epoch, size);
        order_epoch = epoch;
      }
      pair = order[static_cast<std::size_t>(pair)];
    }
    RandomStream stream(options.seed, static_cast<std::uint64_t>(i));
    append(batch, load_example(source, pair, stream, options.augment));
  }
  return batch;
}

}  // namespace

std::vector<std::int64_t> epoch_order(std::uint64_t seed, std::int64_t epoch, std::int64_t size) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  RandomStream stream(seed ^ kOrderSalt, static_cast<std::uint64_t>(epoch));
  for (std::int64_t i = size - 1; i > 0; --i) {
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(stream.integer(i + 1))]);
  }
  return order;
}

Batch make_batch(const PairSource& source, const LoaderOptions& options, std::int64_t index) {
  check_options(source, options);
  try {
    return assemble(source, options, index);
  } catch (const std::bad_alloc&) {
    fail("loader: not enough memory for batch ", index, " (", describe_batch(options), "; ",
         source.describe(), ") with ", options.workers,
         " workers; use smaller crops or batches, or fewer workers");
  }
}

BatchLoader::BatchLoader(const PairSource& source, LoaderOptions options, std::int64_t first_batch_index)
    : source_(source),
      options_(std::move(options)),
      next_index_(first_batch_index),
      claimed_(first_batch_index),
      delivered_(first_batch_index) {
  check_options(source_, options_);
  check(first_batch_index >= 0, "loader: the first batch is ", first_batch_index, ", expected at least 0");
  for (int i = 0; i < options_.workers; ++i) {
    workers_.emplace_back([this] { work(); });
  }
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  room_.notify_all();
  for (std::thread& worker : workers_) {
    worker.join();
  }
}

void BatchLoader::work() {
  // Batches in preparation count as taken places, so memory stays bounded however slow the consumer is.
  const std::int64_t ahead = options_.workers + options_.prefetch;
  std::unique_lock lock(mutex_);
  while (true) {
    room_.wait(lock, [&] { return stopping_ || claimed_ < delivered_ + ahead; });
    if (stopping_) {
      return;
    }
    const std::int64_t index = claimed_++;
    lock.unlock();
    Slot slot;
    try {
      slot.batch = make_batch(source_, options_, index);
    } catch (...) {
      slot.error = std::current_exception();
    }
    lock.lock();
    slots_.emplace(index, std::move(slot));
    ready_.notify_all();
  }
}

Batch BatchLoader::next() {
  const std::int64_t index = next_index_++;
  Slot slot;
  if (workers_.empty()) {
    try {
      slot.batch = make_batch(source_, options_, index);
    } catch (...) {
      slot.error = std::current_exception();
    }
  } else {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [&] { return slots_.contains(index); });
    slot = std::move(slots_.extract(index).mapped());
    delivered_ = index + 1;
    lock.unlock();
    room_.notify_all();
  }
  if (slot.error) {
    try {
      std::rethrow_exception(slot.error);
    } catch (const Error&) {
      throw;
    } catch (const std::exception& error) {
      fail("loader: preparing batch ", index, " failed: ", error.what());
    }
  }
  return std::move(slot.batch);
}

}  // namespace dg
