#include "data/detail/jpeg_writer.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "data/detail/jpeg_errors.h"

namespace dg {
namespace {

using Problem = CodecGuard::Problem;

constexpr int kFullColourAbove = 90;  // quality; at and below, colours have half the resolution

// libjpeg fills the buffer and has it taken away.
struct Destination {
  jpeg_destination_mgr base{};  // first: libjpeg hands back a pointer to it
  std::array<std::uint8_t, 1U << 16U> buffer;
  std::vector<std::uint8_t> bytes;
};

Destination& destination_of(j_compress_ptr codec) { return *reinterpret_cast<Destination*>(codec->dest); }

void restart(j_compress_ptr codec) {
  Destination& destination = destination_of(codec);
  destination.base.next_output_byte = destination.buffer.data();
  destination.base.free_in_buffer = destination.buffer.size();
}

void take(j_compress_ptr codec, std::size_t count) {
  Destination& destination = destination_of(codec);
  if (!append_bytes(destination.bytes, destination.buffer.data(), count)) {
    guard_of(reinterpret_cast<j_common_ptr>(codec)).leave(Problem::out_of_memory, "");
  }
}

boolean take_buffer(j_compress_ptr codec) {
  take(codec, destination_of(codec).buffer.size());
  restart(codec);
  return TRUE;
}

void take_rest(j_compress_ptr codec) {
  take(codec, destination_of(codec).buffer.size() - destination_of(codec).base.free_in_buffer);
}

struct JpegOutput {
  JpegOutput() {
    codec.err = guarded_errors(errors);
    codec.client_data = &guard;
    destination.base.init_destination = restart;
    destination.base.empty_output_buffer = take_buffer;
    destination.base.term_destination = take_rest;
  }
  ~JpegOutput() { jpeg_destroy_compress(&codec); }
  JpegOutput(const JpegOutput&) = delete;
  JpegOutput& operator=(const JpegOutput&) = delete;

  CodecGuard guard;
  jpeg_error_mgr errors{};
  Destination destination;
  jpeg_compress_struct codec{};
};

std::vector<std::uint8_t> exif_segment(const std::vector<std::uint8_t>& exif) {
  constexpr std::string_view head("Exif\0\0", 6);
  std::vector<std::uint8_t> segment(head.size() + exif.size());
  std::copy(head.begin(), head.end(), segment.begin());
  std::copy(exif.begin(), exif.end(), segment.begin() + head.size());
  return segment;
}

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const Image& image, const PictureMetadata& metadata, int quality) {
  const bool colour = image.channels >= 3;
  const std::size_t stored = colour ? 3 : 1;
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto width = static_cast<std::size_t>(image.width);
  const std::vector<std::uint8_t> exif = exif_segment(metadata.exif);
  std::vector<std::uint8_t> row(width * stored);

  JpegOutput output;
  jpeg_compress_struct& codec = output.codec;
  const bool written = output.guard.run([&] {
    jpeg_create_compress(&codec);
    codec.dest = &output.destination.base;
    codec.image_width = static_cast<JDIMENSION>(image.width);
    codec.image_height = static_cast<JDIMENSION>(image.height);
    codec.input_components = static_cast<int>(stored);
    codec.in_color_space = colour ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&codec);
    jpeg_set_quality(&codec, quality, TRUE);
    codec.optimize_coding = TRUE;
    if (colour && quality > kFullColourAbove) {
      codec.comp_info[0].h_samp_factor = 1;
      codec.comp_info[0].v_samp_factor = 1;
    }
    jpeg_start_compress(&codec, TRUE);
    if (!metadata.exif.empty()) {
      jpeg_write_marker(&codec, JPEG_APP0 + 1, exif.data(), static_cast<unsigned>(exif.size()));
    }
    if (!metadata.icc.empty()) {
      jpeg_write_icc_profile(&codec, metadata.icc.data(), static_cast<unsigned>(metadata.icc.size()));
    }
    const std::uint16_t* pixel = image.pixels.data();
    for (std::int64_t y = 0; y < image.height; ++y) {
      for (std::size_t x = 0; x < width; ++x, pixel += channels) {
        for (std::size_t c = 0; c < stored; ++c) row[x * stored + c] = static_cast<std::uint8_t>(pixel[c]);
      }
      JSAMPROW source = row.data();
      jpeg_write_scanlines(&codec, &source, 1);
    }
    jpeg_finish_compress(&codec);
  });
  if (!written) output.guard.fail_writing(ImageFormat::jpeg);
  return std::move(output.destination.bytes);
}

}  // namespace dg
