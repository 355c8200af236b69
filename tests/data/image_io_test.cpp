// Image files: round trips, files made by Pillow, and every way in which a file can be bad.
#include "data/image_io.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels/check.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using namespace dg::test;

namespace {

#include "goldens/file_goldens.inc"

using Bytes = std::span<const std::uint8_t>;

// The picture of goldens/make_file_goldens.py, or of another size; 16 bits use both bytes.
Image pattern(int channels, int bit_depth = 8, std::int64_t width = 5, std::int64_t height = 4) {
  Image image{width, height, channels, bit_depth, {}};
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < channels; ++c) {
        const auto value = static_cast<std::uint16_t>((x * 37 + y * 11 + c * 50) % 256);
        image.pixels.push_back(bit_depth == 8 ? value
                                              : static_cast<std::uint16_t>(value * 257 + 1 - value / 255));
      }
    }
  }
  return image;
}

void check_equal(const Image& a, const Image& b) {
  CHECK(a.width == b.width);
  CHECK(a.height == b.height);
  CHECK(a.channels == b.channels);
  CHECK(a.bit_depth == b.bit_depth);
  CHECK(a.pixels == b.pixels);
}

std::string decode_error(Bytes bytes) {
  return error_of([&] { decode_image(bytes, "photo"); });
}

// As decoded, and as probed from a file.
Image decode_and_probe(Bytes bytes) {
  const TempFolder folder;
  write_bytes(folder / "image", bytes);
  Image image = read_image(folder / "image");
  const ImageInfo info = probe_image(folder / "image");
  CHECK(info == ImageInfo{image.width, image.height, image.channels, image.bit_depth});
  return image;
}

}  // namespace

TEST_CASE("image_io: PNG gives every value back, 8 and 16 bits, 1 to 4 channels") {
  for (const int bits : {8, 16}) {
    for (const int channels : {1, 2, 3, 4}) {
      for (const std::int64_t width : {1, 5, 64}) {
        CAPTURE(bits, channels, width);
        const Image image = pattern(channels, bits, width, 9);
        check_equal(decode_and_probe(encode_image(image, ImageFormat::png)), image);
      }
    }
  }
}

TEST_CASE("image_io: a PNG of several data chunks gives noise back") {
  Image image{500, 400, 4, 16, {}};  // 1.6 MB that cannot be compressed: two IDAT chunks
  std::uint32_t state = 1;
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    state = state * 1664525U + 1013904223U;
    image.pixels.push_back(static_cast<std::uint16_t>(state >> 16U));
  }
  const auto bytes = encode_image(image, ImageFormat::png);
  CHECK(bytes.size() > (1U << 20U));
  check_equal(decode_image(bytes, "noise"), image);
}

TEST_CASE("image_io: BMP and TGA give 8-bit values back; BMP turns grey into RGB") {
  for (const int channels : {1, 2, 3, 4}) {
    CAPTURE(channels);
    const Image image = pattern(channels);
    check_equal(decode_and_probe(encode_image(image, ImageFormat::tga)), image);
    const Image bmp = decode_and_probe(encode_image(image, ImageFormat::bmp));
    REQUIRE(bmp.channels == (image.has_alpha() ? 4 : 3));
    for (std::size_t i = 0; i < bmp.pixels.size(); ++i) {
      const std::size_t pixel = i / static_cast<std::size_t>(bmp.channels);
      const std::size_t c = i % static_cast<std::size_t>(bmp.channels);
      const std::size_t source = channels >= 3 ? c : (c == 3 ? 1 : 0);
      CHECK(bmp.pixels[i] == image.pixels[pixel * static_cast<std::size_t>(channels) + source]);
    }
  }
}

TEST_CASE("image_io: JPEG is close, better at higher quality, and keeps grey as grey") {
  Image image{64, 48, 3, 8, {}};
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    image.pixels.push_back(static_cast<std::uint16_t>(i / 3 % 64 * 2 + i / 192 + i % 3 * 20));
  }
  const auto error_at = [&](int quality) {
    const Image back = decode_and_probe(encode_image(image, ImageFormat::jpeg, {.jpeg_quality = quality}));
    REQUIRE(back.pixels.size() == image.pixels.size());
    double sum = 0;
    for (std::size_t i = 0; i < back.pixels.size(); ++i) sum += std::abs(back.pixels[i] - image.pixels[i]);
    return sum / static_cast<double>(back.pixels.size());
  };
  CHECK(error_at(95) < 1.5);
  CHECK(error_at(95) < error_at(20));
  const Image grey{16, 8, 1, 8, std::vector<std::uint16_t>(128, 77)};
  check_equal(decode_and_probe(encode_image(grey, ImageFormat::jpeg)), grey);
}

TEST_CASE("image_io: files made by Pillow are read value for value") {
  check_equal(decode_and_probe(kPngGrey), pattern(1));
  check_equal(decode_and_probe(kPngGreyAlpha), pattern(2));
  check_equal(decode_and_probe(kPngRgba), pattern(4));
  check_equal(decode_and_probe(kBmpRgb), pattern(3));
  check_equal(decode_and_probe(kTgaRgbRle), pattern(3));
  check_equal(decode_and_probe(kTgaRgba), pattern(4));
  const Image bmp_grey = decode_and_probe(kBmpGrey);  // a palette of greys
  CHECK(bmp_grey.channels == 3);
  CHECK(bmp_grey.pixels[3] == pattern(1).pixels[1]);
}

TEST_CASE("image_io: palettes, transparent colours, 1 bit and 16 bits are expanded") {
  const Image palette = decode_and_probe(kPngPalette);
  CHECK(palette.channels == 3);
  const std::vector<std::uint16_t> cycle = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
  CHECK(std::equal(cycle.begin(), cycle.end(), palette.pixels.begin()));

  const Image alpha = decode_and_probe(kPngPaletteAlpha);
  CHECK(alpha.channels == 4);
  CHECK(alpha.pixels[3] == 0);
  CHECK(alpha.pixels[7] == 128);

  const Image key = decode_and_probe(kPngRgbTransparentColour);
  CHECK(key.channels == 4);
  CHECK(key.pixels[3] == 0);  // pixel (0, 0) has the transparent colour, pixel (1, 0) has not
  CHECK(key.pixels[7] == 255);

  const Image one_bit = decode_and_probe(kPngOneBit);
  const Image grey = pattern(1);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i)
    CHECK(one_bit.pixels[i] == (grey.pixels[i] >= 128 ? 255 : 0));

  const Image deep = decode_and_probe(kPngGrey16);
  CHECK(deep.bit_depth == 16);
  for (std::size_t i = 0; i < grey.pixels.size(); ++i) CHECK(deep.pixels[i] == grey.pixels[i] * 257 + 1);

  const Image progressive = decode_and_probe(kJpegProgressive);
  for (const std::uint16_t value : progressive.pixels) CHECK(std::abs(value - 100) <= 1);
}

TEST_CASE("image_io: a file cut anywhere is refused, never half an image") {
  const auto jpeg = encode_image(pattern(3), ImageFormat::jpeg);
  const auto tga = encode_image(pattern(3), ImageFormat::tga);
  // What follows the last pixel may be missing: a byte of row padding in the BMP, the footer of 26 bytes in
  // the TGAs.
  const std::vector<Bytes> files = {kPngRgba,
                                    kJpegProgressive,
                                    jpeg,
                                    Bytes(kBmpRgb).first(std::size(kBmpRgb) - 1),
                                    Bytes(kTgaRgba).first(std::size(kTgaRgba) - 26),
                                    Bytes(kTgaRgbRle).first(std::size(kTgaRgbRle) - 26),
                                    tga};
  for (std::size_t i = 0; i < files.size(); ++i) {
    CAPTURE(i);
    CHECK(decode_error(files[i]).empty());
    std::size_t accepted = 0;
    for (std::size_t size = 0; size < files[i].size(); ++size) {
      accepted += decode_error(files[i].first(size)).empty() ? 1U : 0U;
    }
    CHECK(accepted == 0);
  }
  CHECK_THAT(decode_error(Bytes(jpeg).first(jpeg.size() - 2)),
             Catch::Contains("photo: is damaged: the file ends"));
}

TEST_CASE("image_io: a flipped bit in a PNG is noticed by its checksum") {
  std::vector<std::uint8_t> bytes(std::begin(kPngRgba), std::end(kPngRgba));
  bytes[bytes.size() / 2] ^= 4U;
  CHECK_THAT(decode_error(bytes), Catch::Contains("checksum"));
}

TEST_CASE("image_io: an end marker inside a JPEG comment is not the end") {
  const auto jpeg = encode_image(pattern(3), ImageFormat::jpeg);
  std::vector<std::uint8_t> bytes = {0xff, 0xd8, 0xff, 0xfe, 0, 4, 0xff, 0xd9};
  bytes.insert(bytes.end(), jpeg.begin() + 2, jpeg.end());
  CHECK(decode_error(bytes).empty());
  bytes.pop_back();
  bytes.pop_back();
  CHECK_THAT(decode_error(bytes), Catch::Contains("before the end marker"));
}

TEST_CASE("image_io: a JPEG with impossible Huffman tables is refused") {
  auto jpeg = encode_image(pattern(3), ImageFormat::jpeg);
  const std::vector<std::uint8_t> tables = {0xff, 0xc4};
  const auto at = std::search(jpeg.begin(), jpeg.end(), tables.begin(), tables.end());
  REQUIRE(at != jpeg.end());
  std::fill_n(at + 5, 16, std::uint8_t{255});  // 4080 codes of 8 bits
  CHECK_THAT(decode_error(jpeg), Catch::Contains("Huffman table"));
}

TEST_CASE("image_io: a JPEG whose coded data does not reach to the last pixel is refused") {
  auto jpeg = encode_image(pattern(3, 8, 64, 64), ImageFormat::jpeg);
  jpeg.erase(jpeg.end() - 200, jpeg.end() - 2);  // the end marker stays
  CHECK_THAT(decode_error(jpeg), Catch::Contains("photo: is damaged: Corrupt JPEG data"));
}

TEST_CASE("image_io: fill bytes before the start of a JPEG are skipped") {
  auto jpeg = encode_image(pattern(3), ImageFormat::jpeg);
  const Image image = decode_image(jpeg, "photo");
  jpeg.insert(jpeg.begin(), 3, std::uint8_t{0xff});
  check_equal(decode_and_probe(jpeg), image);
}

TEST_CASE("image_io: a BMP whose rows run from the top is read") {
  const Image image = pattern(3, 8, 4, 2);
  auto bmp = encode_image(image, ImageFormat::bmp);
  bmp[22] = 0xfe;  // the height, -2
  bmp[23] = bmp[24] = bmp[25] = 0xff;
  std::swap_ranges(bmp.end() - 24, bmp.end() - 12, bmp.end() - 12);
  check_equal(decode_and_probe(bmp), image);
}

TEST_CASE("image_io: what is no image is refused by name") {
  const TempFolder folder;
  const auto message = [](const std::filesystem::path& path) { return error_of([&] { read_image(path); }); };
  const auto probe_message = [](const std::filesystem::path& path) {
    return error_of([&] { probe_image(path); });
  };
  write_text(folder / "empty.png", "");
  write_text(folder / "text.png", "This is a letter, not a picture, and long enough to have a header.");
  CHECK_THAT(message(folder / "empty.png"), Catch::Contains("empty.png: is empty"));
  CHECK_THAT(message(folder / "text.png"), Catch::Contains("text.png: is not a PNG, JPEG, BMP or TGA"));
  CHECK_THAT(message(folder / "gone.png"), Catch::Contains("gone.png") && Catch::Contains("No such file"));
  CHECK_THAT(message(folder.path()), Catch::Contains(folder.path().string() + ": is a folder"));
  CHECK_THAT(message("/dev/null"), Catch::Contains("/dev/null: is not a regular file"));
  CHECK_THAT(probe_message(folder / "empty.png"), Catch::Contains("is empty"));
  CHECK_THAT(probe_message(folder / "text.png"), Catch::Contains("is not a PNG"));
  CHECK_THAT(probe_message(folder / "gone.png"), Catch::Contains("No such file"));
}

TEST_CASE("image_io: a file without read permission is refused") {
  if (::geteuid() == 0) {
    WARN("not run: root may read everything");
    return;
  }
  const TempFolder folder;
  write_bytes(folder / "a.png", kPngRgba);
  ::chmod((folder / "a.png").c_str(), 0);
  CHECK_THROWS_WITH(read_image(folder / "a.png"), Catch::Contains("Permission denied; ask for permission"));
}

TEST_CASE("image_io: headers that claim absurd sizes are refused before memory is taken") {
  // A grey TGA of 65535x65535, and a JPEG whose frame header is patched to the same size.
  const std::vector<std::uint8_t> tga = {0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 8, 0};
  CHECK_THAT(decode_error(tga), Catch::Contains("65535x65535") && Catch::Contains("at most 2^28"));
  auto jpeg = encode_image(pattern(3), ImageFormat::jpeg);
  const std::vector<std::uint8_t> frame = {0xff, 0xc0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), frame.begin(), frame.end());
  REQUIRE(at != jpeg.end());
  std::fill_n(at + 5, 4, std::uint8_t{255});
  CHECK_THAT(decode_error(jpeg), Catch::Contains("65535x65535"));
  const TempFolder folder;
  write_bytes(folder / "bomb.jpg", jpeg);
  CHECK_THROWS_WITH(probe_image(folder / "bomb.jpg"), Catch::Contains("bomb.jpg: claims"));
}

TEST_CASE("image_io: extensions in any case decide the format of outputs") {
  for (const char* name : {"a.png", "b.PNG", "c.jpg", "d.JPeG", "e.Bmp", "f.tga", "dir.x/g.png"})
    CHECK(is_image_path(name));
  for (const char* name : {"a", ".png", "png", "a.png.txt", "b.gif", "c.tif", ""})
    CHECK_FALSE(is_image_path(name));
  CHECK(image_format_of("x.JPG") == ImageFormat::jpeg);
  CHECK_THROWS_WITH(image_format_of("x.gif"), Catch::Contains("'.gif', expected .png"));
}

TEST_CASE("image_io: write_image and read_image are inverse; the content decides on reading") {
  const TempFolder folder;
  const Image image = pattern(4, 16);
  write_image(folder / "a.png", image);
  std::filesystem::rename(folder / "a.png", folder / "misnamed.jpg");
  check_equal(read_image(folder / "misnamed.jpg"), image);
  CHECK(folder.names() == std::vector<std::string>{"misnamed.jpg"});
}

TEST_CASE("image_io: what a format cannot hold is refused with the way out, and no file appears") {
  const TempFolder folder;
  const auto message = [&](const char* name, const Image& image, EncodeOptions options = {}) {
    return error_of([&] { write_image(folder / name, image, options); });
  };
  CHECK_THAT(message("a.jpg", pattern(4)),
             Catch::Contains("a.jpg") && Catch::Contains("alpha") && Catch::Contains("PNG"));
  CHECK_THAT(message("a.jpg", pattern(3, 16)), Catch::Contains("8 bits"));
  CHECK_THAT(message("a.jpg", pattern(3), {.jpeg_quality = 101}), Catch::Contains("quality 101"));
  CHECK_THAT(message("a.tga", pattern(1, 8, 65536, 1)), Catch::Contains("65535"));
  CHECK_THAT(message("a.png", Image{1, 1, 1, 8, {256}}), Catch::Contains("value of 256"));
  CHECK_THAT(message("a.png", Image{}), Catch::Contains("0x0"));
  CHECK_THAT(message("a.png", Image{2, 2, 3, 8, {0}}), Catch::Contains("1 values"));
  CHECK(folder.names().empty());
  CHECK(message("a.jpg", pattern(4), {.drop_alpha = true}).empty());
  CHECK(read_image(folder / "a.jpg").channels == 3);
}
