// The text form of a run's options, and what does not go together.
#include "models/train_options.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>

#include "kernels/check.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

TrainOptions valid() {
  TrainOptions options = train_options_for(find_preset("small"));
  options.data = {{"procedural", 1.0}};
  return options;
}

std::string error_reading(const std::string& text) {
  return error_of([&] { train_options_from_json(text, "c.json"); });
}

std::string error_after(const std::function<void(TrainOptions&)>& change) {
  TrainOptions options = valid();
  change(options);
  return error_of([&] { check_options(options); });
}

}  // namespace

TEST_CASE("train options: the text of every preset is read back as the same options") {
  for (const Preset& preset : all_presets()) {
    const std::string text = to_json(train_options_for(preset));
    INFO(text);
    const TrainOptions read = train_options_from_json(text, "c.json");
    CHECK(to_json(read) == text);
    CHECK(read.generator == preset.generator);
    CHECK(read.discriminator == preset.discriminator);
  }
}

TEST_CASE("train options: every kind of value survives") {
  TrainOptions o = valid();
  o.data = {{"a folder/with \"quotes\" and ümlauts", 0.25}, {"procedural", 0.75}};
  o.validation_data = {{"v", 1.0}};
  o.seed = std::numeric_limits<std::uint64_t>::max();
  o.learning_rate = 1.0 / 3.0;
  o.objective.penalty.mode = GradientPenaltyMode::per_pixel;
  o.augment.flip_horizontal = false;
  o.augment.preprocess = Preprocess::resize_and_crop;
  o.schedule = ScheduleKind::cosine;
  o.vgg.input = VggInput::imagenet_keras;
  o.layout = DatasetLayout::sharp_only;
  o.conv_backend = ConvBackend::cudnn;
  const TrainOptions read = train_options_from_json(to_json(o), "c.json");
  CHECK(to_json(read) == to_json(o));
  CHECK(read.seed == o.seed);
  CHECK(read.learning_rate == o.learning_rate);
  CHECK(read.data.at(0).spec == o.data[0].spec);
  CHECK(read.data.at(0).weight == 0.25);
  CHECK(read.layout == DatasetLayout::sharp_only);
  CHECK(read.conv_backend == ConvBackend::cudnn);
}

TEST_CASE("train options: wgan clips by default where nothing else bounds the scores") {
  const auto clip_of = [](const char* preset, GanType type) {
    TrainOptions o = train_options_for(find_preset(preset));
    o.objective.gan_type = type;
    return weight_clip_of(o);
  };
  CHECK(clip_of("small", GanType::wgan) == 0.01);
  CHECK(clip_of("deblurgan", GanType::wgan) == 0.01);
  CHECK(clip_of("keras", GanType::wgan) == 0.0);
  for (const GanType type : {GanType::wgan_gp, GanType::lsgan, GanType::gan}) {
    CHECK(clip_of("small", type) == 0.0);
  }
  // What is given counts, and the text form says what is in force.
  TrainOptions o = valid();
  o.objective.gan_type = GanType::wgan;
  CHECK_THAT(to_json(o), Catch::Contains("\"weight_clip\": 0.01"));
  o.weight_clip = 0.0;
  CHECK(weight_clip_of(o) == 0.0);
  CHECK(weight_clip_of(train_options_from_json(to_json(o), "c.json")) == 0.0);
}

TEST_CASE("train options: paths become absolute, the word procedural does not") {
  TrainOptions o = valid();
  o.data = {{"photos", 0.5}, {"procedural", 0.5}};
  o.validation_data = {{"/held/out", 1.0}};
  o.init_weights = "w.safetensors";
  const TrainOptions absolute = with_absolute_paths(o);
  const std::filesystem::path here = std::filesystem::current_path();
  CHECK(absolute.data.at(0).spec == (here / "photos").string());
  CHECK(absolute.data.at(0).weight == 0.5);
  CHECK(absolute.data.at(1).spec == "procedural");
  CHECK(absolute.validation_data.at(0).spec == "/held/out");
  CHECK(absolute.init_weights == (here / "w.safetensors").string());
  CHECK(absolute.vgg_weights.empty());
}

TEST_CASE("train options: a short file changes what it names, the preset decides the rest") {
  const TrainOptions read =
      train_options_from_json(R"({"preset": "small", "ngf": 8, "data": [{"path": "d"}]})", "c.json");
  CHECK(read.generator.ngf == 8);
  CHECK(read.generator.blocks == 3);
  CHECK(read.data.at(0).weight == 1.0);
}

TEST_CASE("train options: unknown keys and wrong values are named with the file") {
  const auto with = [](const std::string& entry) {
    return error_reading("{\"preset\": \"small\", " + entry + "}");
  };
  CHECK_THAT(with("\"nfg\": 8"), Catch::StartsWith("c.json: unknown option \"nfg\""));
  CHECK_THAT(with("\"ngf\": \"8\""),
             Catch::StartsWith("c.json: option \"ngf\"") && Catch::Contains("whole number"));
  CHECK_THAT(with("\"ngf\": 8.5"), Catch::Contains("\"ngf\"") && Catch::Contains("8.5"));
  CHECK_THAT(with("\"batch_size\": true"), Catch::Contains("\"batch_size\"") && Catch::Contains("true"));
  CHECK_THAT(with("\"seed\": -1"), Catch::Contains("\"seed\"") && Catch::Contains("-1"));
  CHECK_THAT(with("\"epochs\": 3000000000"), Catch::Contains("\"epochs\""));
  CHECK_THAT(with("\"lr\": null"), Catch::Contains("\"lr\"") && Catch::Contains("null"));
  CHECK_THAT(with("\"flip\": 1"), Catch::Contains("\"flip\"") && Catch::Contains("true or false"));
  CHECK_THAT(with("\"gan_type\": \"wasserstein\""), Catch::StartsWith("c.json: option \"gan_type\"") &&
                                                        Catch::Contains("wgan-gp, wgan, lsgan, gan"));
  CHECK_THAT(with("\"conv_backend\": \"cublas\""),
             Catch::StartsWith("c.json: option \"conv_backend\"") && Catch::Contains("own or cudnn"));
  CHECK_THAT(with("\"gan_type\": 3"), Catch::Contains("\"gan_type\"") && Catch::Contains("text"));
  CHECK_THAT(with("\"data\": \"folder\""), Catch::Contains("\"data\"") && Catch::Contains("list"));
  CHECK_THAT(with("\"data\": [{\"weight\": 1}]"), Catch::Contains("\"data\"") && Catch::Contains("path"));
  CHECK_THAT(with("\"data\": [{\"path\": \"d\", \"weight\": \"1\"}]"), Catch::Contains("\"data\""));
  CHECK_THAT(error_reading("{\"preset\": \"small\""), Catch::StartsWith("c.json: not valid JSON"));
  CHECK_THAT(error_reading("[1]"), Catch::Contains("c.json") && Catch::Contains("object"));
  CHECK_THAT(error_reading("{}"), Catch::Contains("c.json") && Catch::Contains("\"preset\""));
  CHECK_THAT(error_reading("{\"preset\": \"smal\"}"), Catch::Contains("'smal'") && Catch::Contains("small"));
}

TEST_CASE("train options: values out of range are named as on the command line") {
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(error_after([](TrainOptions&) {}).empty());
  CHECK_THAT(error_after([](TrainOptions& o) { o.data.clear(); }), Catch::Contains("--data"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.batch_size = 0; }), Catch::Contains("--batch-size is 0"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.learning_rate = 0.0; }), Catch::Contains("--lr is 0"));
  CHECK_THAT(error_after([&](TrainOptions& o) { o.learning_rate = infinity; }), Catch::Contains("lr is inf"));
  CHECK_THAT(error_after([&](TrainOptions& o) { o.divergence_limit = infinity; }),
             Catch::Contains("divergence_limit"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.divergence_limit = 0.0; }),
             Catch::Contains("--divergence-limit"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.beta1 = 1.0; }), Catch::Contains("--beta1"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.ema_decay = 1.0; }), Catch::Contains("--ema"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.critic_updates = 0; }), Catch::Contains("--critic-updates"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.epochs = o.decay_epochs = 0; }),
             Catch::Contains("nothing to train"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.steps = -1; }), Catch::Contains("--steps"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.keep_checkpoints = 0; }),
             Catch::Contains("--keep-checkpoints"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.checkpoint_every = 0; }),
             Catch::Contains("--checkpoint-every"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.min_blur = 30.0; }), Catch::Contains("--min-blur"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.noise = -0.1; }), Catch::Contains("--noise"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.weight_clip = -1.0; }), Catch::Contains("--weight-clip"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.workers = -1; }), Catch::Contains("--workers"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.threads = -1; }), Catch::Contains("--threads"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.threads = 100'000; }), Catch::Contains("--threads"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.workers = 1000; }), Catch::Contains("--workers"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.conv_backend = ConvBackend::cudnn; }),
             Catch::Contains("--conv-backend cudnn") && Catch::Contains("'cpu'"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.augment.crop_size = 130; }),
             Catch::Contains("multiples of 4") && Catch::Contains("--crop-size"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.augment.crop_size = 8; }),
             Catch::Contains("--validation-crop"));
  CHECK_THAT(error_after([](TrainOptions& o) { o.validation_crop = 30; }), Catch::Contains("multiple of 4"));
  CHECK_THAT(error_after([](TrainOptions& o) {
               o.discriminator = find_preset("keras").discriminator, o.objective.gan_type = GanType::gan;
             }),
             Catch::Contains("--gan-type gan"));
}
