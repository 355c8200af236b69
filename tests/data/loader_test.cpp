#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <new>
#include <string>
#include <thread>

#include "data/dataset.h"
#include "dataset_fixture.h"

using namespace dg;
using Catch::Contains;
using dg::test::DatasetFolder;

namespace {

// Picture i is constant i / 64; loading takes a time that varies, so that workers overtake each other.
class CountingSource final : public PairSource {
 public:
  explicit CountingSource(std::int64_t size, std::int64_t broken = -1) : size_(size), broken_(broken) {}
  std::int64_t size() const override { return size_; }
  std::string describe() const override { return "counting"; }
  Sample load(std::int64_t index, RandomStream& stream, const CropRequest& request) const override {
    ++loads;
    std::this_thread::sleep_for(std::chrono::microseconds(stream.integer(300)));
    if (index == broken_) {
      fail("cannot read 'picture_", index, ".png'");
    }
    Sample sample{FloatImage(request.width, request.height, 3), FloatImage(request.width, request.height, 3),
                  std::to_string(index)};
    std::fill(sample.blurred.pixels.begin(), sample.blurred.pixels.end(),
              static_cast<float>(stream.uniform()));
    std::fill(sample.sharp.pixels.begin(), sample.sharp.pixels.end(), static_cast<float>(index) / 64.0F);
    return sample;
  }
  mutable std::atomic<int> loads{0};

 private:
  std::int64_t size_;
  std::int64_t broken_;
};

LoaderOptions small_options(int workers) {
  LoaderOptions options;
  options.batch_size = 3;
  options.seed = 17;
  options.workers = workers;
  options.augment.crop_size = 4;
  return options;
}

bool equal(const Batch& a, const Batch& b) {
  return a.n == b.n && a.h == b.h && a.w == b.w && a.blurred == b.blurred && a.sharp == b.sharp &&
         a.names == b.names;
}

}  // namespace

TEST_CASE("loader: batches are NHWC in [-1, 1]") {
  const CountingSource source(64);
  BatchLoader loader(source, small_options(0));
  const Batch batch = loader.next();
  CHECK(batch.n == 3);
  CHECK(batch.h == 4);
  CHECK(batch.w == 4);
  REQUIRE(batch.sharp.size() == 3 * 4 * 4 * 3);
  REQUIRE(batch.blurred.size() == batch.sharp.size());
  for (std::size_t j = 0; j < 3; ++j) {
    CHECK(batch.sharp[j * 48] == 2.0F * (std::stof(batch.names[j]) / 64.0F) - 1.0F);
  }
}

TEST_CASE("loader: any number of workers gives the same batches in the same order", "[threads]") {
  const CountingSource source(10);
  BatchLoader reference(source, small_options(0));
  BatchLoader one(source, small_options(1));
  BatchLoader four(source, small_options(4));
  for (int b = 0; b < 12; ++b) {
    const Batch expected = reference.next();
    CHECK(equal(expected, one.next()));
    CHECK(equal(expected, four.next()));
  }
}

TEST_CASE("loader: starting at batch k gives what a run from 0 gives there") {
  const CountingSource source(10);
  BatchLoader from_start(source, small_options(2));
  for (int b = 0; b < 7; ++b) {
    from_start.next();
  }
  REQUIRE(from_start.next_index() == 7);
  BatchLoader resumed(source, small_options(3), from_start.next_index());
  for (int b = 0; b < 5; ++b) {
    CHECK(equal(from_start.next(), resumed.next()));
  }
}

TEST_CASE("loader: each epoch visits every pair once, in an order of its own") {
  const CountingSource source(12);
  BatchLoader loader(source, small_options(2));  // four batches of three per epoch
  std::vector<std::vector<std::string>> epochs(3);
  for (auto& names : epochs) {
    for (int b = 0; b < 4; ++b) {
      const Batch batch = loader.next();
      names.insert(names.end(), batch.names.begin(), batch.names.end());
    }
  }
  for (auto names : epochs) {
    std::sort(names.begin(), names.end());
    CHECK(std::unique(names.begin(), names.end()) == names.end());
    CHECK(names.size() == 12);
  }
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs[1] != epochs[2]);
}

TEST_CASE("loader: the order depends on the seed and can be switched off") {
  CHECK(epoch_order(1, 0, 50) == epoch_order(1, 0, 50));
  CHECK(epoch_order(1, 0, 50) != epoch_order(2, 0, 50));
  CHECK(epoch_order(1, 0, 1) == std::vector<std::int64_t>{0});
  const CountingSource source(5);
  LoaderOptions options = small_options(1);
  options.shuffle = false;
  BatchLoader loader(source, options);
  CHECK(loader.next().names == std::vector<std::string>{"0", "1", "2"});
  CHECK(loader.next().names == std::vector<std::string>{"3", "4", "0"});
}

TEST_CASE("loader: a data set smaller than the batch is walked through several times") {
  const CountingSource source(1);
  const Batch batch = BatchLoader(source, small_options(1)).next();
  CHECK(batch.names == std::vector<std::string>{"0", "0", "0"});
  CHECK(batch.blurred[0] != batch.blurred[48]);  // the same picture, other random numbers
}

TEST_CASE("loader: a worker's error comes out of next(), then the loader goes on", "[threads]") {
  for (const int workers : {0, 1, 3}) {
    const CountingSource source(9, 4);
    BatchLoader loader(source, small_options(workers));
    int failures = 0;
    for (int b = 0; b < 6; ++b) {
      try {
        loader.next();
      } catch (const Error& error) {
        ++failures;
        CHECK_THAT(error.what(), Contains("picture_4.png"));
      }
    }
    CHECK(failures == 2);  // once in each of two epochs
  }
}

TEST_CASE("loader: where memory runs out, the batch, its data and what to do are named", "[threads]") {
  class Hungry final : public PairSource {
   public:
    std::int64_t size() const override { return 2; }
    std::string describe() const override { return "photos of 9000x6000"; }
    Sample load(std::int64_t, RandomStream&, const CropRequest&) const override { throw std::bad_alloc(); }
  };
  const Hungry source;
  for (const int workers : {0, 2}) {
    BatchLoader loader(source, small_options(workers), 5);
    CHECK_THROWS_WITH(loader.next(),
                      "loader: not enough memory for batch 5 (3 examples of 4x4 pixels; photos of "
                      "9000x6000) with " +
                          std::to_string(workers) +
                          " workers; use smaller crops or batches, or fewer workers");
  }
  LoaderOptions whole = small_options(0);
  whole.augment.preprocess = Preprocess::none;
  CHECK_THROWS_WITH(BatchLoader(source, whole).next(), Contains("batch 0 (3 whole pictures; "));
}

TEST_CASE("loader: it can be dropped at any time, and does not run ahead without bound") {
  const CountingSource source(100);
  for (int consumed = 0; consumed < 4; ++consumed) {
    source.loads = 0;
    {
      BatchLoader loader(source, small_options(3));
      for (int b = 0; b < consumed; ++b) {
        loader.next();
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(consumed * 3));
    }
    CHECK(source.loads <= 3 * (consumed + 3 + 2));  // delivered, in preparation, ahead
  }
}

TEST_CASE("loader: options out of range and empty sets are refused") {
  const CountingSource source(4);
  LoaderOptions options = small_options(0);
  options.batch_size = 0;
  CHECK_THROWS_AS(BatchLoader(source, options), Error);
  CHECK_THROWS_AS(BatchLoader(source, small_options(-1)), Error);
  CHECK_THROWS_AS(BatchLoader(source, small_options(0), -1), Error);
  CHECK_THROWS_WITH(BatchLoader(CountingSource(0), small_options(0)), Contains("empty"));
}

TEST_CASE("loader: pictures of several sizes need preprocessing") {
  DatasetFolder folder;
  for (const std::string side : {"A", "B"}) {
    folder.picture(side + "/x.png", side == "A" ? 1 : 2, 8, 6);
    folder.picture(side + "/y.png", side == "A" ? 3 : 4, 6, 8);
  }
  const auto source = open_dataset(folder.str());
  LoaderOptions options;
  options.batch_size = 2;
  options.augment.preprocess = Preprocess::none;
  CHECK_THROWS_WITH(BatchLoader(*source, options).next(),
                    Contains("8x6") && Contains("6x8") && Contains("crop"));
  options.augment.preprocess = Preprocess::resize;
  options.augment.load_width = 5;
  options.augment.load_height = 7;
  const Batch batch = BatchLoader(*source, options).next();
  CHECK(batch.w == 5);
  CHECK(batch.h == 7);
}

TEST_CASE("loader: real sources are the same for any number of workers", "[threads]") {
  DatasetFolder folder;
  for (int i = 0; i < 3; ++i) {
    folder.picture(std::to_string(i) + ".png", static_cast<std::uint64_t>(i), 24, 20);
  }
  const auto source = open_mixture({{folder.str(), 1.0}, {"procedural", 1.0}});
  LoaderOptions options;
  options.batch_size = 2;
  options.augment.crop_size = 16;
  options.workers = 0;
  BatchLoader reference(*source, options);
  options.workers = 3;
  BatchLoader threaded(*source, options);
  for (int b = 0; b < 6; ++b) {
    CHECK(equal(reference.next(), threaded.next()));
  }
}
