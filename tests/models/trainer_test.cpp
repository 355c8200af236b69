// What a run does and leaves behind; see trainer_resume_test.cpp for stopping and resuming.
#include "models/trainer.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <map>

#include "data/image_io.h"
#include "models/weights.h"
#include "tests/models/trainer_fixture.h"

using namespace dg;
using namespace dg::test;

namespace {

std::vector<std::string> names_of(const StepReport& report) {
  std::vector<std::string> names;
  for (const auto& [name, value] : report.losses) {
    CHECK(std::isfinite(value));
    names.push_back(name);
  }
  return names;
}

// The reports of a run's steps.
std::vector<StepReport> reports(const TrainOptions& options, const std::filesystem::path& folder) {
  std::vector<StepReport> all;
  TrainerEvents events;
  events.on_step = [&](const StepReport& report) { all.push_back(report); };
  train(options, folder, events);
  return all;
}

std::string metadata_of(const std::filesystem::path& path, const char* key) {
  return read_metadata(path).at(key);
}

float largest(const SafeTensorsFile& file, const std::string& prefix) {
  float result = 0.0F;
  for (const SafeTensorEntry& entry : file.entries()) {
    if (!entry.name.starts_with(prefix)) continue;
    for (const float value : file.read_as_float(entry.name)) result = std::max(result, std::abs(value));
  }
  return result;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("trainer: every GAN type trains, and reports its terms") {
  const std::map<GanType, Names> terms{
      {GanType::wgan_gp, {"g_content", "g_adversarial", "d_real", "d_fake", "d_penalty"}},
      {GanType::wgan, {"g_content", "g_adversarial", "d_real", "d_fake"}},
      {GanType::lsgan, {"g_content", "g_adversarial", "d_real", "d_fake"}},
      {GanType::gan, {"g_content", "g_adversarial", "d_real", "d_fake"}}};
  for (const auto& [type, names] : terms) {
    INFO(name_of(type));
    const TempFolder folder;
    TrainOptions options = tiny_training();
    options.objective.gan_type = type;
    options.steps = 2;
    const auto steps = reports(options, folder / "run");
    REQUIRE(steps.size() == 2);
    CHECK(names_of(steps[1]) == names);
    CHECK(steps[1].step == 2);
    CHECK(steps[1].total_steps == 2);
    CHECK(steps[1].images_per_second > 0.0);
    CHECK((read_text(checkpoint_of(folder / "run", 1)) != read_text(checkpoint_of(folder / "run", 2))));
  }
}

TEST_CASE("trainer: the other presets train, too") {
  for (const char* preset : {"keras", "deblurgan", "deblurgan-head", "resnet_6blocks"}) {
    INFO(preset);
    const TempFolder folder;
    TrainOptions options = tiny_training(preset);
    options.critic_updates = 2;
    options.batch_size = 1;
    options.steps = 1;
    CHECK(reports(options, folder / "run").size() == 1);
    CHECK(metadata_of(folder / "run" / "generator.safetensors", "preset") == preset);
    CHECK(metadata_of(checkpoint_of(folder / "run", 1), "adam_d_step") == "2");
  }
}

TEST_CASE("trainer: the loss falls") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.adversarial_weight = 0.0;
  options.schedule = ScheduleKind::constant;
  options.learning_rate = 1e-2;
  options.steps = 60;
  options.checkpoint_every = 100;
  options.generator.learn_residual = false;  // starts far from the identity
  const auto steps = reports(options, folder / "run");
  CHECK(names_of(steps.front()) == Names{"g_content"});
  const auto mean_of_ten = [&](std::size_t first) {
    double sum = 0.0;
    for (std::size_t i = first; i < first + 10; ++i) sum += steps.at(i).losses[0].second;
    return sum / 10.0;
  };
  CHECK(mean_of_ten(50) < 0.8 * mean_of_ten(0));
  const SafeTensorsFile checkpoint(checkpoint_of(folder / "run", 60));
  for (const SafeTensorEntry& entry : checkpoint.entries()) {
    CHECK_FALSE(entry.name.starts_with("discriminator."));
  }
}

TEST_CASE("trainer: the learning rate is constant, then falls on a line") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.adversarial_weight = 0.0;
  options.learning_rate = 0.5e-3;
  options.epochs = options.decay_epochs = 1;
  const auto steps = reports(options, folder / "run");
  REQUIRE(steps.size() == 4);
  const double rate = options.learning_rate;
  CHECK(steps[0].learning_rate == Approx(rate));
  CHECK(steps[1].learning_rate == Approx(rate));
  CHECK(steps[2].learning_rate == Approx(rate));
  CHECK(steps[3].learning_rate == Approx(rate / 2.0));
}

TEST_CASE("trainer: without --steps the epochs decide") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.steps = 0;
  options.epochs = 1;
  options.decay_epochs = 1;
  options.batch_size = 6000;  // 10,000 procedural scenes are two such batches
  TrainerEvents events;
  events.should_stop = [] { return true; };
  train(options, folder / "run", events);
  CHECK(metadata_of(checkpoint_of(folder / "run", 0), "total_steps") == "4");
}

TEST_CASE("trainer: the discriminator joins at gan_start, critic_updates times a step") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.gan_type = GanType::lsgan;
  options.gan_start = 2;
  options.critic_updates = 3;
  options.keep_checkpoints = 4;
  const auto steps = reports(options, folder / "run");
  CHECK(names_of(steps.at(1)) == Names{"g_content"});
  CHECK(names_of(steps.at(2)) == Names{"g_content", "g_adversarial", "d_real", "d_fake"});
  const auto updates = [&](std::int64_t step) {
    return metadata_of(checkpoint_of(folder / "run", step), "adam_d_step");
  };
  CHECK(updates(2) == "0");
  CHECK(updates(4) == "6");
  CHECK(metadata_of(checkpoint_of(folder / "run", 4), "adam_g_step") == "4");
}

TEST_CASE("trainer: init_weights is where the generator and its averages start") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.ema_decay = 0.9;
  train(options, folder / "first");
  options.init_weights = (folder / "first" / "generator.safetensors").string();
  options.learning_rate = 1e-12;  // steps that move nothing
  options.steps = 1;
  train(options, folder / "second");
  Context context;
  const auto first = load_generator(context, folder / "first" / "generator.safetensors");
  const auto second = load_generator(context, folder / "second" / "generator.safetensors");
  const auto before = first.network->parameters();
  const auto after = second.network->parameters();
  for (std::size_t i = 0; i < before.size(); ++i) {
    const auto a = before[i].tensor.to_floats();
    const auto b = after[i].tensor.to_floats();
    for (std::size_t j = 0; j < a.size(); ++j) REQUIRE(a[j] == Approx(b[j]).margin(1e-9));
  }
  options.init_weights = (folder / "nowhere.safetensors").string();
  CHECK_THROWS_WITH(train(options, folder / "third"), Catch::Contains("nowhere.safetensors"));
  CHECK_FALSE(std::filesystem::exists(folder / "third" / "config.json"));
}

TEST_CASE("trainer: weight_clip bounds the discriminator, and it alone; wgan has one unless told otherwise") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.gan_type = GanType::wgan;
  options.steps = 2;
  const auto trained = [&](const char* name) {
    std::vector<std::string> messages;
    TrainerEvents events;
    events.on_message = [&](const std::string& text) { messages.push_back(text); };
    train(options, folder / name, events);
    const bool warned = std::any_of(messages.begin(), messages.end(), [](const std::string& m) {
      return m.starts_with("warning: wgan without --weight-clip");
    });
    CHECK(warned == (weight_clip_of(options) == 0.0));
    return SafeTensorsFile(checkpoint_of(folder / name, 2));
  };
  const SafeTensorsFile usual = trained("usual");
  CHECK(largest(usual, "discriminator.") == 0.01F);
  CHECK(largest(usual, "generator.") > 0.01F);
  options.weight_clip = 0.02;
  CHECK(largest(trained("wider"), "discriminator.") == 0.02F);
  options.weight_clip = 0.0;
  CHECK(largest(trained("off"), "discriminator.") > 0.02F);
}

TEST_CASE("trainer: a run folder is used once") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.steps = 1;
  train(options, folder / "run");
  const std::string before = read_text(folder / "run" / "command.txt");
  CHECK_THAT(
      error_of([&] { train(options, folder / "run"); }),
      Catch::Contains("already holds a run") && Catch::Contains("--resume " + (folder / "run").string()));
  CHECK(read_text(folder / "run" / "command.txt") == before);
  CHECK(before == "test\n");
}

TEST_CASE("trainer: a run folder serves one trainer at a time") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  const auto first = Trainer::start(options, folder / "run", "first", {});
  CHECK_THAT(error_of([&] { resume(folder / "run"); }),
             Catch::StartsWith((folder / "run").string() + ": process ") && Catch::Contains("is at work"));
  // Before there is a config.json, too: two processes that were started at the same moment.
  std::filesystem::remove(folder / "run" / "config.json");
  CHECK_THAT(error_of([&] { train(options, folder / "run"); }), Catch::Contains("is at work"));
  CHECK_FALSE(std::filesystem::exists(folder / "run" / "config.json"));
  CHECK(read_text(folder / "run" / "command.txt") == "first\n");
  CHECK(first->run().finished);
}

TEST_CASE("trainer: the run folder cannot lie inside a file") {
  const TempFolder folder;
  write_text(folder / "file", "");
  CHECK_THAT(error_of([&] { train(tiny_training(), folder / "file" / "run"); }),
             Catch::Contains((folder / "file" / "run").string()) && Catch::Contains("--out"));
}

TEST_CASE("trainer: validation scores the blurred input beside the restored one, and keeps the best") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.validate_every = 2;
  options.checkpoint_every = 4;
  std::vector<ValidationReport> validations;
  TrainerEvents events;
  events.on_validation = [&](const ValidationReport& report) { validations.push_back(report); };
  train(options, folder / "run", events);

  REQUIRE(validations.size() == 2);
  CHECK(validations[0].step == 2);
  CHECK(validations[0].best);
  CHECK(validations[0].scores.images == 2);
  CHECK(validations[0].scores.psnr_blurred > 10.0);
  // The same pairs with the same blur each time; the network changes.
  CHECK(validations[0].scores.psnr_blurred == validations[1].scores.psnr_blurred);
  CHECK(validations[0].scores.ssim_blurred == validations[1].scores.ssim_blurred);
  CHECK(validations[0].scores.psnr_restored != validations[1].scores.psnr_restored);
  CHECK(validations[1].best == (validations[1].scores.psnr_restored > validations[0].scores.psnr_restored));

  const std::int64_t best = validations[1].best ? 4 : 2;
  CHECK(metadata_of(folder / "run" / "best.safetensors", "step") == std::to_string(best));
  CHECK(metadata_of(folder / "run" / "generator.safetensors", "step") == "4");
  Context context({.threads = 1});
  CHECK(load_generator(context, folder / "run" / "best.safetensors").options.ngf == 4);
  for (const char* name : {"step-00000002.png", "step-00000004.png"}) {
    const Image strip = read_image(folder / "run" / "strips" / name);
    CHECK(strip.height == 2 * 32);
    CHECK(strip.width >= 3 * 32);
  }
  CHECK(logged_steps(folder / "run") == Names{"1", "2", "2", "3", "4", "4"});
}

TEST_CASE("trainer: data without a held-out part trains without validation, and says so") {
  const TempFolder folder;
  Image picture{48, 48, 3, 8, std::vector<std::uint16_t>(48 * 48 * 3, 100)};
  for (std::size_t i = 0; i < picture.pixels.size(); i += 7) picture.pixels[i] = 200;
  std::filesystem::create_directories(folder / "photos");
  write_image(folder / "photos" / "a.png", picture);
  TrainOptions options = tiny_training();
  options.data = {{(folder / "photos").string(), 1.0}};
  options.steps = 1;
  options.validate_every = 1;
  std::vector<std::string> messages;
  TrainerEvents events;
  events.on_message = [&](const std::string& text) { messages.push_back(text); };
  train(options, folder / "run", events);
  CHECK(std::any_of(messages.begin(), messages.end(),
                    [](const std::string& m) { return m.starts_with("no validation:"); }));

  // As validation data the folder is scored whole, and pictures below the window are refused before training.
  options.validation_data = options.data;
  options.validation_crop = 64;
  CHECK_THAT(error_of([&] { train(options, folder / "second"); }),
             Catch::Contains("64x64") && Catch::Contains("a.png"));
  CHECK_FALSE(std::filesystem::exists(folder / "second" / "config.json"));
}

TEST_CASE("trainer: averages follow the weights each step, and generator.safetensors holds them") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.ema_decay = 0.5;
  options.steps = 2;
  train(options, folder / "run");
  const SafeTensorsFile first(checkpoint_of(folder / "run", 1));
  const SafeTensorsFile second(checkpoint_of(folder / "run", 2));
  const SafeTensorsFile generator(folder / "run" / "generator.safetensors");
  for (const SafeTensorEntry& entry : generator.entries()) {
    INFO(entry.name);
    const std::vector<float> before = first.read_as_float("ema." + entry.name);
    const std::vector<float> weights = second.read_as_float("generator." + entry.name);
    const std::vector<float> averages = second.read_as_float("ema." + entry.name);
    CHECK(generator.read_as_float(entry.name) == averages);
    CHECK(averages != weights);
    float largest_error = 0.0F;
    for (std::size_t i = 0; i < averages.size(); ++i) {
      largest_error = std::max(largest_error, std::abs(averages[i] - 0.5F * (before[i] + weights[i])));
    }
    CHECK(largest_error < 1e-6F);
  }
}

TEST_CASE("trainer: --minutes measures the first steps, then decides") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.adversarial_weight = 0.0;
  options.steps = 0;
  options.minutes = 1e-6;  // over before the speed is known: one more step
  options.checkpoint_every = 100;
  std::vector<std::int64_t> totals;
  std::vector<std::string> messages;
  TrainerEvents events;
  events.on_step = [&](const StepReport& report) { totals.push_back(report.total_steps); };
  events.on_message = [&](const std::string& text) { messages.push_back(text); };
  CHECK(train(options, folder / "run", events).finished);
  std::vector<std::int64_t> expected(13, 0);
  expected[11] = expected[12] = 13;
  CHECK(totals == expected);
  CHECK_THAT(messages.back(), Catch::Contains("13 steps fit into"));
  // The length is part of the checkpoint: there is nothing left to do.
  CHECK(resume(folder / "run").step == 13);
}

TEST_CASE(
    "trainer: an exploding rate stops with the step, the term and the last good checkpoint, which is "
    "intact") {
  const TempFolder folder;
  train(tiny_training(), folder / "run", stop_after(2));
  const std::string good = read_text(checkpoint_of(folder / "run", 2));
  change_config(folder / "run", [](TrainOptions& o) {
    o.learning_rate = 1e20;
    o.checkpoint_every = 100;
    o.steps = 10;
  });
  CHECK_THAT(error_of([&] { resume(folder / "run"); }),
             Catch::Contains("diverged at step 3") &&
                 Catch::Contains("the loss term g_adversarial is not a number") &&
                 Catch::Contains(checkpoint_of(folder / "run", 2).string()) && Catch::Contains("lower --lr"));
  CHECK((read_text(checkpoint_of(folder / "run", 2)) == good));
  CHECK(checkpoint_steps(folder / "run") == std::vector<std::int64_t>{1, 2});

  // Broken weights are not saved either, though their step's loss was finite.
  change_config(folder / "run", [](TrainOptions& o) {
    o.checkpoint_every = 1;
    o.gan_start = 100;
  });
  CHECK_THAT(error_of([&] { resume(folder / "run"); }),
             Catch::Contains("diverged at step 3") && Catch::Contains("the weights") &&
                 Catch::Contains(checkpoint_of(folder / "run", 2).string()));
  CHECK(checkpoint_steps(folder / "run") == std::vector<std::int64_t>{1, 2});

  change_config(folder / "run", [](TrainOptions& o) { o.learning_rate = 1e-3; });
  CHECK(resume(folder / "run").step == 10);
}

TEST_CASE("trainer: a loss beyond the limit stops the first step, and nothing is saved") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.divergence_limit = 1e-3;
  CHECK_THAT(error_of([&] { train(options, folder / "run"); }), Catch::Contains("diverged at step 1") &&
                                                                    Catch::Contains("no checkpoint yet") &&
                                                                    Catch::Contains("--divergence-limit"));
  CHECK(checkpoint_steps(folder / "run").empty());
}

TEST_CASE("trainer: the perceptual loss without weights is refused before the folder is made") {
  const TempFolder folder;
  TrainOptions options = tiny_training();
  options.objective.content = ContentLoss::perceptual;
  CHECK_THAT(error_of([&] { train(options, folder / "run"); }),
             Catch::Contains("vgg19") && Catch::Contains("l1, mse or charbonnier"));
  CHECK_FALSE(std::filesystem::exists(folder / "run"));
}
