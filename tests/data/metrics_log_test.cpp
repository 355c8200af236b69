// The two tables of a run: what they hold, and what a resumed run finds in them.
#include "data/metrics_log.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>

#include "temp_folder.h"

using namespace dg;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::write_text;

namespace {

const std::vector<std::string> kColumns{"loss", "psnr"};
constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();

MetricsLog open(const TempFolder& folder, std::int64_t keep = kAll) {
  return {folder.path(), kColumns, keep};
}
std::string csv(const TempFolder& folder) { return read_text(folder / "metrics.csv"); }
std::string json_lines(const TempFolder& folder) { return read_text(folder / "metrics.jsonl"); }

}  // namespace

TEST_CASE("metrics log: a missing value is an empty cell and no key") {
  const TempFolder folder;
  MetricsLog log = open(folder);
  log.write({1, {{"psnr", 20.5}, {"loss", 0.1}}});  // in the order of the columns, whatever the row's
  log.write({2, {{"psnr", -3.0}}});
  log.write({3, {}});
  CHECK(csv(folder) == "step,loss,psnr\n1,0.1,20.5\n2,,-3\n3,,\n");
  CHECK(json_lines(folder) ==
        "{\"step\":1,\"psnr\":20.5,\"loss\":0.1}\n{\"step\":2,\"psnr\":-3.0}\n{\"step\":3}\n");
}

TEST_CASE("metrics log: rows can be read while the log is open") {
  const TempFolder folder;
  MetricsLog log = open(folder);
  CHECK(csv(folder) == "step,loss,psnr\n");
  log.write({1, {{"loss", 0.5}}});
  CHECK(csv(folder) == "step,loss,psnr\n1,0.5,\n");
}

TEST_CASE("metrics log: numbers read back as the same numbers, and JSON has no NaN") {
  const TempFolder folder;
  MetricsLog log = open(folder);
  const double third = 1.0 / 3.0;
  log.write({7, {{"loss", third}, {"psnr", std::nan("")}}});
  log.write({8, {{"loss", std::numeric_limits<double>::infinity()}}});
  const std::string text = csv(folder);
  CHECK(std::stod(text.substr(text.find("\n7,") + 3)) == third);
  CHECK_THAT(text, Catch::Contains(",nan\n8,inf,\n"));
  CHECK_THAT(json_lines(folder), Catch::Contains("\"psnr\":null}\n{\"step\":8,\"loss\":null}\n"));
}

TEST_CASE("metrics log: rows beyond the resumed step go, the others stay as they are") {
  const TempFolder folder;
  {
    MetricsLog log = open(folder);
    for (const std::int64_t step : {1, 2, 2, 3, 10}) log.write({step, {{"loss", 0.25}}});
  }
  MetricsLog log = open(folder, 2);
  CHECK(csv(folder) == "step,loss,psnr\n1,0.25,\n2,0.25,\n2,0.25,\n");
  CHECK(json_lines(folder) ==
        "{\"step\":1,\"loss\":0.25}\n{\"step\":2,\"loss\":0.25}\n{\"step\":2,\"loss\":0.25}\n");
  log.write({3, {{"loss", 0.5}}});
  CHECK_THAT(csv(folder), Catch::EndsWith("2,0.25,\n3,0.5,\n"));
}

TEST_CASE("metrics log: a run that starts over starts an empty table") {
  const TempFolder folder;
  open(folder).write({1, {{"loss", 0.25}}});
  const MetricsLog log = open(folder, 0);
  CHECK(csv(folder) == "step,loss,psnr\n");
  CHECK(json_lines(folder).empty());
}

TEST_CASE("metrics log: a line that a killed process left unfinished goes") {
  const TempFolder folder;
  open(folder).write({1, {{"loss", 0.25}}});
  write_text(folder / "metrics.csv", csv(folder) + "2,0.2");
  write_text(folder / "metrics.jsonl", json_lines(folder) + "{\"step\":2,\"lo");
  const MetricsLog log = open(folder);
  CHECK(csv(folder) == "step,loss,psnr\n1,0.25,\n");
  CHECK(json_lines(folder) == "{\"step\":1,\"loss\":0.25}\n");
}

TEST_CASE("metrics log: a header that was cut is written again") {
  const TempFolder folder;
  write_text(folder / "metrics.csv", "step,lo");
  open(folder).write({1, {{"loss", 0.25}}});
  CHECK(csv(folder) == "step,loss,psnr\n1,0.25,\n");
}

TEST_CASE("metrics log: a table with other columns is left alone") {
  const TempFolder folder;
  write_text(folder / "metrics.csv", "step,accuracy\n1,0.5\n");
  CHECK_THROWS_WITH(open(folder), Catch::Contains("metrics.csv") && Catch::Contains("step,accuracy") &&
                                      Catch::Contains("step,loss,psnr"));
  CHECK(csv(folder) == "step,accuracy\n1,0.5\n");
}

TEST_CASE("metrics log: an unknown column writes nothing") {
  const TempFolder folder;
  MetricsLog log = open(folder);
  CHECK_THROWS_WITH(log.write({1, {{"loss", 1.0}, {"speed", 2.0}}}), Catch::Contains("'speed'"));
  CHECK(csv(folder) == "step,loss,psnr\n");
  CHECK(json_lines(folder).empty());
}

TEST_CASE("metrics log: a folder that is not there is named") {
  const TempFolder folder;
  CHECK_THROWS_WITH(MetricsLog(folder / "missing", kColumns, 0),
                    Catch::Contains((folder / "missing").string()));
}

TEST_CASE("metrics log: a file that cannot be written is named") {
  for (const char* name : {"metrics.csv", "metrics.jsonl"}) {
    const TempFolder folder;
    std::filesystem::create_directories(folder / name / "inside");
    CHECK_THROWS_WITH(open(folder), Catch::Contains(name));
  }
}

TEST_CASE("metrics log: the table is read back by columns, an empty cell as no value") {
  const TempFolder folder;
  MetricsLog log = open(folder);
  log.write({1, {{"loss", 0.1}}});
  log.write({2, {{"psnr", std::nan("")}, {"loss", -2.5}}});
  log.write({2, {}});
  write_text(folder / "metrics.csv", csv(folder) + "3,0.");  // killed here
  const std::vector<MetricsColumn> columns = read_metrics_csv(folder / "metrics.csv");
  REQUIRE(columns.size() == 2);
  CHECK(columns[0].name == "loss");
  CHECK(columns[0].steps == std::vector<std::int64_t>{1, 2});
  CHECK(columns[0].values == std::vector<double>{0.1, -2.5});
  CHECK(columns[1].steps == std::vector<std::int64_t>{2});
  CHECK(std::isnan(columns[1].values.at(0)));
}

TEST_CASE("metrics log: a table that is none is refused with the line") {
  const TempFolder folder;
  const auto told = [&](const std::string& text) {
    write_text(folder / "metrics.csv", text);
    return test::error_of([&] { read_metrics_csv(folder / "metrics.csv"); });
  };
  CHECK_THAT(told("time,loss\n"), Catch::Contains("metrics.csv") && Catch::Contains("'time'"));
  CHECK_THAT(told("step,loss\n1,2\nx,2\n"), Catch::Contains("line 3") && Catch::Contains("'x'"));
  CHECK_THAT(told("step,loss\n1\n"), Catch::Contains("line 2") && Catch::Contains("'loss'"));
  CHECK_THAT(told("step,loss\n1,2km\n"), Catch::Contains("line 2") && Catch::Contains("'2km'"));
  CHECK(told("").empty());
  CHECK_THAT(test::error_of([&] { read_metrics_csv(folder / "none.csv"); }), Catch::Contains("none.csv"));
}
