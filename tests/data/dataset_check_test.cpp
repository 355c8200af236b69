// Every mistake that people make with their data is named before training starts.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "data/dataset.h"
#include "dataset_fixture.h"

using namespace dg;
using Catch::Contains;
using dg::test::DatasetFolder;

namespace {

std::vector<std::string> messages(const std::string& spec, DatasetProblem::Severity severity,
                                  const DatasetOptions& options = {}) {
  std::vector<std::string> found;
  for (const DatasetProblem& problem : check_dataset(spec, options)) {
    if (problem.severity == severity) {
      found.push_back(problem.message);
    }
  }
  return found;
}

std::string only_error(const std::string& spec, const DatasetOptions& options = {}) {
  const auto found = messages(spec, DatasetProblem::Severity::error, options);
  REQUIRE(found.size() == 1);
  CHECK_THROWS_WITH(open_dataset(spec, options), Contains(found[0]));
  return found[0];
}

}  // namespace

TEST_CASE("data check: sound pairs have no problems") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1);
  folder.picture("B/x.png", 2);
  CHECK(check_dataset(folder.str()).empty());
}

TEST_CASE("data check: a folder that does not exist, a file, and an empty folder") {
  DatasetFolder folder;
  CHECK_THAT(only_error((folder / "nowhere").string()), Contains("nowhere") && Contains("does not exist"));
  folder.text("file.txt", "x");
  CHECK_THAT(only_error((folder / "file.txt").string()), Contains("is a file"));
  CHECK_THAT(only_error(folder.str()), Contains("no pictures"));
  CHECK_THAT(only_error(""), Contains("empty"));
  std::filesystem::create_directories(folder / "pairs/A");
  std::filesystem::create_directories(folder / "pairs/B");
  CHECK_THAT(only_error((folder / "pairs").string()), Contains("no pictures"));
}

TEST_CASE("data check: one folder of two, and two layouts at once") {
  DatasetFolder folder;
  folder.picture("one/blur/x.png", 1);
  CHECK_THAT(only_error((folder / "one").string()), Contains("'blur'") && Contains("partner"));
  for (const std::string name : {"A", "B", "input", "target"}) {
    folder.picture("two/" + name + "/x.png", 1);
  }
  CHECK_THAT(only_error((folder / "two").string()), Contains("more than one layout"));
}

TEST_CASE("data check: missing partners on either side are named") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1);
  folder.picture("B/x.png", 2);
  folder.picture("A/lonely.png", 3);
  CHECK_THAT(only_error(folder.str()), Contains("lonely.png") && Contains("no partner"));
  folder.picture("B/other.png", 4);
  const auto errors = messages(folder.str(), DatasetProblem::Severity::error);
  REQUIRE(errors.size() == 2);
  CHECK_THAT(errors[0], Contains("lonely.png"));
  CHECK_THAT(errors[1], Contains("other.png"));
  CHECK_THROWS_WITH(open_dataset(folder.str()), Contains("lonely.png") && Contains("other.png"));
}

TEST_CASE("data check: pairs with no name in common") {
  DatasetFolder folder;
  folder.picture("A/x_blur.png", 1);
  folder.picture("B/x_sharp.png", 2);
  CHECK_THROWS_WITH(open_dataset(folder.str()), Contains("x_blur.png") && Contains("same name"));
}

TEST_CASE("data check: two files of one name") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1);
  folder.picture("A/x.bmp", 1);
  folder.picture("B/x.png", 2);
  CHECK_THAT(only_error(folder.str()), Contains("x.png") && Contains("x.bmp"));
}

TEST_CASE("data check: sizes that differ within a pair") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1, 8, 6);
  folder.picture("B/x.png", 2, 8, 7);
  CHECK_THAT(only_error(folder.str()), Contains("8x6") && Contains("8x7"));
}

TEST_CASE("data check: pictures smaller than the crop") {
  DatasetFolder folder;
  folder.picture("large.png", 1, 30, 30);
  folder.picture("low.png", 2, 30, 8);
  CHECK(check_dataset(folder.str(), {.min_width = 30, .min_height = 8}).empty());
  CHECK_THAT(only_error(folder.str(), {.min_width = 16, .min_height = 16}),
             Contains("low.png") && Contains("16x16"));
}

TEST_CASE("data check: files that are no pictures, and pictures cut short") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1);
  folder.text("B/x.png", "this is not a PNG");
  CHECK_THAT(only_error(folder.str()), Contains("x.png"));

  DatasetFolder cut;
  cut.picture("A/x.png", 1, 64, 64);
  cut.picture("B/x.png", 2, 64, 64);
  cut.truncate("B/x.png", std::filesystem::file_size(cut / "B/x.png") / 2);
  CHECK_THAT(only_error(cut.str()), Contains((cut / "B/x.png").string()));
}

TEST_CASE("data check: the budget limits decoding, a negative one decodes all") {
  DatasetFolder folder;
  for (int i = 0; i < 4; ++i) {
    folder.picture(std::to_string(i) + ".png", static_cast<std::uint64_t>(i), 100, 100);
  }
  folder.truncate("3.png", std::filesystem::file_size(folder / "3.png") / 2);
  DatasetOptions options;
  options.decode_budget_megapixels = 0.02;  // two of the four
  CHECK(check_dataset(folder.str(), options).empty());
  options.decode_budget_megapixels = -1.0;
  CHECK(check_dataset(folder.str(), options).size() == 1);
}

TEST_CASE("data check: A equal to B is refused, whether by bytes or by pixels") {
  DatasetFolder bytes;
  bytes.picture("A/x.png", 1);
  bytes.picture("B/x.png", 1);
  CHECK_THAT(only_error(bytes.str()), Contains("same picture in 1 of 1") && Contains("'x'"));

  DatasetFolder pixels;
  pixels.picture("A/x.png", 1);
  pixels.picture("B/x.bmp", 1);
  CHECK_THAT(only_error(pixels.str()), Contains("same picture"));
}

TEST_CASE("data check: links to the same file are the same picture") {
  DatasetFolder folder;
  folder.picture("A/x.png", 1);
  std::filesystem::create_directories(folder / "B");
  std::filesystem::create_symlink(folder / "A/x.png", folder / "B/x.png");
  CHECK_THAT(only_error(folder.str()), Contains("same picture"));
}

TEST_CASE("data check: one equal pair among several is a warning") {
  DatasetFolder folder;
  for (int i = 0; i < 3; ++i) {
    folder.picture("A/" + std::to_string(i) + ".png", static_cast<std::uint64_t>(i));
    folder.picture("B/" + std::to_string(i) + ".png", static_cast<std::uint64_t>(i == 1 ? 1 : 10 + i));
  }
  const auto warnings = messages(folder.str(), DatasetProblem::Severity::warning);
  REQUIRE(warnings.size() == 1);
  CHECK_THAT(warnings[0], Contains("'1'") && Contains("1 of 3"));
  std::string told;
  DatasetOptions options;
  options.on_warning = [&](const std::string& text) { told = text; };
  CHECK(open_dataset(folder.str(), options)->size() == 3);
  CHECK_THAT(told, Contains(warnings[0]));
}

TEST_CASE("data check: many errors are summed up in one message") {
  DatasetFolder folder;
  for (int i = 0; i < 6; ++i) {
    folder.text(std::to_string(i) + ".png", "broken");
  }
  CHECK(check_dataset(folder.str()).size() == 6);
  CHECK_THROWS_WITH(open_dataset(folder.str()), Contains("3 more problems"));
}
