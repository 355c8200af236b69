// deblurgan-blur as a user runs it; what comes out is read by deblurgan-train.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "data/image_io.h"
#include "tests/apps/program.h"
#include "tests/data/dataset_fixture.h"

using namespace dg;
using Catch::Contains;
using dg::test::DatasetFolder;
using dg::test::ProgramResult;
using dg::test::read_text;
using Json = nlohmann::json;

namespace fs = std::filesystem;

namespace {

struct Desk : DatasetFolder {
  explicit Desk(std::uint64_t photographs = 4) {
    for (std::uint64_t i = 0; i < photographs; ++i) {
      picture("photos/" + std::to_string(i) + ".png", i, 48, 40);
    }
  }
  ProgramResult blur(const std::string& arguments, const std::string& before = "") const {
    return test::run_in(*this, before + "'" DG_BLUR_PROGRAM "' " + arguments);
  }
  // Returns when the program is dead, which timeout(1) does not wait for.
  ProgramResult blur_and_kill(const std::string& arguments, const std::string& signal,
                              const std::string& seconds) const {
    return test::run_in(*this, "'" DG_BLUR_PROGRAM "' " + arguments + " & sleep " + seconds + "; kill -" +
                                   signal + " $!; wait $!");
  }
  ProgramResult train(const std::string& arguments) const {
    return test::run_in(*this, "'" DG_TRAIN_PROGRAM "' " + arguments);
  }
};

void check_error(const ProgramResult& result, int code, const std::string& part) {
  INFO(result.out << result.err);
  CHECK(result.code == code);
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-blur: ") && Contains(part));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

bool has_temporaries(const fs::path& folder) {
  return std::any_of(fs::recursive_directory_iterator(folder), fs::recursive_directory_iterator(),
                     [](const auto& entry) { return entry.path().extension() == ".tmp"; });
}

}  // namespace

TEST_CASE("blur: from photographs to a training step") {
  const Desk desk;
  const ProgramResult made = desk.blur("photos/ -o data --split 0.75 --max-blur 9 --vary 2 --jpeg 80 --psf");
  INFO(made.err);
  CHECK(made.code == 0);
  CHECK(made.err.empty());
  CHECK_THAT(made.out,
             Contains("4 pairs in data (3 train, 1 test): 4 made in 0:0") && Contains("0 were there"));
  const ProgramResult checked = desk.train("--data data --crop-size 32 --check-data");
  CHECK(checked.code == 0);
  CHECK_THAT(checked.out, Contains("0 errors, 0 warnings"));
  const ProgramResult trained = desk.train(
      "--data data --preset small --ngf 4 --blocks 1 --ndf 4 --crop-size 32 --batch-size 1 --workers 0 "
      "--threads 1 "
      "--steps 1 --out run");
  INFO(trained.err);
  CHECK(trained.code == 0);
  CHECK_THAT(trained.out, Contains("two folders, blurred -> sharp: 3 pairs"));
}

TEST_CASE("blur: the same command again keeps everything, --json tells") {
  const Desk desk;
  REQUIRE(desk.blur("photos -o data -q").code == 0);
  const ProgramResult again = desk.blur("photos -o data --json");
  CHECK(again.code == 0);
  const Json json = Json::parse(again.out);
  CHECK(json["complete"] == true);
  CHECK(json["made"] == 0);
  CHECK(json["kept"] == 4);
  CHECK(json["manifest"] == "data/manifest.jsonl");
  check_error(desk.blur("photos -o data --seed 1"), 1, "--seed was 0 and is now 1");
  check_error(desk.blur("--scenes 3 -o data"), 1, "its pairs are of photographs, not of scenes");
  CHECK(desk.blur("photos -o data --seed 1 --overwrite -q").code == 0);
}

TEST_CASE("blur: killed at some moment, the same command ends as if nothing had been") {
  const Desk desk(0);
  const std::string command = "--scenes 12 --size 96x64 --threads 2 -q -o ";
  REQUIRE(desk.blur(command + "whole").code == 0);
  for (const char* seconds : {"0.02", "0.1", "0.25"}) {
    const ProgramResult killed = desk.blur_and_kill(command + "data", "KILL", seconds);
    INFO("killed after " << seconds << " s");
    CHECK((killed.code == 137 || killed.code == 0));
  }
  const ProgramResult resumed = desk.blur(command + "data");
  INFO(resumed.err);
  CHECK(resumed.code == 0);
  CHECK_FALSE(has_temporaries(desk / "data"));
  const ProgramResult same = test::run_in(desk, "diff -r -x lock whole data");
  INFO(same.out);
  CHECK(same.code == 0);
}

TEST_CASE("blur: SIGTERM ends it between pictures, with 143 and a sentence") {
  const Desk desk(0);
  const ProgramResult result =
      desk.blur_and_kill("--scenes 5000 --size 64x64 --threads 1 -q -o data", "TERM", "0.5");
  INFO(result.out << result.err);
  CHECK(result.code == 143);
  CHECK_THAT(result.err, Contains("none is half written, the same command goes on"));
  CHECK_FALSE(has_temporaries(desk / "data"));
  CHECK(test::run_in(desk, "'" DG_TRAIN_PROGRAM "' --data data --crop-size 32 --check-data").code == 0);
}

TEST_CASE("blur: frames of a video") {
  const Desk desk(0);
  for (int i = 0; i < 7; ++i) {
    desk.picture("video/street/" + std::to_string(i) + ".png", static_cast<std::uint64_t>(i), 8, 8);
  }
  CHECK(desk.blur("video -o data --frames 5 --stride 1 --gamma 2.2 -q").code == 0);
  CHECK(fs::exists(desk / "data/blurred/street/4.png"));
  CHECK(read_text(desk / "data/sharp/street/2.png") == read_text(desk / "video/street/2.png"));
  check_error(desk.blur("video -o even --frames 4"), 2, "expected an odd number");
  check_error(desk.blur("video -o long --frames 9"), 1, "street: holds 7 frames");
}

TEST_CASE("blur: a broken picture is named, the others are made, and the exit code is 1") {
  const Desk desk;
  desk.text("photos/2.png", "no picture");
  const ProgramResult result = desk.blur("photos -o data --json");
  CHECK(result.code == 1);
  CHECK_THAT(result.err,
             Contains("photos/2.png: is not a PNG") && Contains("1 pair or sequence could not be made"));
  const Json json = Json::parse(result.out);
  CHECK(json["complete"] == false);
  CHECK(json["made"] == 3);
  CHECK(json["failures"].size() == 1);
}

TEST_CASE("blur: a full disk ends the run with one sentence") {
  const Desk desk(0);
  desk.picture("photos/large.png", 1, 300, 200);
  check_error(desk.blur("photos -o data", "ulimit -f 64; "), 1,
              "large.png: cannot be written");  // 512-byte blocks
  CHECK_FALSE(has_temporaries(desk / "data"));
}

TEST_CASE("blur: wrong arguments") {
  const Desk desk;
  check_error(desk.blur(""), 2, "--output is required");
  check_error(desk.blur("-o data"), 2, "give a folder of sharp pictures, or --scenes N");
  check_error(desk.blur("photos --scenes 3 -o data"), 2, "--scenes needs no pictures");
  check_error(desk.blur("photos -o data --noise loud"), 2,
              "--noise is 'loud', expected a number, or two as in 0:5");
  check_error(desk.blur("photos -o data --noise 9:3"), 2, "noise goes from 9 to 3");
  check_error(desk.blur("photos -o data --jpeg 101"), 2, "JPEG quality");
  check_error(desk.blur("photos -o data --gamma bright"), 2, "--gamma is 'bright'");
  check_error(desk.blur("photos -o data --split 1"), 2, "--split is the share");
  check_error(desk.blur("photos -o data --min-blur 30"), 2, "lengths go from 30 to 20");
  check_error(desk.blur("photos -o data --frames 3 --vary 2"), 2, "--frames excludes --vary");
  check_error(desk.blur("--scenes 2 --size big -o data"), 2, "--size is 'big'");
  check_error(desk.blur("nowhere -o data"), 1, "nowhere: does not exist");
  CHECK_FALSE(fs::exists(desk / "data"));
  const ProgramResult help = desk.blur("--help");
  CHECK(help.code == 0);
  CHECK_THAT(help.out, Contains("Examples:") && Contains("--vary") && Contains("Exit code:"));
  CHECK_THAT(desk.blur("--version").out, Catch::StartsWith("deblurgan-blur "));
}
