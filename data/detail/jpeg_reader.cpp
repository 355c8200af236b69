// JPEG (ITU-T T.81); EXIF in APP1 (CIPA DC-008), ICC in APP2 (ICC.1:2022, annex B.4), Adobe's APP14 for CMYK.
#include "data/detail/jpeg_reader.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "data/detail/jpeg_errors.h"

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Problem = CodecGuard::Problem;

// Encoders write ten. Thousands of empty ones over a large picture would cost hours.
constexpr int kMaxScans = 100;

struct JpegFile {
  explicit JpegFile(Bytes all) : bytes(all) {
    // Fill bytes before the start marker, which libjpeg does not expect.
    const auto marker =
        std::find_if(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte != 0xff; });
    const auto fill = std::max<std::ptrdiff_t>(marker - bytes.begin() - 1, 0);
    bytes = bytes.subspan(static_cast<std::size_t>(fill));
    codec.err = guarded_errors(errors);
    codec.client_data = &guard;
  }
  ~JpegFile() { jpeg_destroy_decompress(&codec); }
  JpegFile(const JpegFile&) = delete;
  JpegFile& operator=(const JpegFile&) = delete;

  Bytes bytes;
  CodecGuard guard;
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct codec{};
};

void refuse_endless_scans(j_common_ptr codec) {
  if (reinterpret_cast<j_decompress_ptr>(codec)->input_scan_number > kMaxScans) {
    guard_of(codec).leave(Problem::undecodable, "more than 100 scans");
  }
}

bool is_cmyk(const jpeg_decompress_struct& codec) {
  return codec.jpeg_color_space == JCS_CMYK || codec.jpeg_color_space == JCS_YCCK;
}

// Up to the first scan. To be run inside the guard.
void open_jpeg(JpegFile& file) {
  jpeg_create_decompress(&file.codec);
  file.progress.progress_monitor = refuse_endless_scans;
  file.codec.progress = &file.progress;
  jpeg_save_markers(&file.codec, JPEG_APP0 + 1, 0xffff);
  jpeg_save_markers(&file.codec, JPEG_APP0 + 2, 0xffff);
  jpeg_mem_src(&file.codec, file.bytes.data(), file.bytes.size());
  jpeg_read_header(&file.codec, TRUE);
  if (file.codec.jpeg_color_space == JCS_UNKNOWN) {
    file.guard.leave(Problem::undecodable, "neither grey, RGB nor CMYK");
  }
}

// Throws Error if the head cannot be read.
void open(JpegFile& file, const std::string& name) {
  if (file.guard.run([&] { open_jpeg(file); })) return;
  // libjpeg stops at 65,500 pixels per side; what is far beyond gets the sentence for it.
  if (file.codec.image_width > 0 && file.codec.image_height > 0) {
    check_size({file.codec.image_width, file.codec.image_height, 3, 8}, name);
  }
  file.guard.fail_reading(name, ImageFormat::jpeg);
}

std::vector<std::uint8_t> exif_of(const jpeg_decompress_struct& codec) {
  constexpr std::string_view head("Exif\0\0", 6);
  for (jpeg_saved_marker_ptr marker = codec.marker_list; marker != nullptr; marker = marker->next) {
    const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
    if (marker->marker != JPEG_APP0 + 1 || !data.starts_with(head)) continue;
    return {marker->data + head.size(), marker->data + marker->data_length};
  }
  return {};
}

std::vector<std::uint8_t> icc_of(JpegFile& file) {
  if (is_cmyk(file.codec)) return {};
  JOCTET* bytes = nullptr;
  unsigned size = 0;
  const bool read = file.guard.run([&] { jpeg_read_icc_profile(&file.codec, &bytes, &size); });
  const std::unique_ptr<JOCTET, decltype(&std::free)> owner(bytes, std::free);
  return read && bytes != nullptr ? std::vector<std::uint8_t>(bytes, bytes + size)
                                  : std::vector<std::uint8_t>();
}

// Ink to light: what no ink lets through. Adobe stores 255 for no ink, others 0.
void cmyk_to_rgb(const std::vector<std::uint8_t>& cmyk, bool adobe, std::vector<std::uint16_t>& rgb) {
  const unsigned flip = adobe ? 0 : 255;
  for (std::size_t at = 0; at < cmyk.size(); at += 4) {
    const unsigned key = cmyk[at + 3] ^ flip;
    for (std::size_t c = 0; c < 3; ++c) {
      rgb.push_back(static_cast<std::uint16_t>(((cmyk[at + c] ^ flip) * key + 127) / 255));
    }
  }
}

}  // namespace

PictureHead read_jpeg_head(Bytes bytes, const std::string& name) {
  JpegFile file(bytes);
  open(file, name);
  const int channels = file.codec.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3;
  const ImageInfo info{file.codec.image_width, file.codec.image_height, channels, 8};
  return {ImageFormat::jpeg, info, 1, {exif_of(file.codec), icc_of(file)}};
}

Image decode_jpeg(Bytes bytes, const std::string& name) {
  JpegFile file(bytes);
  open(file, name);
  jpeg_decompress_struct& codec = file.codec;
  const bool cmyk = is_cmyk(codec);
  const bool grey = codec.jpeg_color_space == JCS_GRAYSCALE;
  codec.out_color_space = cmyk ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;

  Image image{codec.image_width, codec.image_height, grey ? 1 : 3, 8, {}};
  // Not filled with zeros: of what a hostile head claims, the system gives only what the file has pixels for.
  image.pixels.reserve(static_cast<std::size_t>(image.numel()));
  std::vector<std::uint8_t> row(static_cast<std::size_t>(image.width) * (cmyk ? 4 : grey ? 1 : 3));
  const bool whole = file.guard.run([&] {
    jpeg_start_decompress(&codec);
    while (codec.output_scanline < codec.output_height) {
      JSAMPROW target = row.data();
      jpeg_read_scanlines(&codec, &target, 1);
      if (cmyk) {
        cmyk_to_rgb(row, codec.saw_Adobe_marker != 0, image.pixels);
      } else {
        image.pixels.insert(image.pixels.end(), row.begin(), row.end());
      }
    }
    jpeg_finish_decompress(&codec);
  });
  if (!whole) file.guard.fail_reading(name, ImageFormat::jpeg);
  return image;
}

}  // namespace dg
