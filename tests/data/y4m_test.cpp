// Films: planes of luma and chroma, Y4M streams and raw frames.
#include "data/y4m.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;
using dg::test::read_text;
using dg::test::TempFolder;
using dg::test::write_text;

namespace {

using Levels = std::vector<int>;

std::vector<std::byte> bytes_of(const Levels& levels, int bit_depth = 8) {
  std::vector<std::byte> bytes;
  for (const int level : levels) {
    bytes.push_back(static_cast<std::byte>(level & 0xFF));
    if (bit_depth > 8) bytes.push_back(static_cast<std::byte>(level >> 8));
  }
  return bytes;
}

Levels levels_of(const std::vector<std::byte>& bytes) {
  Levels levels;
  for (const std::byte byte : bytes) levels.push_back(std::to_integer<int>(byte));
  return levels;
}

Levels encoded(const std::vector<std::uint16_t>& rgb, const YcbcrFormat& format) {
  return levels_of(ycbcr_from_image({1, 1, 3, 8, rgb}, format));
}

std::string header_of(const std::string& tags) {
  return y4m_header(parse_y4m_header("YUV4MPEG2 " + tags, "film"));
}

std::string header_error(const std::string& line) {
  return error_of([&] { parse_y4m_header(line, "film"); });
}

void write_film(const std::filesystem::path& path, const Y4mFormat& format,
                const std::vector<Image>& frames) {
  FileOutput file(path);
  Y4mWriter writer(file, format);
  for (const Image& frame : frames) writer.put(frame, {});
  writer.finish();
  file.commit();
}

std::vector<Image> read_film(const std::filesystem::path& path) {
  ByteInput input(path);
  Y4mReader reader(input);
  std::vector<Image> frames;
  while (auto frame = reader.next({})) frames.push_back(std::move(*frame));
  return frames;
}

}  // namespace

TEST_CASE("ycbcr: the levels of white, black and the primaries are those of the standards") {
  // BT.601: Y = 16 + 219 * 0.299 = 81.5, Cb = 128 - 224 * 0.299 / 1.772 = 90.2. BT.709: Kr 0.2126, 2 (1 - Kb) =
  // 1.8556.
  const YcbcrFormat sd{.chroma = ChromaLayout::full};
  const YcbcrFormat hd{.chroma = ChromaLayout::full, .matrix = YcbcrMatrix::bt709};
  const YcbcrFormat jpeg{.chroma = ChromaLayout::full, .full_range = true};
  CHECK(encoded({255, 255, 255}, sd) == Levels{235, 128, 128});
  CHECK(encoded({0, 0, 0}, sd) == Levels{16, 128, 128});
  CHECK(encoded({255, 0, 0}, sd) == Levels{81, 90, 240});
  CHECK(encoded({0, 0, 255}, sd) == Levels{41, 240, 110});
  CHECK(encoded({255, 0, 0}, hd) == Levels{63, 102, 240});
  CHECK(encoded({0, 255, 0}, hd) == Levels{173, 42, 26});
  CHECK(encoded({255, 0, 0}, jpeg) == Levels{76, 85, 255});
  CHECK(encoded({255, 255, 255}, jpeg) == Levels{255, 128, 128});

  const Image white = image_from_ycbcr(bytes_of({235, 128, 128}), 1, 1, sd);
  CHECK(white.bit_depth == 16);
  CHECK(white.pixels == std::vector<std::uint16_t>{65535, 65535, 65535});
  // Ten bits are four times the levels: 940 is white.
  const YcbcrFormat deep{.chroma = ChromaLayout::full, .bit_depth = 10};
  CHECK(image_from_ycbcr(bytes_of({940, 512, 512}, 10), 1, 1, deep).pixels == white.pixels);
}

TEST_CASE("ycbcr: 4:4:4 to RGB and back gives every colour of the cube back") {
  for (const YcbcrMatrix matrix : {YcbcrMatrix::bt601, YcbcrMatrix::bt709}) {
    for (const bool full_range : {false, true}) {
      for (const int bit_depth : {8, 10}) {
        const YcbcrFormat format{ChromaLayout::full, bit_depth, matrix, full_range};
        const int step = bit_depth == 8 ? 1 : 4;
        Levels levels;
        // Planes of one row: luma, then Cb, then Cr, of colours around the middle that lie in the cube.
        for (int plane = 0; plane < 3; ++plane) {
          for (int i = 0; i < 4000; ++i) {
            const int luma = 100 + i % 50;
            const int cb = 110 + i / 50 % 36;
            const int cr = 110 + i / 1800 * 16 + i % 7;
            levels.push_back(step * (plane == 0   ? luma
                                     : plane == 1 ? cb
                                                  : cr) +
                             (bit_depth == 10 ? i % 3 : 0));
          }
        }
        const std::vector<std::byte> planes = bytes_of(levels, bit_depth);
        CHECK(ycbcr_from_image(image_from_ycbcr(planes, 4000, 1, format), format) == planes);
      }
    }
  }
}

TEST_CASE("ycbcr: halved chroma comes back exactly, at borders and odd sides too") {
  using enum ChromaLayout;
  for (const ChromaLayout layout : {half_width, quarter_centre, quarter_left, quarter_topleft}) {
    for (std::int64_t height = 1; height <= 6; ++height) {
      for (std::int64_t width = 1; width <= 7; ++width) {
        const YcbcrFormat format{.chroma = layout};
        Levels levels;
        const auto count = static_cast<int>(ycbcr_frame_bytes(width, height, format));
        for (int i = 0; i < count; ++i) levels.push_back(i < width * height ? 126 + i % 3 : 120 + i * 7 % 16);
        INFO(static_cast<int>(layout) << ", " << width << "x" << height);
        const std::vector<std::byte> planes = bytes_of(levels);
        CHECK(levels_of(ycbcr_from_image(image_from_ycbcr(planes, width, height, format), format)) == levels);
      }
    }
  }
}

TEST_CASE("ycbcr: chroma between its samples is interpolated where the layout puts it") {
  // Cr 128 and 148, luma 128: red is above luma by 1.402 * 20 / 224 of 65535 levels, times the share of the second
  // sample.
  const double whole = 1.402 * 20.0 / 224.0 * 65535.0;
  const double luma = (128.0 - 16.0) / 219.0 * 65535.0;
  const auto red_shares = [&](ChromaLayout layout) {
    const std::int64_t height = layout == ChromaLayout::half_width ? 1 : 2;
    Levels levels(static_cast<std::size_t>(4 * height), 128);
    levels.insert(levels.end(), {128, 128, 128, 148});
    const Image image = image_from_ycbcr(bytes_of(levels), 4, height, {.chroma = layout});
    std::vector<double> shares;
    for (std::size_t x = 0; x < 4; ++x) shares.push_back((image.pixels[3 * x] - luma) / whole);
    return shares;
  };
  const auto near = [](const std::vector<double>& expected) {
    return Catch::Matchers::Approx(expected).margin(1e-3);
  };
  CHECK_THAT(red_shares(ChromaLayout::half_width), near({0.0, 0.5, 1.0, 1.0}));
  CHECK_THAT(red_shares(ChromaLayout::quarter_left), near({0.0, 0.5, 1.0, 1.0}));
  CHECK_THAT(red_shares(ChromaLayout::quarter_centre), near({0.0, 0.25, 0.75, 1.0}));
}

TEST_CASE("ycbcr: frames of the wrong size and kind are refused") {
  CHECK_THAT(error_of([] {
               image_from_ycbcr(bytes_of({1, 2, 3}), 2, 2, {});
             }),
             Catch::Contains("got 3 bytes for a frame of 2x2, expected 6"));
  CHECK_THAT(error_of([] {
               ycbcr_from_image({1, 1, 4, 8, {1, 2, 3, 4}}, {});
             }),
             Catch::Contains("4 channels"));
  CHECK_THAT(error_of([] { ycbcr_frame_bytes(1, 1, {.bit_depth = 17}); }), Catch::Contains("17 bits"));
}

TEST_CASE("y4m: a header passes through, and what it leaves out has mjpegtools' meaning") {
  const std::string full = "W720 H576 F30000:1001 Ip A16:15 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=FULL";
  CHECK(header_of(full) == "YUV4MPEG2 " + full);
  CHECK(header_of("W8 H6") == "YUV4MPEG2 W8 H6 F25:1 Ip A1:1 C420jpeg");
  const Y4mFormat small = parse_y4m_header("YUV4MPEG2 W8 H6 I? XCOLORRANGE=FULL", "film");
  CHECK(small.samples().full_range);
  CHECK(small.samples().matrix == YcbcrMatrix::bt601);
  const YcbcrFormat large = parse_y4m_header("YUV4MPEG2 W1280 H720 C420p10", "film").samples();
  CHECK(large.matrix == YcbcrMatrix::bt709);
  CHECK(large.bit_depth == 10);
  CHECK(large.chroma == ChromaLayout::quarter_left);
}

TEST_CASE("y4m: headers of films that cannot be read are refused with advice") {
  CHECK_THAT(header_error("RIFF"), Catch::Contains("not a Y4M stream") && Catch::Contains("yuv4mpegpipe"));
  CHECK_THAT(header_error("YUV4MPEG2 W8 H6 It"),
             Catch::Contains("interlaced (It)") && Catch::Contains("bwdif"));
  for (const char* colour : {"444alpha", "411", "420p11", "nv12", "420p"}) {
    CHECK_THAT(header_error(std::string("YUV4MPEG2 W8 H6 C") + colour),
               Catch::Contains("colour space '" + std::string(colour) + "'"));
  }
  for (const char* size : {"W0 H6", "W8", "W-8 H6", "W8x H6", "W100000 H100000", "W9223372036854775807 H9"}) {
    CHECK_THAT(header_error(std::string("YUV4MPEG2 ") + size), Catch::Contains("claims frames of"));
  }
  CHECK_THAT(header_error("YUV4MPEG2 W8 H6 F25"), Catch::Contains("'25'"));
  CHECK_THAT(header_error("YUV4MPEG2 W8 H6 Z1"), Catch::Contains("'Z1'"));
}

TEST_CASE("y4m: frames come back in order, of every colour space") {
  const TempFolder folder;
  for (const char* colour :
       {"420jpeg", "420mpeg2", "420paldv", "422", "444", "mono", "420p10", "444p16", "mono12"}) {
    INFO(colour);
    const Y4mFormat format{.width = 5, .height = 3, .colour = colour};
    std::vector<Image> frames;
    for (int i = 0; i < 4; ++i) {
      frames.push_back(
          {5, 3, 3, 16, std::vector<std::uint16_t>(45, static_cast<std::uint16_t>(9000 * (i + 1)))});
    }
    write_film(folder / "film.y4m", format, frames);
    const std::vector<Image> back = read_film(folder / "film.y4m");
    REQUIRE(back.size() == 4);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(back[i].channels == (std::string(colour).starts_with("mono") ? 1 : 3));
      // Half a level of 219.
      for (const std::uint16_t value : back[i].pixels) CHECK(std::abs(value - frames[i].pixels[0]) <= 150);
    }
  }
}

TEST_CASE("y4m: streams that break off, or are none, are told with the frame's number") {
  const TempFolder folder;
  const auto path = folder / "film.y4m";
  const Image grey{4, 4, 3, 8, std::vector<std::uint16_t>(48, 100)};
  write_film(path, {.width = 4, .height = 4}, {grey, grey});
  const std::string whole = read_text(path);
  const auto error = [&](const std::string& content) {
    write_text(path, content);
    return error_of([&] { read_film(path); });
  };
  CHECK(error(whole).empty());
  CHECK_THAT(error(whole.substr(0, whole.size() - 1)),
             Catch::Contains("ends within frame 2 (23 of 24 bytes)"));
  CHECK_THAT(error(whole + "FRA"), Catch::Contains("ends in the middle of a line"));
  CHECK_THAT(error(whole + "frame\n"), Catch::Contains("frame 3 does not begin with FRAME"));
  CHECK_THAT(error(""), Catch::Contains("not a Y4M stream"));
  CHECK_THAT(error("\x89PNG"), Catch::Contains("not a Y4M stream"));
  CHECK_THAT(error(std::string("YUV4MPEG2 ").append(5000, 'X')),
             Catch::Contains("line of more than 4096 bytes"));
  CHECK_THAT(error_of([&] { write_film(path, {.width = 8, .height = 4}, {grey}); }),
             Catch::Contains("frame of 4x4, expected 8x4"));
}

TEST_CASE("raw frames: bytes pass through, 16 bits are rounded, and a piece of a frame is an error") {
  const TempFolder folder;
  write_text(folder / "in", "abcdefghijklX");
  ByteInput input(folder / "in");
  RawFrameReader reader(input, 2, 1);
  FileOutput file(folder / "out");
  RawFrameWriter writer(file, 2, 1);
  for (int i = 0; i < 2; ++i) {
    const auto frame = reader.next({});
    REQUIRE(frame);
    writer.put(*frame, {});
  }
  CHECK_THAT(error_of([&] { reader.next({}); }), Catch::Contains("ends within frame 3 (1 of 6 bytes)"));
  writer.put({2, 1, 1, 16, {65 * 257 + 128, 66 * 257 + 129}}, {});
  file.commit();
  CHECK(read_text(folder / "out") == "abcdefghijklAAACCC");
  CHECK_THAT(error_of([&] { RawFrameReader(input, 0, 4); }), Catch::Contains("size of 0x4"));
}
