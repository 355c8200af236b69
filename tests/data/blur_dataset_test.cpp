// Data sets of blurred pictures: the same whatever happens on the way, and readable by data/dataset.h.
#include "data/blur_dataset.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>

#include "data/dataset.h"
#include "data/detail/blur_plan.h"
#include "data/detail/picture_codec.h"
#include "data/input_file.h"
#include "data/picture.h"
#include "dataset_fixture.h"

using namespace dg;
using dg::test::DatasetFolder;
using dg::test::error_of;
using dg::test::read_text;
using dg::test::TempFolder;

namespace fs = std::filesystem;

namespace {

// Name below the folder -> content, but for the lock.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() != "lock") {
      files[entry.path().lexically_relative(folder).generic_string()] = read_text(entry.path());
    }
  }
  return files;
}

std::string lines_of(const fs::path& out) { return read_text(out / "manifest.jsonl"); }

std::int64_t count_lines(const fs::path& out) {
  const std::string text = lines_of(out);
  return std::count(text.begin(), text.end(), '\n');
}

struct Desk : DatasetFolder {
  explicit Desk(std::uint64_t count = 5) {
    for (std::uint64_t i = 0; i < count; ++i) {
      picture("photos/sub/" + std::to_string(i) + ".png", i, 48, 40);
    }
    picture("photos/top.bmp", 99, 64, 32);
  }
  BlurDatasetOptions options(const std::string& output) const {
    BlurDatasetOptions o;
    o.input = path() / "photos";
    o.output = path() / output;
    o.blur.shake.max_length = 12.0;
    o.blur.capture.noise = {0.0, 4.0};
    o.seed = 3;
    o.threads = 1;
    return o;
  }
};

}  // namespace

TEST_CASE("blur data set: any number of threads makes the same files", "[threads]") {
  const Desk desk(2);
  BlurDatasetOptions options = desk.options("one");
  options.blur.grid = 2;
  options.variants = 2;
  options.psf = true;
  options.train_share = 0.7;
  const BlurDatasetResult result = make_blur_dataset(options);
  CHECK(result.made == 6);
  CHECK((result.train == 4 && result.test == 2));  // 0.7 of 3 photographs are 2, with two variants each
  options.output = desk / "four";
  options.threads = 4;
  std::atomic<std::int64_t> calls = 0;
  std::int64_t last = 0;
  make_blur_dataset(options, {.on_progress =
                                  [&](const BlurDatasetProgress& p) {
                                    ++calls;
                                    last = std::max(last, p.done);
                                  },
                              .on_failure = {},
                              .should_stop = {}});
  CHECK(calls == 6);
  CHECK(last == 6);
  CHECK(contents(desk / "one") == contents(desk / "four"));
}

TEST_CASE("blur data set: the trainer's reader finds the pairs, the sharp ones byte for byte") {
  const Desk desk;
  BlurDatasetOptions options = desk.options("out");
  options.variants = 2;
  make_blur_dataset(options);
  CHECK(check_dataset((desk / "out").string()).empty());
  const auto source = open_dataset((desk / "out").string());
  REQUIRE(source->size() == 12);
  CHECK_THAT(source->describe(), Catch::Contains("two folders, blurred -> sharp"));
  CHECK(read_text(desk / "out/sharp/sub/3_2.png") == read_text(desk / "photos/sub/3.png"));
  CHECK(read_text(desk / "out/sharp/top_1.bmp") == read_text(desk / "photos/top.bmp"));
  CHECK(read_text(desk / "out/blurred/top_1.png") != read_text(desk / "out/blurred/top_2.png"));
  const auto record =
      nlohmann::json::parse(lines_of(desk / "out").substr(0, lines_of(desk / "out").find('\n')));
  CHECK(record["name"] == "sub/0_1");
  CHECK(record["source"] == "sub/0.png");
  CHECK(record["source_crc32"].get<std::string>().size() == 8);
  CHECK(record["blur"].get<double>() <= 12.0);
  CHECK(record["noise"].get<double>() <= 4.0);
}

TEST_CASE("blur data set: a picture that joins changes no other pair, in train and test neither") {
  const Desk desk(2);
  for (const double share : {1.0, 0.5}) {
    const std::string out = share < 1.0 ? "split" : "whole";
    BlurDatasetOptions options = desk.options(out);
    options.train_share = share;
    make_blur_dataset(options);
    const auto before = contents(desk / out);
    desk.picture("photos/sub/00_" + out + ".png", 1234, 48, 40);
    const BlurDatasetResult again = make_blur_dataset(options);
    CHECK(again.made == 1);
    CHECK(again.kept + 1 == again.pairs);
    auto after = contents(desk / out);
    for (const auto& [name, content] : before) {
      if (name != "manifest.jsonl") CHECK(after[name] == content);
    }
    fs::remove(desk / ("photos/sub/00_" + out + ".png"));
  }
}

TEST_CASE("blur data set: what is missing, torn or changed is made again, the rest is kept") {
  const Desk desk;
  const BlurDatasetOptions options = desk.options("out");
  make_blur_dataset(options);
  const auto whole = contents(desk / "out");
  fs::remove(desk / "out/blurred/sub/1.png");
  desk.truncate("out/sharp/sub/2.png", 50);
  desk.truncate("out/manifest.jsonl", fs::file_size(desk / "out/manifest.jsonl") - 3);  // the line of "top"
  desk.text("out/blurred/sub/4.png.999999999.0.tmp", "of a killed process");
  const BlurDatasetResult result = make_blur_dataset(options);
  CHECK(result.made == 3);
  CHECK(result.kept == 3);
  CHECK(contents(desk / "out") == whole);

  desk.picture("photos/sub/0.png", 4711, 50, 40);
  CHECK(make_blur_dataset(options).made == 1);
  CHECK(read_text(desk / "out/sharp/sub/0.png") == read_text(desk / "photos/sub/0.png"));

  fs::remove(desk / "photos/top.bmp");
  desk.picture("photos/top.png", 99, 64, 32);
  CHECK(make_blur_dataset(options).made == 1);
  CHECK(check_dataset((desk / "out").string()).empty());  // sharp/top.bmp has gone
}

TEST_CASE("blur data set: stopped after two pairs it goes on to the same end") {
  const Desk desk;
  BlurDatasetOptions options = desk.options("whole");
  options.train_share = 0.5;
  make_blur_dataset(options);
  options.output = desk / "stopped";
  std::int64_t done = 0;
  const BlurDatasetResult first =
      make_blur_dataset(options, {.on_progress = [&](const BlurDatasetProgress& p) { done = p.done; },
                                  .on_failure = {},
                                  .should_stop = [&] { return done == 2; }});
  CHECK(first.stopped);
  CHECK(first.made == 2);
  CHECK(count_lines(desk / "stopped") == 2);
  CHECK(make_blur_dataset(options).kept == 2);
  CHECK(contents(desk / "stopped") == contents(desk / "whole"));
}

TEST_CASE("blur data set: other options on the same folder are refused by name, --overwrite starts anew") {
  const Desk desk;
  BlurDatasetOptions options = desk.options("out");
  make_blur_dataset(options);
  BlurDatasetOptions other = options;
  other.blur.shake.max_length = 14.0;
  CHECK_THAT(error_of([&] { make_blur_dataset(other); }),
             Catch::Contains("--max-blur was 12.0 and is now 14.0"));
  other = options;
  other.blur.capture.noise = {0.0, 5.0};
  CHECK_THAT(error_of([&] { make_blur_dataset(other); }),
             Catch::Contains("--noise was [0.0,4.0] and is now [0.0,5.0]"));
  other.overwrite = true;
  other.format = ImageFormat::jpeg;
  desk.text("out/notes.txt", "mine");
  CHECK(make_blur_dataset(other).made == 6);
  CHECK(fs::exists(desk / "out/blurred/top.jpg"));
  CHECK_FALSE(fs::exists(desk / "out/blurred/top.png"));
  CHECK(read_text(desk / "out/notes.txt") == "mine");

  desk.text("foreign/letter.txt", "do not touch");
  other.output = desk / "foreign";
  CHECK_THAT(error_of([&] { make_blur_dataset(other); }),
             Catch::Contains("holds letter.txt and no options.json"));
  desk.text("foreign/options.json", "{}");
  CHECK_THAT(error_of([&] { make_blur_dataset(other); }),
             Catch::Contains("is not the work of deblurgan-blur"));
}

TEST_CASE("blur data set: a broken picture and a small one are named, the others are made") {
  const Desk desk;
  desk.truncate("photos/sub/2.png", 100);
  desk.picture("photos/tiny.png", 5, 4, 3);
  std::vector<std::string> told;
  BlurDatasetOptions options = desk.options("out");
  options.blur.shake.min_length = 12.0;
  const BlurDatasetResult result = make_blur_dataset(
      options,
      {.on_progress = {}, .on_failure = [&](const std::string& s) { told.push_back(s); }, .should_stop = {}});
  CHECK(result.made == 5);
  CHECK(told == result.failures);
  REQUIRE(told.size() == 2);
  CHECK_THAT(told[0], Catch::Contains("sub/2.png") && Catch::Contains("damaged"));
  CHECK_THAT(told[1], Catch::Contains("tiny.png") && Catch::Contains("larger than the picture of 4x3"));
}

TEST_CASE(
    "blur data set: frames are averaged by sequence in natural order, the middle one is the sharp one") {
  const DatasetFolder desk;
  for (int i = 1; i <= 11; ++i) {
    for (const char* sequence : {"video/a/", "video/b/"}) {
      desk.write(sequence + std::string("f") + std::to_string(i) + ".png",
                 {1, 1, 1, 8, {static_cast<std::uint16_t>(i * i)}});
    }
  }
  desk.picture("video/short/1.png", 1);
  BlurDatasetOptions options;
  options.source = BlurSource::frames;
  options.input = desk / "video";
  options.output = desk / "out";
  options.frames = 3;
  options.stride = 4;
  options.blur.capture.gamma = 1.0;
  options.train_share = 0.5;
  const BlurDatasetResult result = make_blur_dataset(options);
  REQUIRE(result.pairs == 6);  // of each sequence frames 1-3, 5-7, 9-11
  CHECK(result.train == 3);
  REQUIRE(result.failures.size() == 1);
  CHECK_THAT(result.failures[0], Catch::Contains("short: holds 1 frames, expected at least the 3"));
  const bool a_in_train = fs::exists(desk / "out/train/sharp/a/f2.png");
  const fs::path base = desk / (a_in_train ? "out/train" : "out/test");
  CHECK(read_image(base / "blurred/a/f10.png").pixels[0] == 101);  // (81 + 100 + 121) / 3 = 100.7
  CHECK(read_image(base / "sharp/a/f10.png").pixels[0] == 100);
  CHECK(fs::exists(desk / (a_in_train ? "out/test/sharp/b/f6.png" : "out/train/sharp/b/f6.png")));
}

TEST_CASE("blur data set: scenes are sharp ones of one seed under different shakes") {
  const TempFolder desk;
  BlurDatasetOptions options;
  options.source = BlurSource::scenes;
  options.scenes = 2;
  options.scene_width = 50;
  options.scene_height = 41;
  options.variants = 2;
  options.output = desk / "out";
  CHECK(make_blur_dataset(options).made == 4);
  CHECK(read_text(desk / "out/sharp/scene_000001_1.png") == read_text(desk / "out/sharp/scene_000001_2.png"));
  CHECK(read_text(desk / "out/sharp/scene_000000_1.png") != read_text(desk / "out/sharp/scene_000001_1.png"));
  CHECK(read_image(desk / "out/blurred/scene_000001_1.png").width == 50);
  CHECK(check_dataset((desk / "out").string()).empty());
  options.scenes = 3;  // a data set may grow
  const BlurDatasetResult result = make_blur_dataset(options);
  CHECK((result.made == 2 && result.kept == 4));
}

TEST_CASE("blur data set: what is wrong with the whole is told before a folder is made") {
  const Desk desk;
  BlurDatasetOptions options = desk.options("out");
  const auto error_with = [&](const std::string& input) {
    options.input = desk / input;
    const std::string error = error_of([&] { make_blur_dataset(options); });
    CHECK_FALSE(fs::exists(desk / "out"));
    return error;
  };
  CHECK_THAT(error_with("nowhere"), Catch::Contains("does not exist"));
  CHECK_THAT(error_with("photos/top.bmp"), Catch::Contains("is a file"));
  fs::create_directories(desk / "empty");
  CHECK_THAT(error_with("empty"), Catch::Contains("holds no picture"));
  desk.picture("pairs/blur/1.png", 1);
  desk.picture("pairs/sharp/1.png", 2);
  CHECK_THAT(error_with("pairs"), Catch::Contains("holds blurred pictures"));
  desk.picture("double/1.png", 1);
  desk.picture("double/1.jpg", 2);
  CHECK_THAT(error_with("double"), Catch::Contains("but for the extension"));
  options.train_share = 0.5;
  desk.picture("splits/train/1.png", 1);
  CHECK_THAT(error_with("splits"), Catch::Contains("divided already"));
  desk.picture("out/inside/1.png", 1);
  options.input = desk / "out/inside";
  CHECK_THAT(error_of([&] { make_blur_dataset(options); }), Catch::Contains("lies in the output folder"));
}

TEST_CASE("blur data set: a photograph that lies on its side is stored upright, the colour profile is kept") {
  const DatasetFolder desk;
  const fs::path goldens = fs::path(DG_TEST_DATA_DIR) / "goldens/pictures";
  fs::create_directories(desk / "photos");
  fs::copy(goldens / "orientation_6.jpg", desk / "photos/side.jpg");
  fs::copy(goldens / "icc_exif.png", desk / "photos/wide.png");
  BlurDatasetOptions options;
  options.input = desk / "photos";
  options.output = desk / "out";
  options.blur.shake.min_length = options.blur.shake.max_length = 0.0;
  CHECK(make_blur_dataset(options).made == 2);
  const Image upright = read_image(desk / "photos/side.jpg");
  CHECK(read_image(desk / "out/sharp/side.png").pixels == upright.pixels);
  CHECK(read_image(desk / "out/blurred/side.png").pixels == upright.pixels);  // a shake of length 0
  const std::vector<std::uint8_t> stored = read_file(desk / "out/sharp/side.png");
  CHECK(read_picture_head(stored, "side").orientation == 1);
  const auto profile = read_picture(desk / "photos/wide.png").metadata.icc;
  CHECK(profile.size() > 128);
  CHECK(read_picture(desk / "out/blurred/wide.png").metadata.icc == profile);
}

TEST_CASE("blur data set: names compare naturally") {
  std::vector<std::string> names{"f10", "f2", "f02", "a", "f1b", "f1", "f100"};
  std::sort(names.begin(), names.end(), natural_less);
  CHECK(names == std::vector<std::string>{"a", "f1", "f1b", "f02", "f2", "f10", "f100"});
}
