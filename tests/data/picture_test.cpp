// Pictures with what their files say about them: made by Pillow and pypng, carried through our own files, and damaged.
#include "data/picture.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iterator>

#include "data/input_file.h"
#include "kernels/check.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using namespace dg::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

struct PictureGolden {
  const char* file;
  std::int64_t width, height;
  int channels, bit_depth;
  std::uint16_t pixels[60];
  std::uint8_t exif[64];
  std::size_t exif_size;
  bool has_profile;
};

#include "goldens/picture_goldens.inc"

std::filesystem::path golden_path(const std::string& file) {
  return std::filesystem::path(DG_TEST_DATA_DIR) / "goldens/pictures" / file;
}

Bytes icc_profile() { return {std::begin(kIccProfile), std::end(kIccProfile)}; }

// Two columns, three rows; turned onto its side by orientation 5 to 8.
Picture small_picture(Bytes exif = {}, Bytes icc = {}) {
  return {{2, 3, 1, 8, {0, 50, 100, 150, 200, 250}}, {std::move(exif), std::move(icc)}};
}

// A little-endian TIFF block of one directory with one entry, the orientation, and the place of the next directory.
Bytes exif_block(std::uint8_t orientation, std::uint8_t type = 3, std::uint8_t next_directory = 0) {
  return {'I',  'I', '*', 0, 8, 0, 0,           0, 1, 0, 0x12,           0x01,
          type, 0,   1,   0, 0, 0, orientation, 0, 0, 0, next_directory, 0,
          0,    0};
}

// What a file with this block becomes.
Picture through_png(const Bytes& exif) {
  return decode_picture(encode_picture(small_picture(exif), ImageFormat::png), "memory");
}

// A profile that says of itself that it has `size` bytes, for RGB; all else is noise.
Bytes large_profile(std::size_t size) {
  Bytes icc(size);
  for (std::size_t i = 0; i < size; ++i) icc[i] = static_cast<std::uint8_t>(i * 7919U >> 5U);
  std::copy_n(kIccProfile, 128, icc.begin());
  for (std::size_t i = 0; i < 4; ++i) icc[i] = static_cast<std::uint8_t>(size >> 8U * (3 - i));
  std::fill_n(icc.begin() + 128, 4, std::uint8_t{0});  // no tags
  return icc;
}

}  // namespace

TEST_CASE("picture: files of other programs look as Pillow shows them, turned, with EXIF and profile") {
  for (const PictureGolden& golden : kPictureGoldens) {
    CAPTURE(golden.file);
    const Picture picture = read_picture(golden_path(golden.file));
    const ImageInfo info{golden.width, golden.height, golden.channels, golden.bit_depth};
    CHECK(ImageInfo{picture.image.width, picture.image.height, picture.image.channels,
                    picture.image.bit_depth} == info);
    const auto values = static_cast<std::size_t>(info.width * info.height * info.channels);
    CHECK(picture.image.pixels == std::vector<std::uint16_t>(golden.pixels, golden.pixels + values));
    CHECK(picture.metadata.exif == Bytes(golden.exif, golden.exif + golden.exif_size));
    CHECK(picture.metadata.icc == (golden.has_profile ? icc_profile() : Bytes()));
    CHECK(read_image(golden_path(golden.file)).pixels == picture.image.pixels);
    CHECK(probe_image(golden_path(golden.file)) == info);
  }
}

TEST_CASE("picture: EXIF and profile pass from format to format, byte for byte") {
  const Picture original = read_picture(golden_path("icc_exif.jpg"));
  REQUIRE_FALSE(original.metadata.exif.empty());
  REQUIRE_FALSE(original.metadata.icc.empty());
  for (const ImageFormat format : {ImageFormat::png, ImageFormat::jpeg}) {
    const Bytes bytes = encode_picture(original, format);
    CHECK(picture_format(bytes) == format);
    CHECK(carried_metadata(original, format) == original.metadata);
    CHECK(decode_picture(bytes, "memory").metadata == original.metadata);
  }
  Picture large = original;
  large.metadata.icc =
      large_profile(300'000);  // five segments of a JPEG, and more than probing reads at first
  const TempFolder folder;
  for (const ImageFormat format : {ImageFormat::png, ImageFormat::jpeg}) {
    write_bytes(folder / "large", encode_picture(large, format));
    CHECK(read_picture(folder / "large").metadata.icc == large.metadata.icc);
    CHECK(probe_image(folder / "large").width == large.image.width);
  }
}

TEST_CASE("picture: what a format cannot carry is told beforehand and left away") {
  const Picture rgb = read_picture(golden_path("icc_exif.png"));
  for (const ImageFormat format : {ImageFormat::bmp, ImageFormat::tga}) {
    CHECK(carried_metadata(rgb, format) == PictureMetadata());
    const Picture back = decode_picture(encode_picture(rgb, format), "memory");
    CHECK(back.image.pixels == rgb.image.pixels);
    CHECK(back.metadata == PictureMetadata());
  }
  const Picture grey = small_picture(exif_block(1), icc_profile());
  CHECK(carried_metadata(grey, ImageFormat::png) == PictureMetadata{exif_block(1), {}});
  CHECK(carried_metadata(grey, ImageFormat::jpeg) == grey.metadata);
  CHECK(decode_picture(encode_picture(grey, ImageFormat::png), "memory").metadata.icc.empty());

  Bytes exif = exif_block(1);
  exif.resize(65527);
  CHECK(decode_picture(encode_picture(small_picture(exif), ImageFormat::jpeg), "memory").metadata.exif ==
        exif);
  exif.resize(65528);
  CHECK(
      decode_picture(encode_picture(small_picture(exif), ImageFormat::jpeg), "memory").metadata.exif.empty());
  CHECK(through_png(exif).metadata.exif == exif);
}

TEST_CASE("picture: an EXIF block is written only if it is a TIFF block") {
  const Bytes with_head = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', '*', 0};
  CHECK_THROWS_WITH(encode_picture(small_picture(with_head), ImageFormat::jpeg),
                    Catch::Contains("EXIF block of 10 bytes that does not begin with II or MM"));
}

TEST_CASE("picture: the thumbnail of the picture before is cut off the EXIF block") {
  const Picture turned = through_png(exif_block(6, 3, 8));
  CHECK(turned.image.pixels == std::vector<std::uint16_t>{200, 100, 0, 250, 150, 50});
  CHECK(turned.metadata.exif == exif_block(1));
}

TEST_CASE("picture: a damaged EXIF block turns nothing and is dropped") {
  const auto upright = small_picture().image.pixels;
  const Bytes whole = exif_block(6);
  for (std::size_t size = 4; size < whole.size() - 4;
       ++size) {  // the place of the next directory may be missing
    CAPTURE(size);
    const Picture cut = through_png({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK(cut.image.pixels == upright);
    CHECK(cut.metadata.exif.empty());
  }
  for (const auto& [at, value] : {std::pair(4, 200), std::pair(7, 255), std::pair(4, 7), std::pair(8, 2)}) {
    CAPTURE(at, value);  // a directory elsewhere, far away or in the head; more entries than bytes
    Bytes block = whole;
    block[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
    CHECK(through_png(block).image.pixels == upright);
    CHECK(through_png(block).metadata.exif.empty());
  }
  for (const int orientation : {0, 9, 255}) {  // of no meaning; the rest of the block may have one
    const Picture picture = through_png(exif_block(static_cast<std::uint8_t>(orientation)));
    CHECK(picture.image.pixels == upright);
    CHECK(picture.metadata.exif == exif_block(1));
  }
  CHECK(through_png(exif_block(6, 4)).image.pixels == upright);  // of another type than the tag has
}

TEST_CASE("picture: in a CMYK JPEG without Adobe's marker 255 is full ink") {
  Bytes bytes = read_file(golden_path("cmyk.jpg"));
  const Bytes marker = {0xff, 0xee, 0, 14, 'A', 'd', 'o', 'b', 'e'};
  const auto at = std::search(bytes.begin(), bytes.end(), marker.begin(), marker.end());
  REQUIRE(at != bytes.end());
  bytes.erase(at, at + 16);
  const Image image = decode_picture(bytes, "memory").image;  // Adobe's 255 was: no black
  CHECK(image.channels == 3);
  CHECK(std::all_of(image.pixels.begin(), image.pixels.end(), [](auto value) { return value == 0; }));
}
