// deblurgan-deblur as a user runs it. The weights make every pixel 16 levels (of 255) brighter and leave alpha alone:
// all are 0 but the last bias, and the network adds tanh(bias) to the picture in -1 .. 1.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unistd.h>
#include <vector>

#include "data/image_io.h"
#include "models/presets.h"
#include "models/weights.h"
#include "tests/apps/program.h"
#include "tests/models/tiny_network.h"

using namespace dg;
using dg::test::ProgramResult;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::tiny_generator;
using dg::test::write_text;

namespace fs = std::filesystem;

namespace {

constexpr int kStep = 16;

void save_brightening_weights(const fs::path& path, int levels = kStep) {
  Context context({.threads = 1});
  const auto network = make_generator(context, tiny_generator());
  for (NamedTensor& entry : network->state()) {
    entry.tensor.fill_(entry.name == "tail.conv.bias" ? std::atanh(2.0 * levels / 255.0) : 0.0);
  }
  save_weights(path, *network, to_metadata(tiny_generator()));
}

Image picture(std::int64_t width, std::int64_t height, int channels, int bit_depth = 8) {
  Image image{width, height, channels, bit_depth, {}};
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    const std::uint64_t mixed = static_cast<std::uint64_t>(i + 1) * 0x9e3779b97f4a7c15U;
    const auto noise = static_cast<std::uint64_t>((mixed ^ (mixed >> 31)) * 0xbf58476d1ce4e5b9U) >> 40;
    image.pixels.push_back(static_cast<std::uint16_t>(static_cast<int>(noise) % (image.max_value() + 1)));
  }
  return image;
}

Image brighter(Image image) {
  const int step = kStep * image.max_value() / 255;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const bool alpha = image.has_alpha() && static_cast<int>(i) % image.channels == image.channels - 1;
    if (!alpha)
      image.pixels[i] = static_cast<std::uint16_t>(std::min(image.pixels[i] + step, image.max_value()));
  }
  return image;
}

bool equal(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.channels == b.channels &&
         a.bit_depth == b.bit_depth && a.pixels == b.pixels;
}

// A folder with w.safetensors in it.
struct Desk {
  TempFolder folder;

  Desk() { save_brightening_weights(folder / "w.safetensors"); }
  ProgramResult deblur(const std::string& arguments) const { return run(arguments, ""); }
  ProgramResult run(const std::string& arguments, const std::string& before) const {
    return test::run_in(folder, before + "'" DG_DEBLUR_PROGRAM "' --threads 1 -w w.safetensors " + arguments);
  }
  void put(const std::string& name, const Image& image) const {
    fs::create_directories((folder / name).parent_path());
    write_image(folder / name, image);
  }
  bool has(const std::string& name) const { return fs::exists(folder / name); }
  Image get(const std::string& name) const { return read_image(folder / name); }
  // Names below a folder, sorted, with '/' between.
  std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(folder / name)) {
      if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder / name).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

std::int64_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace

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
  for (const char* arguments :
       {"", "a.png", "-o out", "a.png -o out --ext gif", "a.png -o out --threads -1",
        "a.png -o out --sharp nowhere", "a.png -o out --colour", "a.png b.png -o one.png",
        "a.png -o one.png --ext jpg", "a.png -o out --seed 3", "a.png -o out --conv-backend cublas"}) {
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
