// What all programs do alike: misspelt options and values, and standard output that cannot take what is printed.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "tests/apps/program.h"

using namespace dg;
using namespace dg::test;
using Catch::Contains;

namespace {

struct Case {
  const char* command;
  const char* told;
};

void check_usage_error(const Case& wrong) {
  const TempFolder folder;
  const ProgramResult result = run_in(folder, wrong.command);
  INFO(wrong.command << "\n" << result.err);
  CHECK(result.code == 2);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Contains(wrong.told) && Contains("see --help"));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace

TEST_CASE("programs: a misspelt option is named with the one that was meant, before what is missing") {
  for (const Case& wrong :
       {Case{"'" DG_DEBLUR_PROGRAM "' --wieghts w a.png -o b.png",
             "no option '--wieghts'; did you mean --weights?"},
        Case{"'" DG_DEBLUR_PROGRAM "' --max-mem=1G a.png -o b.png",
             "'--max-mem'; did you mean --max-memory?"},
        Case{"'" DG_EVAL_PROGRAM "' pairs --protocl gopro", "'--protocl'; did you mean --protocol?"},
        Case{"'" DG_BLUR_PROGRAM "' photos -o data --sed 3", "'--sed'; did you mean --seed?"},
        Case{"'" DG_CONVERT_PROGRAM "' a --lst", "'--lst'; did you mean --list?"},
        Case{"'" DG_DRAW_PROGRAM "' --prset small -o a.svg", "'--prset'; did you mean --preset?"},
        Case{"'" DG_INFO_PROGRAM "' --sizes 64", "'--sizes'; did you mean --size?"},
        Case{"'" DG_TRAIN_PROGRAM "' --setps 3", "'--setps'; did you mean --steps?"},
        Case{"'" DG_INFO_PROGRAM "' --colour", "there is no option '--colour'; see --help"}}) {
    check_usage_error(wrong);
  }
}

TEST_CASE("programs: names and sizes that there are not are wrong arguments") {
  for (const Case& wrong :
       {Case{"'" DG_DEBLUR_PROGRAM "' -w w a.png -o b.png --preset nothing",
             "expected one of keras, deblurgan"},
        Case{"'" DG_EVAL_PROGRAM "' pairs -w w -o out --device tpu",
             "unknown device 'tpu'; expected cpu, cuda"},
        Case{"'" DG_TRAIN_PROGRAM "' --data procedural --preset small --out run --device cuda:x", "'cuda:x'"},
        Case{"'" DG_CONVERT_PROGRAM "' w -o a.onnx --preset nothing", "expected one of keras, deblurgan"},
        Case{"'" DG_DEBLUR_PROGRAM "' -w w a.png -o b.png --max-memory -5", "a size such as 800M or 6G"},
        Case{"'" DG_DEBLUR_PROGRAM "' -w w a.png -o b.png --max-memory 6X", "a size such as 800M or 6G"},
        Case{"'" DG_DEBLUR_PROGRAM "' -w w a.png -o b.png --max-memory 0", "a size such as 800M or 6G"},
        Case{"'" DG_DEBLUR_PROGRAM "' -w w a.png -o b.png --blend nan", "got 'nan', expected a number"},
        Case{"'" DG_EVAL_PROGRAM "' pairs -w w -o out --images -1",
             "got '-1', expected a whole number of at least 0"},
        Case{"'" DG_DRAW_PROGRAM "' --preset small -o a.svg --size 70000",
             "1280x720 or 256, at most 65536"}}) {
    check_usage_error(wrong);
  }
}

TEST_CASE("programs: what is printed and cannot be written is a failure") {
  if (!std::filesystem::exists("/dev/full")) {
    WARN("this system has no /dev/full");
    return;
  }
  const TempFolder folder;
  for (const char* command :
       {"'" DG_INFO_PROGRAM "' --json", "'" DG_DRAW_PROGRAM "' --preset small --size 64 --summary",
        "'" DG_BLUR_PROGRAM "' --scenes 1 --size 32 --max-blur 4 -o data --json",
        "'" DG_TRAIN_PROGRAM "' --help"}) {
    const ProgramResult result = run_in(folder, std::string(command) + " >/dev/full");
    INFO(command << "\n" << result.err);
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Contains("standard output: cannot be written"));
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  }
}
