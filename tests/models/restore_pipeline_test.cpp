// Three stages at a time: order, batches, failures of one picture and of the run. The network makes pictures 16
// levels (of 255) brighter.
#include "models/restore_pipeline.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/ops.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

constexpr int kPoison = 99;  // a picture of this grey makes the network fail

class Brightener final : public Module {
 public:
  explicit Brightener(Context& context) : Module(context) {}
  std::string kind() const override { return "Brightener"; }

  std::vector<std::int64_t> batches;
  std::function<void()> at_work = [] {};

 private:
  Tensor forward(const Tensor& x) override {
    const std::vector<float> values = x.to_floats();
    const bool dry_run = std::all_of(values.begin(), values.end(), [](float v) { return v == 0.0F; });
    if (!dry_run) {
      batches.push_back(x.dim(0));
      at_work();
    }
    for (const float value : values) {
      check(std::abs(255.0F * (value + 1.0F) / 2.0F - kPoison) > 0.1F, "poison");
    }
    return clamp(x + 32.0 / 255.0, -1.0, 1.0);
  }
};

Picture grey(std::int64_t width, std::int64_t height, int level) {
  return {{width, height, 1, 8,
           std::vector<std::uint16_t>(static_cast<std::size_t>(width * height),
                                      static_cast<std::uint16_t>(level))},
          {}};
}

class Source final : public PictureSource {
 public:
  explicit Source(std::function<std::optional<Picture>(int)> give) : give_(std::move(give)) {}
  std::optional<NamedPicture> next(const std::stop_token& stop) override {
    token = stop;
    const int i = asked++;
    auto picture = give_(i);
    if (!picture) return std::nullopt;
    return NamedPicture{std::string("p").append(std::to_string(i)), std::move(*picture)};
  }

  std::atomic<int> asked = 0;
  std::stop_token token;

 private:
  std::function<std::optional<Picture>(int)> give_;
};

class Sink final : public PictureSink {
 public:
  void put(RestoredPicture picture, const std::stop_token&) override {
    at_put(static_cast<int>(picture.index));
    note(picture.index, std::to_string(picture.restored.pixels.front()));
    ++taken;
  }
  void failed(std::int64_t index, const std::string& why) override {
    note(index, why);
    ++taken;
  }

  std::function<void(int)> at_put = [](int) {};
  std::string log;
  std::atomic<int> taken = 0;

 private:
  void note(std::int64_t index, const std::string& text) {
    log += std::to_string(index);
    log += ':';
    log += text;
    log += ' ';
  }
};

// Everything that a run needs.
struct Bench {
  Context context{{.threads = 1}};
  Brightener network{context};
  Restorer restorer{network};
  Sink sink;
  PipelineOptions options;

  PipelineReport run(std::function<std::optional<Picture>(int)> give) {
    Source source(std::move(give));
    return restore_all(restorer, source, sink, options);
  }
  // Pictures of these sides, grey levels 0, 10, 20, ...
  PipelineReport run_sides(const std::vector<int>& sides) {
    return run([&](int i) -> std::optional<Picture> {
      if (i == static_cast<int>(sides.size())) return std::nullopt;
      return grey(sides[static_cast<std::size_t>(i)], 8, 10 * i);
    });
  }
};

// Waits for another thread; false after ten seconds, so that a test fails and does not hang.
class Meeting {
 public:
  void arrive() {
    const std::lock_guard lock(mutex_);
    here_ = true;
    changed_.notify_all();
  }
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return here_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool here_ = false;
};

}  // namespace

TEST_CASE("pipeline: pictures come out in order, batched or not", "[threads]") {
  for (const std::int64_t batch : {1, 2, 3, 8}) {
    Bench bench;
    bench.options.batch = batch;
    const PipelineReport report = bench.run_sides({8, 8, 8, 12, 8, 8, 8, 8});
    CHECK(bench.sink.log == "0:16 1:26 2:36 3:46 4:56 5:66 6:76 7:86 ");
    CHECK(report.restored == 8);
    CHECK(report.failed == 0);
    CHECK(report.seconds >= report.restore.busy);
  }
}

TEST_CASE("pipeline: only neighbours of one size share a forward", "[threads]") {
  Bench bench;
  bench.options.batch = 2;
  bench.run_sides({8, 8, 8, 12, 12, 8});
  CHECK(bench.network.batches == std::vector<std::int64_t>{2, 1, 2, 1});
}

TEST_CASE("pipeline: no picture at all is no failure of the pipeline", "[threads]") {
  Bench bench;
  const PipelineReport report = bench.run_sides({});
  CHECK(report.restored + report.failed == 0);
  CHECK(bench.sink.log.empty());
}

TEST_CASE("pipeline: a picture that fails anywhere is told in its place, and takes no other along",
          "[threads]") {
  for (const std::int64_t batch : {1, 4}) {
    Bench bench;
    bench.options.batch = batch;
    bench.sink.at_put = [](int index) {
      if (index == 5) throw Error("p5 does not fit");
    };
    const PipelineReport report = bench.run([](int i) -> std::optional<Picture> {
      if (i == 1) throw Error("p1 is damaged");
      if (i == 2) throw std::bad_alloc();
      if (i == 8) return std::nullopt;
      return grey(8, 8, i == 4 ? kPoison : 0);
    });
    CHECK(bench.sink.log ==
          "0:16 1:p1 is damaged 2:picture 3: not enough memory; close other programs or make the picture "
          "smaller "
          "3:16 4:p4: poison 5:p5 does not fit 6:16 7:16 ");
    CHECK(report.restored == 4);
    CHECK(report.failed == 4);
  }
}

TEST_CASE("pipeline: a source that breaks off lets out what came before", "[threads]") {
  Bench bench;
  bench.options.batch = 2;
  const std::string error = error_of([&] {
    bench.run([](int i) -> std::optional<Picture> {
      if (i == 3) throw EndsPipeline("the stream broke off");
      return grey(8, 8, 10 * i);
    });
  });
  CHECK(error == "the stream broke off");
  CHECK(bench.sink.log == "0:16 1:26 2:36 ");
}

TEST_CASE("pipeline: a full disk ends the run at once", "[threads]") {
  Bench bench;
  bench.sink.at_put = [](int index) {
    if (index == 2) throw EndsPipeline("the disk is full");
  };
  CHECK(error_of([&] { bench.run([](int) { return grey(8, 8, 0); }); }) == "the disk is full");
  CHECK(bench.sink.log == "0:16 1:16 ");
}

TEST_CASE("pipeline: an interruption is heard while the source waits, and stops it", "[threads]") {
  struct Stop {};
  Bench bench;
  bench.options.meanwhile = [&] {
    if (bench.sink.taken == 1) throw Stop();
  };
  std::optional<Source> source;
  source.emplace([&](int i) -> std::optional<Picture> {
    while (i == 1 && !source->token.stop_requested()) std::this_thread::yield();
    return grey(8, 8, 0);
  });
  CHECK_THROWS_AS(restore_all(bench.restorer, *source, bench.sink, bench.options), Stop);
  CHECK(bench.sink.log == "0:16 ");
}

TEST_CASE("pipeline: an interruption is heard between forwards", "[threads]") {
  struct Stop {};
  Bench bench;
  int forwards = 0;
  bench.options.before_forward = [&] {
    if (++forwards == 3) throw Stop();
  };
  CHECK_THROWS_AS(bench.run([](int) { return grey(8, 8, 0); }), Stop);
  CHECK(bench.network.batches.size() == 2);
}

TEST_CASE("pipeline: the network works while the next picture is decoded and the last one encoded",
          "[threads]") {
  // The forward of picture 1 ends only when picture 0 is being put and picture 2 is being decoded.
  Bench bench;
  Meeting decoding;
  Meeting encoding;
  Meeting done;
  bool met = false;
  bench.network.at_work = [&] {
    if (bench.network.batches.size() != 2) return;
    met = decoding.wait() && encoding.wait();
    done.arrive();
  };
  bench.sink.at_put = [&](int index) {
    if (index != 0) return;
    encoding.arrive();
    done.wait();
  };
  bench.run([&](int i) -> std::optional<Picture> {
    if (i == 2) {
      decoding.arrive();
      done.wait();
    }
    if (i == 4) return std::nullopt;
    return grey(8, 8, 0);
  });
  CHECK(met);
  CHECK(bench.sink.taken == 4);
}

TEST_CASE("pipeline: a slow sink holds the source back, by count and by bytes", "[threads]") {
  struct Limit {
    std::int64_t ahead, bytes;
    int most;
  };
  // One at each of the three stages, and `ahead` twice between them. A picture with its result has 256 bytes: where
  // there is room for 600, two are on their way; where there is none, one alone.
  for (const Limit limit : {Limit{2, 1 << 20, 7}, Limit{1, 1 << 20, 5}, Limit{4, 600, 3}, Limit{4, 1, 1}}) {
    Bench bench;
    bench.options.ahead = limit.ahead;
    bench.options.in_flight_bytes = limit.bytes;
    std::optional<Source> source;
    int most = 0;
    source.emplace([&](int i) -> std::optional<Picture> {
      if (i == 20) return std::nullopt;
      return grey(8, 8, 0);
    });
    bench.sink.at_put = [&](int) {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      most = std::max(most, source->asked - bench.sink.taken);
    };
    restore_all(bench.restorer, *source, bench.sink, bench.options);
    CHECK(most <= limit.most);
    CHECK(bench.sink.taken == 20);
  }
}

TEST_CASE("pipeline: a batch is filled also where the pictures are too large to be ahead", "[threads]") {
  Bench bench;
  bench.options.batch = 3;
  bench.options.in_flight_bytes = 1;
  bench.run_sides({8, 8, 8, 8, 8, 8, 8});
  CHECK(bench.network.batches == std::vector<std::int64_t>{3, 3, 1});
}

TEST_CASE("pipeline: the plan of each picture goes along", "[threads]") {
  Bench bench;
  bench.options.plan = true;
  RestorePlan plan;
  class Planned final : public PictureSink {
   public:
    explicit Planned(RestorePlan& plan) : plan_(plan) {}
    void put(RestoredPicture picture, const std::stop_token&) override { plan_ = picture.plan; }
    void failed(std::int64_t, const std::string& why) override { throw EndsPipeline(why); }

   private:
    RestorePlan& plan_;
  } sink(plan);
  Source source([](int i) { return i == 1 ? std::nullopt : std::optional(grey(64, 64, 0)); });
  restore_all(bench.restorer, source, sink, bench.options);
  CHECK(plan.tile_rows == 0);
  CHECK(plan.peak_bytes > 3 * 4 * 64 * 64);
}

TEST_CASE("pipeline: options below one are refused") {
  Bench bench;
  bench.options.batch = 0;
  CHECK_THAT(error_of([&] { bench.run_sides({8}); }), Catch::Contains("batch of 0"));
}
