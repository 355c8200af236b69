// deblurgan-deblur on standard input and output, and on films.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/y4m.h"
#include "tests/apps/deblur_desk.h"

using namespace dg;
using dg::test::brighter;
using dg::test::Desk;
using dg::test::equal;
using dg::test::lines;
using dg::test::picture;
using dg::test::ProgramResult;
using dg::test::read_text;
using dg::test::write_text;

namespace {

// Grey frames of 4:4:4, each of one level: in Y' a step of 16 / 255 is 219 / 255 * 16 = 13.7 levels.
void put_film(const Desk& desk, const std::string& name, const std::vector<int>& levels,
              std::int64_t side = 8) {
  FileOutput file(desk.folder / name);
  Y4mFormat format{.width = side, .height = side, .colour = "444"};
  Y4mWriter writer(file, format);
  for (const int level : levels) {
    const auto value = static_cast<std::uint16_t>(std::lround((level - 16) / 219.0 * 65535.0));
    writer.put({side, side, 1, 16, std::vector<std::uint16_t>(static_cast<std::size_t>(side * side), value)},
               {});
  }
  file.commit();
}

// The first luma sample of each frame.
std::vector<int> film_levels(const Desk& desk, const std::string& name, std::int64_t side = 8) {
  const std::string text = read_text(desk.folder / name);
  std::vector<int> levels;
  std::size_t at = text.find('\n') + 1;
  while (text.compare(at, 6, "FRAME\n") == 0) {
    levels.push_back(static_cast<unsigned char>(text[at + 6]));
    at += 6 + static_cast<std::size_t>(3 * side * side);
  }
  CHECK(at == text.size());
  return levels;
}

}  // namespace

TEST_CASE("deblur: a picture may come from standard input and go to standard output, by its content") {
  const Desk desk;
  desk.put("a.png", picture(9, 7, 3));
  desk.put("b.bmp", picture(9, 7, 3));
  const ProgramResult result = desk.deblur("- -o - < a.png > out.png");
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("preset small") && Catch::Contains("[1/1] - -> -"));
  CHECK(equal(desk.get("out.png"), brighter(picture(9, 7, 3))));
  CHECK(desk.deblur("- -o - --ext keep --quiet < b.bmp > out").err.empty());
  CHECK(read_text(desk.folder / "out").starts_with("BM"));
  // One side may be a file.
  CHECK(desk.deblur("- -o x.tga < a.png").code == 0);
  CHECK(equal(desk.get("x.tga"), brighter(picture(9, 7, 3))));
  CHECK(desk.deblur("- b.bmp -o folder < a.png").code == 0);
  CHECK(desk.list("folder") == std::vector<std::string>{"b.png", "stdin.png"});
  CHECK(desk.deblur("a.png -o - --ext bmp > y.bmp").code == 0);
  CHECK(equal(desk.get("y.bmp"), brighter(picture(9, 7, 3))));
}

TEST_CASE("deblur: standard input that is no picture is told, and standard output stays empty") {
  const Desk desk;
  write_text(desk.folder / "text", "this is no picture");
  const ProgramResult text = desk.deblur("- -o - < text");
  CHECK(text.code == 1);
  CHECK(text.out.empty());
  CHECK_THAT(text.err, Catch::Contains("deblurgan-deblur: standard input: "));
  CHECK_THAT(desk.deblur("- -o - < /dev/null").err, Catch::Contains("standard input: is empty"));
  CHECK_THAT(desk.deblur("- -o out --video < text").err, Catch::Contains("-o has to end in .y4m"));
  CHECK_THAT(desk.deblur("- -o out.y4m --video < text").err, Catch::Contains("is not a Y4M stream"));
  CHECK_FALSE(desk.has("out.y4m"));
}

TEST_CASE("deblur: a film keeps its order and header, from pipe to pipe and from file to file") {
  const Desk desk;
  put_film(desk, "in.y4m", {50, 80, 110, 140, 170});
  const std::vector<int> expected{64, 94, 124, 154, 184};
  const ProgramResult piped = desk.deblur("- -o - --batch 2 < in.y4m > out.y4m");
  INFO(piped.err);
  CHECK(piped.code == 0);
  CHECK(film_levels(desk, "out.y4m") == expected);
  CHECK(read_text(desk.folder / "out.y4m").starts_with("YUV4MPEG2 W8 H8 F25:1 Ip A1:1 C444\n"));
  CHECK_THAT(piped.err, Catch::Contains("5 frames of 8x8 in ") && Catch::Contains("decode") &&
                            Catch::Contains("restore") && Catch::Contains("encode"));
  const ProgramResult file = desk.deblur("in.y4m -o films/out.y4m --json");
  CHECK(film_levels(desk, "films/out.y4m") == expected);
  const auto json = nlohmann::json::parse(file.out);
  CHECK(json["video"]["frames"] == 5);
  CHECK(json["video"]["stages"]["restore"]["busy"] > 0.0);
  CHECK(desk.deblur("in.y4m -o in.y4m").code == 1);
  CHECK(film_levels(desk, "in.y4m").front() == 50);
}

TEST_CASE("deblur: raw frames go through as raw frames") {
  const Desk desk;
  const std::string frames = std::string(192, '\x10') + std::string(192, '\x40');
  write_text(desk.folder / "in.rgb", frames);
  CHECK(desk.deblur("- --raw 8x8 -o - < in.rgb > out.rgb").code == 0);
  CHECK(read_text(desk.folder / "out.rgb") == std::string(192, '\x20') + std::string(192, '\x50'));
  const ProgramResult cut = desk.deblur("in.rgb --raw 8x9 -o cut.rgb");
  CHECK(cut.code == 1);
  CHECK_THAT(cut.err, Catch::Contains("ends within frame 2") && Catch::Contains("after 1 restored frames"));
  CHECK_FALSE(desk.has("cut.rgb"));
}

TEST_CASE("deblur: a film that breaks off gives what came before it, and says where") {
  const Desk desk;
  put_film(desk, "in.y4m", {50, 80, 110});
  const std::string whole = read_text(desk.folder / "in.y4m");
  write_text(desk.folder / "cut.y4m", whole.substr(0, whole.size() - 50));
  const ProgramResult piped = desk.deblur("- -o - --quiet < cut.y4m > out.y4m");
  CHECK(piped.code == 1);
  CHECK(lines(piped.err) == 1);
  CHECK_THAT(piped.err, Catch::Contains("standard input: ends within frame 3"));
  CHECK(film_levels(desk, "out.y4m") == std::vector<int>{64, 94});
  CHECK(desk.deblur("cut.y4m -o file.y4m").code == 1);
  CHECK(desk.list(".").size() == 4);  // weights, in, cut, out: no file.y4m and no temporary one
  put_film(desk, "none.y4m", {});
  CHECK(desk.deblur("none.y4m -o file.y4m").code == 1);
}

TEST_CASE("deblur: whoever closes standard output ends the run with one sentence and a code of its own") {
  const Desk desk;
  put_film(desk, "in.y4m", std::vector<int>(12, 90), 128);
  const ProgramResult film =
      desk.run("- -o - --quiet < in.y4m; echo $? > code; } | head -c 100 > /dev/null", "{ ");
  CHECK(read_text(desk.folder / "code") == "141\n");
  CHECK(lines(film.err) == 1);
  CHECK_THAT(film.err, Catch::Contains("standard output: whoever read it has closed it"));
  const Image large = picture(300, 300, 3);  // noise: more bytes than a pipe holds
  desk.put("a.png", large);
  const ProgramResult one = desk.run("a.png -o - --quiet; echo $? > code; } | head -c 100 > /dev/null", "{ ");
  CHECK(read_text(desk.folder / "code") == "141\n");
  CHECK(lines(one.err) == 1);
}

TEST_CASE("deblur: a signal ends the wait for a pipe") {
  const Desk desk;
  const ProgramResult result =
      test::run_in(desk.folder, "mkfifo pipe; sleep 20 > pipe & sleeper=$!; '" DG_DEBLUR_PROGRAM
                                "' --threads 1 -w w.safetensors - -o - --quiet < pipe & pid=$!; sleep 0.5; "
                                "kill -TERM $pid; wait $pid; code=$?; kill $sleeper; exit $code");
  CHECK(result.code == 128 + 15);
  CHECK_THAT(result.err, Catch::Contains("interrupted"));
}
