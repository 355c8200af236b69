// deblurgan-deblur on picture files. Pipes and films are in deblur_streams_test.cpp.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>
#include <vector>

#include "data/image_io.h"
#include "data/picture.h"
#include "tests/apps/deblur_desk.h"

using namespace dg;
using dg::test::brighter;
using dg::test::Desk;
using dg::test::equal;
using dg::test::lines;
using dg::test::picture;
using dg::test::ProgramResult;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::write_text;

namespace fs = std::filesystem;

TEST_CASE("deblur: every kind of picture keeps its size, depth, grey and alpha") {
  const Desk desk;
  struct Kind {
    const char* name;
    Image image;
  };
  const std::vector<Kind> kinds{
      {"in/1x1.png", picture(1, 1, 3)},         {"in/3x5.png", picture(3, 5, 3)},
      {"in/34x21.png", picture(34, 21, 3)},     {"in/grey.png", picture(9, 4, 1)},
      {"in/grey_alpha.png", picture(5, 9, 2)},  {"in/rgba.png", picture(10, 11, 4)},
      {"in/rgb16.png", picture(12, 7, 3, 16)},  {"in/grey16.png", picture(8, 8, 1, 16)},
      {"in/rgba16.png", picture(4, 13, 4, 16)}, {"in/tall.png", picture(1, 40, 3)}};
  for (const Kind& kind : kinds) desk.put(kind.name, kind.image);
  const ProgramResult result = desk.deblur("in -o out");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.err.empty());
  for (const Kind& kind : kinds) {
    INFO(kind.name);
    CHECK(equal(desk.get("out" + std::string(kind.name).substr(2)), brighter(kind.image)));
  }
}

TEST_CASE("deblur: folders keep their structure, and only pictures are taken") {
  const Desk desk;
  desk.put("in/a.png", picture(8, 8, 3));
  desk.put("in/deep/er/b.BMP", picture(8, 8, 3));
  desk.put("in/deep/c.jpg", picture(16, 16, 3));
  desk.put("in/.hidden.png", picture(8, 8, 3));
  write_text(desk.folder / "in/notes.txt", "not a picture");
  const ProgramResult result = desk.deblur("in/ -o out");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(desk.list("out") == std::vector<std::string>{"a.png", "deep/c.png", "deep/er/b.png"});
  CHECK_THAT(result.out, Catch::Contains("[1/3] in/a.png -> out/a.png") && Catch::Contains("preset small"));
  CHECK(lines(result.out) == 4);
  // The results lie inside the input folder: a second run does not restore them again.
  CHECK(desk.deblur("in -o in/out").code == 0);
  CHECK(desk.deblur("in -o in/out --quiet").out.empty());
  CHECK(desk.list("in/out").size() == 3);
}

TEST_CASE("deblur: one picture may name its result, and --ext keep keeps the format") {
  const Desk desk;
  desk.put("a.bmp", picture(8, 8, 3));
  CHECK(desk.deblur("a.bmp -o new/x.tga").code == 0);
  CHECK(equal(desk.get("new/x.tga"), brighter(picture(8, 8, 3))));
  CHECK(desk.deblur("a.bmp -o kept --ext keep").code == 0);
  CHECK(desk.list("kept") == std::vector<std::string>{"a.bmp"});
  CHECK(desk.deblur("a.bmp -o jpegs --ext jpg").code == 0);
  CHECK(desk.list("jpegs") == std::vector<std::string>{"a.jpg"});
}

TEST_CASE("deblur: an input is replaced only when told so") {
  const Desk desk;
  desk.put("in/a.png", picture(8, 8, 3));
  const ProgramResult refused = desk.deblur("in -o in");
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err, Catch::Contains("in/a.png: the result would replace an input") &&
                              Catch::Contains("--overwrite"));
  CHECK(desk.deblur("in/a.png -o ./in/../in/a.png").code == 1);
  CHECK(equal(desk.get("in/a.png"), picture(8, 8, 3)));
  CHECK(desk.deblur("in -o in --overwrite").code == 0);
  CHECK(equal(desk.get("in/a.png"), brighter(picture(8, 8, 3))));
}

TEST_CASE("deblur: two inputs never share a result") {
  const Desk desk;
  desk.put("in/a.png", picture(8, 8, 3));
  desk.put("in/a.bmp", picture(8, 8, 3));
  const ProgramResult refused = desk.deblur("in -o out");
  CHECK(refused.code == 1);
  CHECK_THAT(refused.err,
             Catch::Contains("in/a.png") && Catch::Contains("in/a.bmp") && Catch::Contains("out/a.png"));
  const ProgramResult twice = desk.deblur("in in/a.bmp -o out --ext keep");
  CHECK(twice.code == 1);
  CHECK_THAT(twice.err, Catch::Contains("in/a.bmp: is given twice"));
  CHECK_FALSE(desk.has("out"));
  CHECK(desk.deblur("in -o out --ext keep").code == 0);
}

TEST_CASE("deblur: strips and scores stand beside the result") {
  // sharp = blurred + 16: restored without error; blurred off by 16 of 255: 20 log10(255 / 16) = 24.05 dB.
  const Desk desk;
  Image dark = picture(20, 12, 3);
  for (std::uint16_t& value : dark.pixels) value = static_cast<std::uint16_t>(value % 200);
  desk.put("blur/a.png", dark);
  desk.put("sharp/a.bmp", brighter(dark));
  const ProgramResult result = desk.deblur("blur -o out --sharp sharp --compare");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Catch::Contains("mean of 1 pictures") && Catch::Contains("PSNR 24.05 -> inf dB") &&
                             Catch::Contains("-> 1.0000"));
  CHECK(desk.list("out") == std::vector<std::string>{"a.png", "a_compare.png"});
  const Image strip = desk.get("out/a_compare.png");
  CHECK(strip.width == 60);
  CHECK(strip.height == 12);
  CHECK(std::equal(dark.pixels.begin(), dark.pixels.begin() + 60, strip.pixels.begin()));
  CHECK(std::equal(strip.pixels.begin() + 60, strip.pixels.begin() + 120, strip.pixels.begin() + 120));
  CHECK(desk.deblur("blur -o two --compare").code == 0);
  CHECK(desk.get("two/a_compare.png").width == 40);
}

TEST_CASE("deblur: a picture without its sharp partner is named, the others are scored") {
  const Desk desk;
  desk.put("blur/a.png", picture(12, 12, 3));
  desk.put("blur/b.png", picture(12, 12, 3));
  desk.put("blur/c.png", picture(12, 12, 3));
  desk.put("sharp/a.png", picture(12, 12, 3));
  desk.put("sharp/c.png", picture(12, 13, 3));
  const ProgramResult result = desk.deblur("blur -o out --sharp sharp");
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::Contains("blur/b.png: has no sharp partner"));
  CHECK_THAT(result.err, Catch::Contains("sharp/c.png: has 12x13 pixels, the blurred picture has 12x12"));
  CHECK_THAT(result.out, Catch::Contains("mean of 1 pictures"));
  CHECK_THAT(desk.deblur("blur -o sharp --sharp sharp").err, Catch::Contains("folder of sharp pictures"));
}

TEST_CASE("deblur: unreadable pictures are named one by one, the others restored, and the exit code tells") {
  const Desk desk;
  desk.put("in/good.png", picture(8, 8, 3));
  desk.put("in/cut.png", picture(30, 30, 3));
  fs::resize_file(desk.folder / "in/cut.png", fs::file_size(desk.folder / "in/cut.png") / 2);
  write_text(desk.folder / "in/text.jpg", "this is no picture");
  write_text(desk.folder / "in/empty.png", "");
  const ProgramResult result = desk.deblur("in missing.png -o out");
  CHECK(result.code == 1);
  CHECK(lines(result.err) == 5);
  for (const char* text : {"deblurgan-deblur: in/cut.png: ", "deblurgan-deblur: in/text.jpg: ",
                           "deblurgan-deblur: in/empty.png: is empty",
                           "deblurgan-deblur: missing.png: ", "deblurgan-deblur: 4 of 5 pictures failed"}) {
    CHECK_THAT(result.err, Catch::Contains(text));
  }
  CHECK(desk.list("out") == std::vector<std::string>{"good.png"});
}

TEST_CASE("deblur: no picture at all is an error") {
  const Desk desk;
  fs::create_directories(desk.folder / "in/deep");
  write_text(desk.folder / "in/deep/notes.txt", "nothing");
  const ProgramResult result = desk.deblur("in -o out");
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-deblur: in: holds no image"));
  CHECK(lines(result.err) == 1);
  CHECK_FALSE(desk.has("out"));
}

TEST_CASE("deblur: weights that cannot be used are told in one sentence, and nothing is written") {
  const Desk desk;
  desk.put("a.png", picture(8, 8, 3));
  fs::rename(desk.folder / "w.safetensors", desk.folder / "good");
  const ProgramResult missing = desk.deblur("a.png -o out");
  CHECK(missing.code == 1);
  CHECK_THAT(missing.err, Catch::Contains("w.safetensors"));
  // A second -w must not silently win.
  CHECK(desk.deblur("a.png -o out -w good").code == 2);

  const auto sentence = [&](const std::string& more = "") {
    const ProgramResult result = desk.deblur("a.png -o out" + more);
    CHECK(result.code == 1);
    CHECK(lines(result.err) == 1);
    CHECK_FALSE(desk.has("out"));
    return result.err;
  };
  write_text(desk.folder / "w.safetensors", "not weights at all");
  CHECK_THAT(sentence(), Catch::Contains("not a safetensors file"));
  fs::copy_file(desk.folder / "good", desk.folder / "w.safetensors", fs::copy_options::overwrite_existing);
  CHECK_THAT(sentence(" --preset keras"),
             Catch::Contains("missing: head.norm.weight") && Catch::Contains("'small'"));
  CHECK_THAT(sentence(" --dropout-at-test"), Catch::Contains("no dropout"));
  fs::resize_file(desk.folder / "w.safetensors", fs::file_size(desk.folder / "w.safetensors") - 10);
  CHECK_THAT(sentence(), Catch::Contains("w.safetensors"));
}

TEST_CASE("deblur: a place that cannot be written ends the run with one sentence") {
  const Desk desk;
  desk.put("in/a.png", picture(8, 8, 3));
  desk.put("in/b.png", picture(8, 8, 3));
  write_text(desk.folder / "file", "in the way");
  const ProgramResult blocked = desk.deblur("in -o file/out");
  CHECK(blocked.code == 1);
  CHECK(lines(blocked.err) == 1);
  CHECK_THAT(blocked.err, Catch::Contains("file/out: cannot be created: file is not a folder"));
  CHECK(read_text(desk.folder / "file") == "in the way");
}

TEST_CASE("deblur: a folder without write permission is told before the work begins") {
  if (::geteuid() == 0) {
    WARN("not checked: this test runs as root, who may write everywhere");
    return;
  }
  const Desk desk;
  desk.put("a.png", picture(8, 8, 3));
  fs::create_directory(desk.folder / "locked");
  fs::permissions(desk.folder / "locked", fs::perms::owner_read | fs::perms::owner_exec);
  const ProgramResult result = desk.deblur("a.png -o locked/out");
  CHECK(result.code == 1);
  CHECK(lines(result.err) == 1);
  CHECK_THAT(result.err, Catch::Contains("locked: cannot be written to: Permission denied"));
  CHECK(result.out.empty());
}

TEST_CASE("deblur: a full disk ends the run with one sentence and leaves no piece of a file") {
  // A limit of 4 KiB (in units of 512 bytes) on file sizes stands for the full disk.
  const Desk desk;
  desk.put("in/a.png", picture(4, 4, 3));
  desk.put("in/b.png", picture(150, 150, 3));
  desk.put("in/c.png", picture(4, 4, 3));
  const ProgramResult result = desk.run("in -o out", "ulimit -f 8; ");
  CHECK(result.code == 1);
  CHECK(lines(result.err) == 1);
  CHECK_THAT(result.err, Catch::Contains("out/b.png: cannot be written: File too large"));
  CHECK(desk.list("out") == std::vector<std::string>{"a.png"});
}

TEST_CASE("deblur: a picture too large for the memory is named with advice, the next one is restored") {
  const Desk desk;
  desk.put("in/large.png", {4000, 4000, 1, 8, std::vector<std::uint16_t>(16'000'000, 7)});
  desk.put("in/small.png", picture(4, 4, 3));
  const ProgramResult result = desk.run("in -o out", "ulimit -v 600000; ");
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::Contains("in/large.png: ") && Catch::Contains("not enough memory"));
  CHECK(lines(result.err) == 2);
  CHECK(desk.list("out") == std::vector<std::string>{"small.png"});
}

TEST_CASE("deblur: a signal ends the run with a sentence and whole files only") {
  const Desk desk;
  desk.put("in/a.png", picture(4, 4, 3));
  const Image large{1500, 1500, 3, 8, std::vector<std::uint16_t>(6'750'000, 7)};
  for (const char* name : {"in/b.png", "in/c.png", "in/d.png", "in/e.png"}) desk.put(name, large);
  const ProgramResult result = test::run_in(
      desk.folder,
      "'" DG_DEBLUR_PROGRAM
      "' --threads 1 -w w.safetensors in -o out & pid=$!; "
      "while [ ! -e out/a.png ] && kill -0 $pid; do sleep 0.02; done; kill -TERM $pid; wait $pid");
  CHECK(result.code == 128 + 15);
  CHECK(lines(result.err) == 1);
  CHECK_THAT(result.err, Catch::Contains("interrupted after ") && Catch::Contains("of 5 pictures"));
  for (const std::string& name : desk.list("out")) CHECK(desk.get("out/" + name).width > 0);
}

TEST_CASE("deblur: formats that cannot hold a picture are named, the others written") {
  const Desk desk;
  desk.put("in/alpha.png", picture(8, 8, 4));
  desk.put("in/deep.png", picture(8, 8, 3, 16));
  desk.put("in/plain.png", picture(8, 8, 3));
  const ProgramResult result = desk.deblur("in -o out --ext jpg");
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::Contains("out/alpha.jpg: ") && Catch::Contains("out/deep.jpg: "));
  CHECK(desk.list("out") == std::vector<std::string>{"plain.jpg"});
}

TEST_CASE("deblur: patterns are expanded where the shell did not, and keep the structure below them") {
  const Desk desk;
  for (const char* name : {"s/1/blur/a.png", "s/2/blur/a.png", "s/1/sharp/a.png", "s/x.png", "[s].png"}) {
    desk.put(name, picture(8, 8, 3));
  }
  write_text(desk.folder / "s/notes.txt", "not a picture");
  CHECK(desk.deblur("'s/*/blur' -o s/out").code == 0);
  CHECK(desk.list("s/out") == std::vector<std::string>{"1/blur/a.png", "2/blur/a.png"});
  // Results of the run before are no inputs, nor is what is no picture.
  CHECK(desk.deblur("'s/**' -o s/out --quiet").code == 0);
  CHECK(desk.list("s/out") ==
        std::vector<std::string>{"1/blur/a.png", "1/sharp/a.png", "2/blur/a.png", "x.png"});
  CHECK(desk.deblur("'[s].png' -o one.png").code == 0);
  CHECK(desk.deblur("'s/*/blur/a.png' -o two.png").code == 2);
  const ProgramResult none = desk.deblur("'s/*.gif' -o out");
  CHECK(none.code == 1);
  CHECK_THAT(none.err, Catch::Contains("s/*.gif: matches no picture"));
}

TEST_CASE("deblur: a batch gives what one by one gives") {
  const Desk desk;
  for (int i = 0; i < 5; ++i) desk.put("in/" + std::to_string(i) + ".png", picture(9 + i / 3, 8, 3));
  CHECK(desk.deblur("in -o single").code == 0);
  const ProgramResult result = desk.deblur("in -o batched --batch 4");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(desk.list("batched").size() == 5);
  for (const std::string& name : desk.list("batched")) {
    CHECK(read_text(desk.folder / "single" / name) == read_text(desk.folder / "batched" / name));
  }
}

TEST_CASE("deblur: tiles give what the whole gives, blend 0 gives the input back, and 0.5 lies between") {
  const Desk desk;
  const Image image = picture(30, 41, 4, 16);
  desk.put("a.png", image);
  CHECK(desk.deblur("a.png -o whole.png").code == 0);
  CHECK(desk.deblur("a.png -o tiles.png --tile 8").code == 0);
  CHECK(desk.deblur("a.png -o views.png --self-ensemble").code == 0);
  CHECK(read_text(desk.folder / "whole.png") == read_text(desk.folder / "tiles.png"));
  CHECK(equal(desk.get("views.png"), desk.get("whole.png")));  // brightening commutes with turning
  CHECK(desk.deblur("a.png -o none.png --blend 0").code == 0);
  CHECK(equal(desk.get("none.png"), image));
  CHECK(desk.deblur("a.png -o half.png --blend 0.5").code == 0);
  const Image half = desk.get("half.png");
  const Image whole = desk.get("whole.png");
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const int between = (image.pixels[i] + whole.pixels[i]) / 2;
    REQUIRE(std::abs(half.pixels[i] - between) <= 1);
  }
}

TEST_CASE("deblur: metadata is carried, and what a format cannot carry is told") {
  const Desk desk;
  PictureMetadata metadata;
  // A TIFF block of one tag, orientation 1.
  metadata.exif = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
  const auto bytes = encode_picture({picture(8, 8, 3), metadata}, ImageFormat::png);
  dg::test::write_bytes(desk.folder / "a.png", bytes);
  const ProgramResult kept = desk.deblur("a.png -o b.png");
  CHECK(kept.err.empty());
  CHECK(read_picture(desk.folder / "b.png").metadata == metadata);
  const ProgramResult lost = desk.deblur("a.png -o c.bmp");
  CHECK(lost.code == 0);
  CHECK_THAT(lost.err, Catch::Contains("note: a.png: its EXIF data cannot be kept in BMP"));
  CHECK(desk.deblur("a.png -o c.bmp --quiet").err.empty());
}

TEST_CASE("deblur: --json is one document, and nothing else is on standard output") {
  const Desk desk;
  desk.put("in/a.png", picture(20, 12, 3));
  write_text(desk.folder / "in/b.png", "no picture");
  desk.put("sharp/a.png", brighter(picture(20, 12, 3)));
  const ProgramResult result = desk.deblur("in -o out --json --sharp sharp --batch 2");
  CHECK(result.code == 1);
  CHECK_THAT(result.err, Catch::Contains("[1/2] in/a.png") && Catch::Contains("in/b.png: "));
  const nlohmann::json json = nlohmann::json::parse(result.out);
  const nlohmann::json& a = json["pictures"][0];
  CHECK(a["input"] == "in/a.png");
  CHECK(a["output"] == "out/a.png");
  CHECK(a["width"] == 20);
  CHECK(a["seconds"]["restore"] > 0.0);
  CHECK(a["tile_rows"] == 0);
  CHECK(a["estimated_peak_bytes"] > 1'000'000);
  CHECK(a["peak_bytes"] > 1'000'000);
  CHECK(a["psnr"]["restored"] == "Infinity");
  CHECK(a["ssim"]["blurred"] < 1.0);
  CHECK(json["pictures"][1]["error"].get<std::string>().starts_with("in/b.png: "));
  CHECK(json["summary"]["restored"] == 1);
  CHECK(json["summary"]["failed"] == 1);
  CHECK(json["summary"]["complete"] == true);
}

TEST_CASE("deblur: --dry-run tells what would be done and does nothing") {
  const Desk desk;
  desk.put("in/a.png", picture(20, 12, 3));
  desk.put("in/b.png", picture(40, 12, 3));
  const ProgramResult result = desk.deblur("in -o out --dry-run --tile 16");
  CHECK(result.code == 0);
  CHECK_THAT(result.out, Catch::Contains("[1/2] in/a.png -> out/a.png  20x12  bands of 16 rows, about "));
  CHECK(lines(result.out) == 2);
  CHECK_FALSE(desk.has("out"));
  const auto json = nlohmann::json::parse(desk.deblur("in -o out --dry-run --json").out);
  CHECK(json["dry_run"] == true);
  CHECK(json["pictures"][1]["width"] == 40);
  CHECK(json["summary"]["restored"] == 0);
}

TEST_CASE(
    "deblur: a memory limit that cannot be kept is told, and one below the whole picture brings bands") {
  const Desk desk;
  desk.put("a.png", {64, 1500, 1, 8, std::vector<std::uint16_t>(64 * 1500, 7)});
  const ProgramResult impossible = desk.deblur("a.png -o out --max-memory 1M");
  CHECK(impossible.code == 1);
  CHECK_THAT(impossible.err, Catch::Contains("a.png: "));
  CHECK(desk.deblur("a.png -o out --max-memory 1M --dry-run").code == 1);
  CHECK(desk.deblur("a.png -o out --max-memory much").code == 2);
  const auto whole = nlohmann::json::parse(desk.deblur("a.png -o out --dry-run --json").out);
  const std::int64_t bytes = whole["pictures"][0]["estimated_peak_bytes"].get<std::int64_t>();
  const ProgramResult bands =
      desk.deblur("a.png -o out --json --max-memory " + std::to_string(bytes - 2'000'000));
  INFO(bands.err);
  CHECK(bands.code == 0);
  CHECK(nlohmann::json::parse(bands.out)["pictures"][0]["tile_rows"] > 0);
}

TEST_CASE("deblur: cuDNN on the CPU is refused with what to do") {
  const Desk desk;
  desk.put("a.png", picture(8, 8, 3));
  const ProgramResult result = desk.deblur("a.png -o out --conv-backend cudnn");
  CHECK(result.code == 1);
  CHECK_THAT(result.err,
             Catch::Contains("--conv-backend cudnn needs a GPU") && Catch::Contains("--device cuda"));
  CHECK_FALSE(desk.has("out"));
}

TEST_CASE("deblur: wrong arguments give exit code 2 and one sentence that leads to --help") {
  const Desk desk;
  desk.put("a.png", picture(8, 8, 3));
  desk.put("b.png", picture(8, 8, 3));
  for (const char* arguments : {"",
                                "a.png",
                                "-o out",
                                "a.png -o out --ext gif",
                                "a.png -o out --threads -1",
                                "a.png -o out --sharp nowhere",
                                "a.png -o out --colour",
                                "a.png b.png -o one.png",
                                "a.png -o one.png --ext jpg",
                                "a.png -o out --seed 3",
                                "a.png -o out --conv-backend cublas",
                                "a.png -o - --json",
                                "a.png b.png -o -",
                                "- - -o out",
                                "- -o out --sharp .",
                                "a.png -o - --compare",
                                "a.png -o out --blend 1.5",
                                "a.png -o out --tile 0",
                                "a.png -o out --batch 0",
                                "a.png -o out --quality 101",
                                "a.png -o out --raw 8by8",
                                "a.png -o restored.webp",
                                "a.png b.png -o out.y4m --video",
                                "a.png -o out.png --video",
                                "a.png -o out.y4m --video --compare",
                                "a.png -o out --batch 2 --dropout-at-test",
                                "in.mp4 -o out"}) {
    INFO(arguments);
    const ProgramResult result = desk.deblur(arguments);
    CHECK(result.code == 2);
    CHECK(result.out.empty());
    CHECK(lines(result.err) == 1);
    CHECK_THAT(result.err, Catch::StartsWith("deblurgan-deblur: ") && Catch::Contains("see --help"));
  }
  CHECK_FALSE(desk.has("out"));
}

TEST_CASE("deblur: --help shows examples and exit codes, --version a number") {
  const TempFolder folder;
  const ProgramResult help = test::run_in(folder, "'" DG_DEBLUR_PROGRAM "' --help");
  CHECK(help.code == 0);
  CHECK_THAT(help.out,
             Catch::Contains("Examples:") && Catch::Contains("--weights") && Catch::Contains("Exit code"));
  const ProgramResult version = test::run_in(folder, "'" DG_DEBLUR_PROGRAM "' --version");
  CHECK(version.code == 0);
  CHECK_THAT(version.out, Catch::Matches("deblurgan-deblur [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}
