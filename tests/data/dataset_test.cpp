#include "data/dataset.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <filesystem>
#include <string>

#include "dataset_fixture.h"

using namespace dg;
using Catch::Contains;
using dg::test::DatasetFolder;

namespace {

Sample whole(const PairSource& source, std::int64_t index) {
  RandomStream stream(0, 0);
  return source.load(index, stream, {});
}

// The picture of a seed, as DatasetFolder::picture writes it, read back through the library's own reader.
FloatImage expected(const DatasetFolder& folder, const std::string& relative) {
  return to_float(read_image(folder / relative));
}

std::string errors_of(const std::string& spec, const DatasetOptions& options = {}) {
  std::string text;
  for (const DatasetProblem& problem : check_dataset(spec, options)) {
    if (problem.severity == DatasetProblem::Severity::error) {
      text += problem.message + "\n";
    }
  }
  return text;
}

}  // namespace

TEST_CASE("data set: A and B folders are pairs by name, in any case and with any extension") {
  DatasetFolder folder;
  folder.picture("A/two.png", 1);
  folder.picture("A/one.PNG", 2);
  folder.picture("B/one.bmp", 3);
  folder.picture("B/two.png", 4);
  folder.text("B/notes.txt", "not a picture");
  folder.text("A/.hidden.png", "not one either");
  const auto source = open_dataset(folder.str());
  REQUIRE(source->size() == 2);
  CHECK(whole(*source, 0).name == "one");
  CHECK(whole(*source, 0).blurred.pixels == expected(folder, "A/one.PNG").pixels);
  CHECK(whole(*source, 0).sharp.pixels == expected(folder, "B/one.bmp").pixels);
  CHECK(whole(*source, 1).blurred.pixels == expected(folder, "A/two.png").pixels);
  CHECK_THAT(source->describe(), Contains("A -> B") && Contains("2 pairs"));
  CHECK_THROWS_AS(whole(*source, 2), Error);
}

TEST_CASE("data set: every pair of folder names is recognised") {
  const std::vector<std::pair<std::string, std::string>> layouts = {
      {"a", "b"},           {"blur", "sharp"},
      {"Blurred", "Sharp"}, {"blur_gamma", "sharp"},
      {"input", "target"},  {"input_crops", "target_crops"}};
  for (const auto& [blurred, sharp] : layouts) {
    DatasetFolder folder;
    folder.picture(blurred + "/deep/x.png", 1);
    folder.picture(sharp + "/deep/x.png", 2);
    const auto source = open_dataset(folder.str() + "/");
    CHECK(source->size() == 1);
    CHECK(whole(*source, 0).name == "deep/x");
    CHECK(whole(*source, 0).blurred.pixels == expected(folder, blurred + "/deep/x.png").pixels);
    CHECK_THAT(source->describe(), Contains(blurred + " -> " + sharp));
  }
}

TEST_CASE("data set: splits are subfolders of the root or of A and B") {
  DatasetFolder outer;
  outer.picture("train/A/x.png", 1);
  outer.picture("train/B/x.png", 2);
  outer.picture("validation/A/y.png", 3);
  outer.picture("validation/B/y.png", 4);
  CHECK(whole(*open_dataset(outer.str()), 0).name == "x");
  CHECK(whole(*open_dataset(outer.str(), {.split = Split::validation}), 0).name == "y");
  CHECK_THROWS_WITH(open_dataset(outer.str(), {.split = Split::test}), Contains("no test folder"));

  DatasetFolder inner;
  inner.picture("A/train/x.png", 1);
  inner.picture("B/train/x.png", 2);
  inner.picture("A/test/y.png", 3);
  inner.picture("B/test/y.png", 4);
  const auto source = open_dataset(inner.str(), {.split = Split::test});
  CHECK(source->size() == 1);
  CHECK(whole(*source, 0).name == "y");
}

TEST_CASE("data set: a folder without splits serves each split") {
  DatasetFolder folder;
  folder.picture("blur/x.png", 1);
  folder.picture("sharp/x.png", 2);
  CHECK(open_dataset(folder.str(), {.split = Split::test})->size() == 1);
}

TEST_CASE("data set: GOPRO_Large is read sequence by sequence, with the blur that was asked for") {
  DatasetFolder folder;
  for (const std::string sequence : {"GOPR01", "GOPR02"}) {
    folder.picture("train/" + sequence + "/blur/000001.png", 1);
    folder.picture("train/" + sequence + "/blur_gamma/000001.png", 2);
    folder.picture("train/" + sequence + "/sharp/000001.png", 3);
  }
  const auto linear = open_dataset(folder.str());
  REQUIRE(linear->size() == 2);
  CHECK(whole(*linear, 1).name == "GOPR02/000001");
  CHECK(whole(*linear, 1).blurred.pixels == expected(folder, "train/GOPR02/blur/000001.png").pixels);
  CHECK_THAT(linear->describe(), Contains("GOPRO_Large") && Contains("2 sequences") && Contains("blur ->"));
  const auto gamma = open_dataset(folder.str(), {.blur_key = "blur_gamma"});
  CHECK(whole(*gamma, 0).blurred.pixels == expected(folder, "train/GOPR01/blur_gamma/000001.png").pixels);
  CHECK_THAT(gamma->describe(), Contains("blur_gamma ->"));

  std::filesystem::remove_all(folder / "train/GOPR02/blur_gamma");
  CHECK_THROWS_WITH(open_dataset(folder.str(), {.blur_key = "blur_gamma"}), Contains("GOPR02"));
  CHECK_THROWS_WITH(open_dataset(folder.str(), {.blur_key = "gamma"}), Contains("blur_gamma"));
}

TEST_CASE("data set: strips are cut in the middle, when asked for or named so") {
  DatasetFolder folder;
  folder.picture("AB/x.png", 1, 10, 4);
  const FloatImage strip = expected(folder, "AB/x.png");
  const auto named = open_dataset((folder / "AB").string());
  const auto asked = open_dataset(folder.str(), {.layout = DatasetLayout::aligned});
  for (const PairSource* source : {named.get(), asked.get()}) {
    CHECK(whole(*source, 0).blurred.pixels == crop(strip, 0, 0, 5, 4).pixels);
    CHECK(whole(*source, 0).sharp.pixels == crop(strip, 5, 0, 5, 4).pixels);
    CHECK_THAT(source->describe(), Contains("strips"));
  }
}

TEST_CASE("data set: wide pictures in a folder of another name are not guessed to be strips, but hinted at") {
  DatasetFolder folder;
  folder.picture("x.png", 1, 12, 6);
  std::string warning;
  DatasetOptions options;
  options.on_warning = [&](const std::string& text) { warning += text; };
  const auto source = open_dataset(folder.str(), options);
  CHECK(whole(*source, 0).sharp.width == 12);
  CHECK_THAT(source->describe(), Contains("sharp only"));
  CHECK_THAT(warning, Contains("aligned"));
}

TEST_CASE("data set: an odd strip and a strip of equal halves are refused") {
  DatasetFolder odd;
  odd.picture("AB/x.png", 1, 9, 4);
  CHECK_THAT(errors_of((odd / "AB").string()), Contains("x.png") && Contains("9"));

  DatasetFolder equal;
  Image image;
  image.width = 4;
  image.height = 1;
  image.channels = 1;
  image.pixels = {7, 8, 7, 8};
  equal.write("strips/x.png", image);
  CHECK_THAT(errors_of((equal / "strips").string()), Contains("same picture"));
}

TEST_CASE("data set: sharp pictures get a blur from the stream, the target stays in place") {
  DatasetFolder folder;
  folder.picture("x.png", 1, 40, 30);
  DatasetOptions options;
  options.synthesis.shake = {.min_length = 6.0, .max_length = 6.0};
  const auto source = open_dataset(folder.str(), options);
  RandomStream a(1, 0);
  RandomStream b(1, 0);
  RandomStream c(1, 1);
  const CropRequest request{16, 12, true};
  const Sample first = source->load(0, a, request);
  CHECK(first.blurred.width == 16);
  CHECK(first.blurred.height == 12);
  CHECK(first.sharp.pixels == crop(expected(folder, "x.png"), 12, 9, 16, 12).pixels);
  CHECK(first.blurred.pixels != first.sharp.pixels);
  CHECK(first.blurred.pixels == source->load(0, b, request).blurred.pixels);
  CHECK(first.blurred.pixels != source->load(0, c, request).blurred.pixels);
}

TEST_CASE("data set: blurring the window alone equals blurring the picture and cutting the window") {
  DatasetFolder folder;
  folder.picture("x.png", 5, 30, 26);
  DatasetOptions options;
  options.synthesis.shake = {.min_length = 9.0, .max_length = 9.0};
  const auto source = open_dataset(folder.str(), options);
  for (std::uint64_t id = 0; id < 8; ++id) {
    RandomStream stream(9, id);
    RandomStream again(9, id);
    const Sample window = source->load(0, stream, {11, 7});
    const Sample all = source->load(0, again, {});  // the window's place is drawn, though there is no choice
    bool found = false;
    for (std::int64_t y = 0; y + 7 <= 26; ++y) {
      for (std::int64_t x = 0; x + 11 <= 30; ++x) {
        if (crop(all.sharp, x, y, 11, 7).pixels == window.sharp.pixels) {
          found = true;
          CHECK(crop(all.blurred, x, y, 11, 7).pixels == window.blurred.pixels);
        }
      }
    }
    CHECK(found);
  }
}

TEST_CASE("data set: the blur of a paired folder can be replaced by a synthesised one") {
  DatasetFolder folder;
  folder.picture("blur/x.png", 1);
  folder.picture("sharp/x.png", 2);
  folder.picture("sharp/y.png", 3);
  const auto source = open_dataset(folder.str(), {.layout = DatasetLayout::sharp_only});
  CHECK(source->size() == 2);
  CHECK(whole(*source, 0).sharp.pixels == expected(folder, "sharp/x.png").pixels);
  CHECK(whole(*source, 0).blurred.pixels != expected(folder, "blur/x.png").pixels);
}

TEST_CASE("data set: sensor noise is drawn only where asked for") {
  DatasetFolder folder;
  folder.picture("x.png", 1, 16, 16);
  DatasetOptions options;
  options.synthesis.shake = {.min_length = 0.0, .max_length = 0.0};  // no blur: what differs is noise
  CHECK(whole(*open_dataset(folder.str(), options), 0).blurred.pixels ==
        whole(*open_dataset(folder.str(), options), 0).sharp.pixels);
  options.synthesis.max_noise = {.shot = 1e-2, .read = 1e-2};
  const Sample noisy = whole(*open_dataset(folder.str(), options), 0);
  CHECK(noisy.blurred.pixels != noisy.sharp.pixels);
}

TEST_CASE("data set: procedural needs no files, and its splits share no scene") {
  const auto train = open_dataset("procedural");
  const auto test = open_dataset("procedural", {.split = Split::test});
  CHECK(train->size() == 10'000);
  CHECK_THAT(train->describe(), Contains("procedural"));
  CHECK(check_dataset("procedural").empty());
  RandomStream a(1, 0);
  RandomStream b(1, 0);
  const Sample first = train->load(3, a, {24, 16});
  CHECK(first.sharp.width == 24);
  CHECK(first.blurred.height == 16);
  CHECK(first.sharp.pixels != test->load(3, b, {24, 16}).sharp.pixels);
}

TEST_CASE("data set: 16-bit, grey and alpha pictures arrive as RGB in 0..1") {
  DatasetFolder folder;
  Image grey;
  grey.width = 2;
  grey.height = 1;
  grey.channels = 1;
  grey.bit_depth = 16;
  grey.pixels = {0, 65535};
  folder.write("A/x.png", grey);
  Image alpha;
  alpha.width = 2;
  alpha.height = 1;
  alpha.channels = 4;
  alpha.pixels = {255, 0, 51, 9, 0, 255, 102, 8};
  folder.write("B/x.png", alpha);
  const Sample sample = whole(*open_dataset(folder.str()), 0);
  CHECK(sample.blurred.pixels == std::vector<float>{0, 0, 0, 1, 1, 1});
  CHECK(sample.sharp.pixels == std::vector<float>{1, 0, 0.2F, 0, 1, 0.4F});
}

TEST_CASE("data set: a mixture draws from each set in proportion to its weight") {
  DatasetFolder folder;
  folder.picture("pairs/A/x.png", 1);
  folder.picture("pairs/B/x.png", 2);
  folder.picture("photos/y.png", 3);
  const auto source = open_mixture({{(folder / "pairs").string(), 3.0}, {(folder / "photos").string(), 1.0}});
  CHECK(source->size() == 2);
  CHECK_THAT(source->describe(), Contains("75 %") && Contains("25 %"));
  int pairs = 0;
  for (std::uint64_t id = 0; id < 400; ++id) {
    RandomStream stream(1, id);
    pairs += source->load(0, stream, {4, 4}).name == "x" ? 1 : 0;
  }
  CHECK(std::abs(pairs - 300) < 44);  // five standard deviations of 8.7
  CHECK_THROWS_AS(open_mixture({}), Error);
  CHECK_THROWS_AS(open_mixture({{"procedural", 0.0}, {"procedural", 1.0}}), Error);
}

TEST_CASE("data set: the cache's limit changes nothing but speed") {
  DatasetFolder folder;
  for (int i = 0; i < 4; ++i) {
    folder.picture("A/" + std::to_string(i) + ".png", static_cast<std::uint64_t>(i));
    folder.picture("B/" + std::to_string(i) + ".png", static_cast<std::uint64_t>(i) + 10);
  }
  DatasetOptions none;
  none.cache_bytes = 0;
  const auto cached = open_dataset(folder.str());
  const auto uncached = open_dataset(folder.str(), none);
  for (int round = 0; round < 2; ++round) {
    for (std::int64_t i = 0; i < 4; ++i) {
      CHECK(whole(*cached, i).sharp.pixels == whole(*uncached, i).sharp.pixels);
    }
  }
}
