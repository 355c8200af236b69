// deblurgan-train as a user runs it: arguments, data, what is said when something is wrong. train_kill_test.sh kills it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/image_io.h"
#include "data/safetensors.h"
#include "tests/apps/program.h"
#include "tests/data/dataset_fixture.h"

using namespace dg;
using namespace dg::test;

namespace fs = std::filesystem;

namespace {

const std::string kTiny =
    "--preset small --gan-type wgan-gp --ngf 4 --blocks 1 --ndf 4 --crop-size 32 --batch-size 1 --workers 0 "
    "--threads 1 ";
// No validation, a checkpoint each step.
const std::string kTinyScenes = kTiny + "--data procedural --validate-every 0 --checkpoint-every 1 ";

ProgramResult train(const TempFolder& folder, const std::string& arguments, const std::string& before = "") {
  return run_in(folder, before + "'" DG_TRAIN_PROGRAM "' " + arguments);
}

// One sentence on stderr that holds all these parts, and this exit code.
void check_error(const ProgramResult& result, int code, std::initializer_list<const char*> parts) {
  INFO(result.out);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-train: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  for (const char* part : parts) CHECK_THAT(result.err, Catch::Contains(part));
}

nlohmann::json config_of(const TempFolder& folder, const std::string& run) {
  return nlohmann::json::parse(read_text(folder / run / "config.json"));
}

bool has_temporaries(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".tmp") return true;
  }
  return false;
}

// Pairs of noise of one size; blurred and sharp differ.
void put_pairs(const DatasetFolder& folder, const std::string& root, std::uint64_t count = 2) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string name = std::to_string(i) + ".png";
    folder.picture(root + "/A/" + name, i, 40, 36);
    folder.picture(root + "/B/" + name, 100 + i, 40, 36);
  }
}

// Rewrites width and height in the frame header (marker FF C0: length, bits, height, width). Memory for the pixels is asked
// for before any is looked for.
void set_jpeg_size(const fs::path& path, int size) {
  std::string bytes = read_text(path);
  const std::size_t frame = bytes.find("\xff\xc0");
  REQUIRE(frame != std::string::npos);
  for (const std::size_t at : {frame + 5, frame + 7}) {
    bytes[at] = static_cast<char>(size / 256);
    bytes[at + 1] = static_cast<char>(size % 256);
  }
  write_text(path, bytes);
}

}  // namespace

TEST_CASE("train: --help has examples and the old names, --version a number") {
  const TempFolder folder;
  const ProgramResult help = train(folder, "--help");
  CHECK(help.code == 0);
  CHECK(help.err.empty());
  for (const char* part : {"Examples:", "deblurgan-train --data procedural", "--resume", "--dataroot",
                           "--niter_decay", "--gan-type"}) {
    CHECK_THAT(help.out, Catch::Contains(part));
  }
  const ProgramResult version = train(folder, "--version");
  CHECK(version.code == 0);
  CHECK_THAT(version.out, Catch::Matches("deblurgan-train [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  CHECK(folder.names().empty());
}

TEST_CASE("train: wrong arguments are told in a sentence, and nothing is written") {
  const TempFolder folder;
  write_text(folder / "small.json", R"({"preset": "small"})");
  write_text(folder / "odd.json", R"({"preset": "small", "learning_rate": 1})");
  check_error(train(folder, "--data procedural"), 2, {"--out DIR", "see --help"});
  check_error(train(folder, "--out run"), 2, {"no data given", "--data DIR"});
  check_error(train(folder, "--data procedural --out run --preset smal"), 2,
              {"'smal'", "small", "unet_256", "keras"});
  check_error(train(folder, "--data procedural --out run --ngg 4"), 2, {"--ngg"});
  check_error(train(folder, "--data procedural --out run --ngf"), 2, {"--ngf"});
  check_error(train(folder, "--data procedural --out run --ngf many"), 2, {"--ngf", "many"});
  check_error(train(folder, "--data procedural --out run --seed -1"), 2, {"--seed", "-1"});
  check_error(train(folder, "--data procedural --out run --gan-type wasserstein"), 2,
              {"'wasserstein'", "wgan-gp, wgan, lsgan, gan"});
  check_error(train(folder, "--data procedural --out run --conv-backend cublas"), 2,
              {"'cublas'", "own or cudnn"});
  check_error(train(folder, "--data procedural --out run --conv-backend cudnn"), 2,
              {"--conv-backend cudnn", "'cpu'", "--device cuda"});
  check_error(train(folder, "--data procedural --out run --batch-size 0"), 2, {"--batch-size is 0"});
  check_error(train(folder, "--data procedural --out run --preset small --crop-size 30"), 2,
              {"multiples of 4", "--crop-size"});
  check_error(train(folder, "--data procedural --out run --preset unet_256 --crop-size 128"), 2,
              {"256", "--crop-size"});
  check_error(train(folder, "--data procedural --out run --config small.json --preset deblurgan"), 2,
              {"--preset deblurgan", "small.json", "small"});
  check_error(train(folder, "--data procedural --out run --config odd.json"), 2,
              {"odd.json", "\"learning_rate\""});
  check_error(train(folder, "--data procedural --out run --config missing.json"), 2, {"missing.json"});
  check_error(train(folder, "--resume run --lr 1"), 2, {"--lr", "resumed", "--steps"});
  check_error(train(folder, "--resume run --out other"), 2, {"--out other", "--resume run"});
  check_error(train(folder, "--resume run"), 1, {"run", "config.json"});
  check_error(train(folder, kTinyScenes + "--out run --device cuda"), 1, {"cuda"});
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("train: data that cannot be trained on is refused by name, before and by --check-data") {
  const DatasetFolder folder;
  fs::create_directories(folder / "empty");
  for (std::uint64_t i = 0; i < 2; ++i) {
    const std::string name = std::to_string(i) + ".png";
    folder.picture("same/A/" + name, i, 40, 36);
    folder.picture("same/B/" + name, i, 40, 36);
  }
  put_pairs(folder, "sizes");
  folder.picture("sizes/B/1.png", 5, 40, 44);
  put_pairs(folder, "partner");
  fs::remove(folder / "partner/B/1.png");
  put_pairs(folder, "broken");
  folder.truncate("broken/A/0.png", 60);
  put_pairs(folder, "tiny");
  folder.picture("tiny/A/0.png", 1, 20, 20);
  folder.picture("tiny/B/0.png", 2, 20, 20);

  struct Case {
    const char* data;
    std::initializer_list<const char*> parts;
  };
  for (const Case& c : {Case{"nowhere", {"nowhere"}}, Case{"empty", {"empty"}}, Case{"same", {"same"}},
                        Case{"sizes", {"1.png", "40x36", "40x44"}}, Case{"partner", {"1.png"}},
                        Case{"broken", {"broken/A/0.png"}}, Case{"tiny", {"0.png", "smaller", "32x32"}}}) {
    INFO(c.data);
    const std::string data = " --data " + std::string(c.data);
    check_error(train(folder, kTiny + "--out run" + data), 1, c.parts);
    const ProgramResult checked = train(folder, kTiny + "--check-data" + data);
    CHECK(checked.code == 1);
    CHECK_THAT(checked.out, Catch::Contains("error: ") && Catch::Contains(" errors, "));
    for (const char* part : c.parts) CHECK_THAT(checked.out, Catch::Contains(part));
  }
  CHECK_FALSE(fs::exists(folder / "run"));
}

TEST_CASE("train: --check-data of good data says so, and looks at the held-out part, too") {
  const DatasetFolder folder;
  put_pairs(folder, "good/train");
  put_pairs(folder, "good/val");
  const std::string arguments = kTiny + "--validate-every 5 --check-data --data good";
  const ProgramResult good = train(folder, arguments);
  INFO(good.err);
  CHECK(good.code == 0);
  CHECK(good.out == "0 errors, 0 warnings\n");
  folder.truncate("good/val/B/1.png", 60);
  const ProgramResult bad = train(folder, arguments);
  CHECK(bad.code == 1);
  CHECK_THAT(bad.out, Catch::Contains("good/val/B/1.png") && Catch::Contains("1 errors"));
}

TEST_CASE("train: the held-out part is found beside train, and inside A and B") {
  const DatasetFolder folder;
  put_pairs(folder, "beside/train");
  put_pairs(folder, "beside/Test");
  for (std::uint64_t i = 0; i < 4; ++i) {
    folder.picture(std::string("inside/A/") + (i < 3 ? "train/" : "val/") + std::to_string(i) + ".png", i, 40,
                   36);
    folder.picture(std::string("inside/B/") + (i < 3 ? "train/" : "val/") + std::to_string(i) + ".png", 9 + i,
                   40, 36);
  }
  put_pairs(folder, "none");
  for (const char* data : {"beside", "inside", "none"}) {
    const ProgramResult result =
        train(folder, kTiny + "--adversarial-weight 0 --steps 1 --data " + data + " --out run-" + data);
    INFO(result.err);
    CHECK(result.code == 0);
    const bool expected = std::string(data) != "none";
    CHECK((result.out.find("held-out") != std::string::npos) == expected);
    CHECK((result.out.find("pass --val DIR") != std::string::npos) == !expected);
    CHECK(fs::exists(folder / (std::string("run-") + data) / "best.safetensors") == expected);
  }
}

TEST_CASE("train: the old programs' command line") {
  const DatasetFolder folder;
  put_pairs(folder, "photos");
  const ProgramResult result =
      train(folder,
            "--dataroot photos --name first --checkpoints_dir runs --niter 1 --niter_decay 2 --batchSize 2 "
            "--fineSize 32 "
            "--loadSizeX 64 --loadSizeY 48 --which_model_netG resnet_6blocks --ngf 4 --ndf 4 --n_layers_D 2 "
            "--gpu_ids -1 --no_flip "
            "--nThreads 1 --learn_residual --no_dropout --resize_or_crop crop --lambda_A 50 --gan_type lsgan "
            "--content l1 "
            "--beta1 0.4 --lr 0.0002 --print_freq 1 --save_latest_freq 2 --norm instance --threads 1");
  INFO(result.err);
  REQUIRE(result.code == 0);
  const nlohmann::json c = config_of(folder, "runs/first");
  const std::string photos = (fs::canonical(folder.path()) / "photos").string();
  const nlohmann::json expected = {{"preset", "resnet_6blocks"},
                                   {"blocks", 6},
                                   {"ngf", 4},
                                   {"ndf", 4},
                                   {"n_layers_D", 2},
                                   {"epochs", 1},
                                   {"decay_epochs", 2},
                                   {"batch_size", 2},
                                   {"crop_size", 32},
                                   {"load_width", 64},
                                   {"load_height", 48},
                                   {"device", "cpu"},
                                   {"flip", false},
                                   {"workers", 1},
                                   {"learn_residual", true},
                                   {"dropout", 0.0},
                                   {"preprocess", "crop"},
                                   {"content_weight", 50.0},
                                   {"gan_type", "lsgan"},
                                   {"beta1", 0.4},
                                   {"lr", 0.0002},
                                   {"log_every", 1},
                                   {"checkpoint_every", 2},
                                   {"norm", "instance"},
                                   {"data", {{{"path", photos}, {"weight", 1.0}}}}};
  for (const auto& [key, value] : expected.items()) {
    INFO(key);
    CHECK(c.at(key) == value);
  }
  CHECK_THAT(read_text(folder / "runs/first/command.txt"), Catch::Contains("--dataroot photos --name first"));
  // Three epochs of one batch.
  CHECK(fs::exists(folder / "runs/first/checkpoints/step-00000003.safetensors"));
  CHECK(train(folder, "--name first --checkpoints_dir runs --continue_train").code == 0);

  CHECK(train(folder, kTiny + "--dataset_mode aligned --gpu_ids 0 --dataroot photos --out gpu").code != 0);
}

TEST_CASE("train: a run leaves what its folder promises, and its config.json starts an equal run") {
  const TempFolder folder;
  const ProgramResult first = train(folder, kTiny +
                                                "--data procedural --checkpoint-every 1 --validate-every 2 "
                                                "--validation-images 2 --steps 2 --log-every 1 "
                                                "--out 'first run' --seed 3 --export-validation");
  INFO(first.err);
  REQUIRE(first.code == 0);
  CHECK_THAT(first.out, Catch::Contains("procedural") && Catch::Contains("step 2/2") &&
                            Catch::Contains("images/s") && Catch::Contains("g_content") &&
                            Catch::Contains("d_penalty") && Catch::Contains("PSNR") &&
                            Catch::Contains("finished 2 steps"));
  for (const char* name :
       {"config.json", "command.txt", "metrics.csv", "metrics.jsonl", "networks.txt", "status.json",
        "report.html", "tensorboard", "generator.safetensors", "best.safetensors",
        "checkpoints/step-00000002.safetensors", "strips/step-00000002.png", "held-out/blurred/001.png",
        "held-out/sharp/001.png"}) {
    CHECK(fs::exists(folder / "first run" / name));
  }
  CHECK_THAT(read_text(folder / "first run/command.txt"), Catch::Contains("--out 'first run'"));

  CHECK(train(folder, "--config 'first run/config.json' --out second --quiet").code == 0);
  CHECK(config_of(folder, "second") == config_of(folder, "first run"));
  const std::string last = "checkpoints/step-00000002.safetensors";
  CHECK((read_text(folder / "second" / last) == read_text(folder / "first run" / last)));
  // The command line is laid over the file.
  CHECK(train(folder, "--config second/config.json --out third --steps 1 --quiet").code == 0);
  CHECK(config_of(folder, "third").at("steps") == 1);

  check_error(train(folder, kTinyScenes + "--steps 1 --out second"), 1,
              {"second", "already holds a run", "--resume"});
}

TEST_CASE("train: the report of a long run works in Chromium, where there is one") {
  const TempFolder folder;
  REQUIRE(train(folder, kTiny + "--data procedural --steps 3 --validate-every 1 --validation-images 4 "
                                "--log-every 1 --no-tensorboard --out run --quiet")
              .code == 0);
  CHECK_FALSE(fs::exists(folder / "run/tensorboard"));
  std::string rows;
  for (int step = 4; step <= 100'000; ++step) {
    const std::string x = std::to_string(step);
    rows += x + ",0,0.001," + std::to_string(20 + step % 40) + "," + x + ",0." + x + ",1e-3,-" + x +
            ",0.5,2,,,,\n";
  }
  write_text(folder / "run/metrics.csv", read_text(folder / "run/metrics.csv") + rows);
  const ProgramResult report = train(folder, "--report run");
  INFO(report.err);
  CHECK(report.code == 0);
  CHECK(report.out == "wrote run/report.html\n");
  const ProgramResult checked =
      run_in(folder, "python3 '" DG_TEST_DATA_DIR "/report_page_test.py' run/report.html");
  INFO(checked.out << checked.err);
  if (checked.code == 77 || checked.code == 127) {
    WARN("not checked: " << checked.out << checked.err);
  } else {
    CHECK(checked.code == 0);
  }
  check_error(train(folder, "--report nowhere"), 1, {"nowhere: holds no run"});
}

TEST_CASE("train: a run is resumed from any working directory") {
  const DatasetFolder folder;
  put_pairs(folder, "photos");
  const std::string run = kTiny + "--data photos:1 --validate-every 0 --adversarial-weight 0 --quiet ";
  const std::string last = "checkpoints/step-00000002.safetensors";
  REQUIRE(train(folder, run + "--steps 2 --out whole").code == 0);
  REQUIRE(train(folder, run + "--steps 1 --schedule constant --out runs/parts").code == 0);
  REQUIRE(train(folder, run + "--steps 2 --schedule constant --out constant").code == 0);
  const ProgramResult resumed = train(folder, "--resume parts --steps 2 --quiet", "cd runs && ");
  INFO(resumed.err);
  CHECK(resumed.code == 0);
  CHECK((read_text(folder / "runs/parts" / last) == read_text(folder / "constant" / last)));
  CHECK_THAT(read_text(folder / "runs/parts/command.txt"), Catch::Contains("--data photos:1"));
}

TEST_CASE("train: a second process is kept out of a run folder, and a killed one leaves it free") {
  const TempFolder folder;
  // The second process comes when the first has saved something; then the first is killed.
  const ProgramResult second =
      run_in(folder, "'" DG_TRAIN_PROGRAM "' " + kTinyScenes +
                         "--steps 100000 --quiet --out run & first=$!; "
                         "until [ -e run/generator.safetensors ] || ! kill -0 $first; do sleep 0.02; done; "
                         "'" DG_TRAIN_PROGRAM
                         "' --resume run --steps 1; code=$?; "
                         "kill -KILL $first; { wait $first; } 2>/dev/null; printf %s $first; exit $code");
  check_error(second, 1, {("run: process " + second.out + " is at work in this folder").c_str()});
  const ProgramResult third = train(folder, "--resume run --steps 1 --quiet");
  INFO(third.err);
  CHECK(third.code == 0);
}

TEST_CASE("train: where memory runs out, the picture or the batch is named") {
  const TempFolder folder;
  const std::string limit = "ulimit -v 300000; ";  // kB; the program itself needs about a tenth of it
  check_error(
      train(folder,
            "--preset small --workers 0 --threads 1 --data procedural --validate-every 0 --batch-size 1 "
            "--crop-size 8192 --out run",
            limit),
      1, {"batch 0", "1 examples of 8192x8192 pixels", "procedural", "smaller crops or batches"});
  fs::create_directories(folder / "photos");
  write_image(folder / "photos/huge.jpg", Image{8, 8, 3, 8, std::vector<std::uint16_t>(192, 100)});
  set_jpeg_size(folder / "photos/huge.jpg", 16384);
  const ProgramResult checked = train(folder, kTiny + "--check-data --data photos", limit);
  CHECK(checked.code == 1);
  CHECK_THAT(checked.out, Catch::Contains("photos/huge.jpg: not enough memory for its 16384x16384 pixels"));
}

TEST_CASE("train: --quiet is silent, and --summary prints both networks") {
  const TempFolder folder;
  const ProgramResult quiet = train(folder, kTinyScenes + "--steps 1 --out run --quiet");
  CHECK(quiet.code == 0);
  CHECK(quiet.out.empty());
  CHECK(quiet.err.empty());
  const ProgramResult summary = train(folder, "--summary --preset deblurgan --crop-size 64 --threads 1");
  CHECK(summary.code == 0);
  CHECK_THAT(summary.out, Catch::Contains("Generator") && Catch::Contains("Discriminator") &&
                              Catch::Contains("11,378,179") && Catch::Contains("2,764,737"));
}

TEST_CASE("train: a run folder that cannot be made") {
  const TempFolder folder;
  write_text(folder / "file", "");
  check_error(train(folder, kTinyScenes + "--steps 1 --out file/run"), 1, {"file/run", "--out"});
  check_error(train(folder, kTinyScenes + "--steps 1 --out file"), 1, {"file", "--out"});
  check_error(train(folder, kTinyScenes + "--steps 1 --out /proc/run"), 1, {"/proc/run"});
}

TEST_CASE("train: a full disk is told, leaves nothing half-written, and the run goes on later") {
  const TempFolder folder;
  const std::string run = kTinyScenes + "--steps 3 --seed 5 ";
  const std::string last = "checkpoints/step-00000003.safetensors";
  REQUIRE(train(folder, run + "--out whole --quiet").code == 0);
  const std::string whole = read_text(folder / "whole" / last);

  // sh counts blocks of 512 bytes. 1 kB is less than config.json, 16 kB less than the generator, 128 kB less than a
  // checkpoint.
  for (const char* blocks : {"2", "32", "256"}) {
    INFO(blocks);
    const std::string name = std::string("run") + blocks;
    check_error(train(folder, run + "--out " + name, std::string("ulimit -f ") + blocks + "; "), 1,
                {name.c_str(), "cannot be written: File too large"});
    CHECK_FALSE(has_temporaries(folder / name));
    const bool started = fs::exists(folder / name / "config.json");
    CHECK(started == (name != "run2"));
    CHECK(fs::exists(folder / name / "generator.safetensors") == (name == "run256"));
    CHECK(train(folder, (started ? "--resume " : run + "--out ") + name + " --quiet").code == 0);
    CHECK((read_text(folder / name / last) == whole));
  }

  // In the middle of a run, too: the older checkpoints stay.
  check_error(train(folder, "--resume run32 --steps 5", "ulimit -f 256; "), 1,
              {"step-00000004", "File too large"});
  CHECK_FALSE(has_temporaries(folder / "run32"));
  CHECK((read_text(folder / "run32" / last) == whole));
  CHECK(train(folder, "--resume run32 --quiet").code == 0);
  CHECK(fs::exists(folder / "run32/checkpoints/step-00000005.safetensors"));
}

TEST_CASE("train: an exploding rate stops with the step, the term and advice, and leaves no broken weights") {
  const TempFolder folder;
  const std::string run = kTiny + "--data procedural --validate-every 0 --steps 9 --lr 1e20 ";
  check_error(train(folder, run + "--checkpoint-every 1 --out gan"), 1,
              {"diverged at step 1", "the loss term g_adversarial", "no checkpoint yet", "lower --lr"});
  CHECK_FALSE(fs::exists(folder / "gan/generator.safetensors"));
  check_error(train(folder, run + "--checkpoint-every 1 --adversarial-weight 0 --out weights"), 1,
              {"diverged at step 1", "the weights "});
  CHECK_FALSE(fs::exists(folder / "weights/generator.safetensors"));
  check_error(train(folder, run + "--adversarial-weight 0 --out content"), 1,
              {"diverged at step 2", "the loss term g_content"});
}

TEST_CASE("train: the perceptual loss says which weights to bring, and what is wrong with those it got") {
  const TempFolder folder;
  const std::string perceptual = kTinyScenes + "--steps 1 --content perceptual --out run ";
  check_error(train(folder, perceptual), 1, {"vgg19", "safetensors", "l1, mse or charbonnier"});
  check_error(train(folder, perceptual + "--vgg-weights none.safetensors"), 1, {"none.safetensors"});
  const std::vector<float> values(8, 0.5F);
  write_safetensors(folder / "other.safetensors",
                    {{"x", SafeDType::F32, {8}, std::as_bytes(std::span(values))}});
  check_error(train(folder, perceptual + "--vgg-weights other.safetensors"), 1, {"other.safetensors"});
  check_error(train(folder, perceptual + "--vgg-weights other.safetensors --vgg-layer block9_conv1"), 1,
              {"block9_conv1"});
  fs::resize_file(folder / "other.safetensors", fs::file_size(folder / "other.safetensors") - 4);
  check_error(train(folder, perceptual + "--vgg-weights other.safetensors"), 1,
              {"other.safetensors", "truncated"});
  CHECK_FALSE(fs::exists(folder / "run"));
}
