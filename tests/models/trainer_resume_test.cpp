// A run that is stopped and resumed ends with the bytes of one that was not: the last checkpoint, which holds all state,
// is compared as a file (in double parentheses: a failure would print both otherwise).
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "tests/models/trainer_fixture.h"

using namespace dg;
using namespace dg::test;

namespace {

constexpr std::int64_t kSteps = 4;

// Four steps at once, and two times two.
void check_resume(const TrainOptions& options, ResumeOverrides overrides = {}) {
  const TempFolder folder;
  const TrainResult whole = train(options, folder / "whole");
  CHECK(whole.finished);
  CHECK(whole.step == kSteps);
  CHECK(whole.checkpoint == checkpoint_of(folder / "whole", kSteps));

  const TrainResult first = train(options, folder / "parts", stop_after(2));
  CHECK_FALSE(first.finished);
  CHECK(first.step == 2);
  CHECK(first.checkpoint == checkpoint_of(folder / "parts", 2));
  const TrainResult second = resume(folder / "parts", overrides);
  CHECK(second.finished);
  CHECK((read_text(whole.checkpoint) == read_text(second.checkpoint)));
  CHECK((read_text(folder / "whole" / "generator.safetensors") ==
         read_text(folder / "parts" / "generator.safetensors")));
}

// A finished run of four steps whose two newest checkpoints are there.
struct FinishedRun {
  TempFolder folder;
  std::string last;

  explicit FinishedRun(const TrainOptions& options = tiny_training()) {
    train(options, run());
    last = read_text(checkpoint_of(run(), kSteps));
  }
  std::filesystem::path run() const { return folder / "run"; }
  std::filesystem::path checkpoint(std::int64_t step) const { return checkpoint_of(run(), step); }
  void cut(std::int64_t step) const {
    std::filesystem::resize_file(checkpoint(step), std::filesystem::file_size(checkpoint(step)) - 1);
  }
};

TrainerEvents collect(std::vector<std::string>& messages) {
  TrainerEvents events;
  events.on_message = [&messages](const std::string& text) { messages.push_back(text); };
  return events;
}

}  // namespace

TEST_CASE("trainer: resumed equals uninterrupted, bit for bit: wgan-gp with averages") {
  TrainOptions options = tiny_training();
  options.ema_decay = 0.9;
  check_resume(options);
}

TEST_CASE("trainer: resumed equals uninterrupted: dropout, instance norm, two critic updates") {
  TrainOptions options = tiny_training();
  options.generator.dropout = 0.5;
  options.generator.norm = NormKind::instance;
  options.critic_updates = 2;
  check_resume(options);
}

TEST_CASE("trainer: resumed equals uninterrupted: batch norm, lsgan that joins later, cosine, rotations") {
  TrainOptions options = tiny_training();
  options.generator.norm = NormKind::batch;
  options.discriminator.norm = NormKind::batch;
  options.objective.gan_type = GanType::lsgan;
  options.gan_start = 3;
  options.schedule = ScheduleKind::cosine;
  options.augment.rot90 = options.augment.flip_vertical = true;
  check_resume(options);
}

TEST_CASE("trainer: resumed equals uninterrupted: validation in between, and no checkpoint but the stop's") {
  TrainOptions options = tiny_training();
  options.generator.dropout = 0.3;
  options.ema_decay = 0.5;
  options.validate_every = 1;
  options.checkpoint_every = 100;
  check_resume(options);
}

TEST_CASE("trainer: resumed equals uninterrupted, whatever the number of threads and workers") {
  TrainOptions options = tiny_training();
  options.generator.dropout = 0.5;
  options.batch_size = 3;
  check_resume(options, {.steps = 0, .threads = 2, .workers = 3});
}

TEST_CASE("trainer: a prolonged run equals one that was as long from the start, while the rate is constant") {
  TrainOptions options = tiny_training();
  options.schedule = ScheduleKind::constant;
  const TempFolder folder;
  train(options, folder / "long");
  options.steps = 2;
  train(options, folder / "short");
  CHECK(resume(folder / "short", {.steps = kSteps}).step == kSteps);
  CHECK((read_text(checkpoint_of(folder / "long", kSteps)) ==
         read_text(checkpoint_of(folder / "short", kSteps))));
  // The new length is the run's: another resume finds nothing to do.
  CHECK(train_options_from_json(read_text(folder / "short" / "config.json"), "c").steps == kSteps);
  CHECK(resume(folder / "short").finished);
}

TEST_CASE("trainer: a run without a checkpoint starts over, to the same end") {
  const FinishedRun finished;
  std::filesystem::remove(finished.checkpoint(4));
  std::filesystem::remove(finished.checkpoint(3));
  std::vector<std::string> messages;
  resume(finished.run(), {}, collect(messages));
  CHECK((read_text(finished.checkpoint(4)) == finished.last));
  CHECK_THAT(messages.back(), Catch::Contains("starts at step 0"));
}

TEST_CASE("trainer: a damaged newest checkpoint is skipped, told, and made again") {
  const FinishedRun finished;
  REQUIRE(checkpoint_steps(finished.run()) == std::vector<std::int64_t>{3, 4});
  finished.cut(4);
  std::vector<std::string> messages;
  resume(finished.run(), {}, collect(messages));
  CHECK((read_text(finished.checkpoint(4)) == finished.last));
  REQUIRE(messages.size() >= 2);
  CHECK_THAT(messages[messages.size() - 2],
             Catch::Contains("skipped") && Catch::Contains(finished.checkpoint(4).filename().string()));
  CHECK_THAT(messages.back(), Catch::Contains("resumed at step 3"));
}

TEST_CASE("trainer: where every checkpoint is damaged the run is left alone, and the reason told") {
  const FinishedRun finished;
  finished.cut(3);
  finished.cut(4);
  CHECK_THAT(error_of([&] { resume(finished.run()); }),
             Catch::Contains("none of its 2 checkpoints") &&
                 Catch::Contains(finished.checkpoint(4).filename().string()));
  CHECK(checkpoint_steps(finished.run()) == std::vector<std::int64_t>{3, 4});
}

TEST_CASE("trainer: damaged checkpoints ahead never push out the good one") {
  TrainOptions options = tiny_training();
  options.keep_checkpoints = 1;
  const FinishedRun finished(options);
  REQUIRE(checkpoint_steps(finished.run()) == std::vector<std::int64_t>{4});
  write_text(finished.checkpoint(9), "not a checkpoint");
  resume(finished.run(), {.steps = 5});
  CHECK(checkpoint_steps(finished.run()) == std::vector<std::int64_t>{5, 9});
}

TEST_CASE("trainer: rows that a resumed run writes again are there once") {
  TrainOptions options = tiny_training();
  options.keep_checkpoints = 4;
  const FinishedRun finished(options);
  CHECK(logged_steps(finished.run()) == std::vector<std::string>{"1", "2", "3", "4"});
  const std::string rows = read_text(finished.run() / "metrics.csv");
  std::filesystem::remove(finished.checkpoint(4));
  std::filesystem::remove(finished.checkpoint(3));
  resume(finished.run());
  CHECK(logged_steps(finished.run()) == std::vector<std::string>{"1", "2", "3", "4"});
  const std::string again = read_text(finished.run() / "metrics.csv");
  CHECK(again.substr(0, again.find("\n3,")) == rows.substr(0, rows.find("\n3,")));
}

TEST_CASE("trainer: temporaries of killed processes are swept away") {
  const FinishedRun finished;
  // No process has this number: it is beyond the largest that Linux gives.
  const std::string suffix = ".99999999.0.tmp";
  for (const char* name :
       {"checkpoints/step-00000005.safetensors", "generator.safetensors", "strips/a.png"}) {
    write_text(finished.run() / (name + suffix), "half");
  }
  resume(finished.run());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(finished.run())) {
    CHECK(entry.path().extension() != ".tmp");
  }
}

TEST_CASE("trainer: what holds no run cannot be resumed") {
  const TempFolder folder;
  CHECK_THAT(error_of([&] { resume(folder / "none"); }),
             Catch::Contains((folder / "none").string()) && Catch::Contains("config.json"));
}
