#include "data/detail/png_reader.h"

#include <memory>
#include <png.h>

#include "data/detail/codec_guard.h"

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Problem = CodecGuard::Problem;

// Passed over, for they may be compressed and unfold to gigabytes. Four letters and 0 each.
constexpr png_byte kUnreadChunks[] = "tEXt\0zTXt\0iTXt\0sPLT";

struct PngFile {
  explicit PngFile(Bytes bytes) : left(bytes) {}
  ~PngFile() { png_destroy_read_struct(&png, &info, nullptr); }
  PngFile(const PngFile&) = delete;
  PngFile& operator=(const PngFile&) = delete;

  CodecGuard guard;
  Bytes left;  // not read yet
  png_structp png = nullptr;
  png_infop info = nullptr;
};

// libpng names the chunk first: "IDAT: CRC error".
[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto& guard = *static_cast<CodecGuard*>(png_get_error_ptr(png));
  const std::string_view text(message);
  if (text.ends_with("CRC error")) guard.leave(Problem::damaged, "the checksum of a PNG chunk is wrong");
  guard.leave(text == "Out of memory" ? Problem::out_of_memory : Problem::undecodable, text);
}

// Of what loses no pixels: chunks in the wrong place, colour information that contradicts itself.
void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep into, std::size_t count) {
  auto& file = *static_cast<PngFile*>(png_get_io_ptr(png));
  if (count > file.left.size()) {
    file.guard.leave(Problem::damaged, "the file ends before the end of the PNG");
  }
  std::copy_n(file.left.begin(), count, into);
  file.left = file.left.subspan(count);
}

// Reads up to the pixels. To be run inside the guard, as all that follows with a raw png_structp.
void open_png(PngFile& file) {
  file.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &file.guard, on_error, on_warning);
  if (file.png != nullptr) file.info = png_create_info_struct(file.png);
  if (file.info == nullptr) file.guard.leave(Problem::out_of_memory, "");
  png_set_read_fn(file.png, &file, read_bytes);
  png_set_user_limits(file.png, kMaxImagePixels, kMaxImagePixels);
  png_set_crc_action(file.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
  png_set_benign_errors(file.png, 1);
  png_set_keep_unknown_chunks(file.png, PNG_HANDLE_CHUNK_NEVER, kUnreadChunks, sizeof kUnreadChunks / 5);
  png_read_info(file.png, file.info);
}

ImageInfo info_of(const PngFile& file) {
  ImageInfo info;
  info.width = png_get_image_width(file.png, file.info);
  info.height = png_get_image_height(file.png, file.info);
  info.bit_depth = png_get_bit_depth(file.png, file.info) == 16 ? 16 : 8;
  const unsigned colour_type = png_get_color_type(file.png, file.info);
  info.channels = (colour_type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1;
  const bool transparent_colour = png_get_valid(file.png, file.info, PNG_INFO_tRNS) != 0;
  if ((colour_type & PNG_COLOR_MASK_ALPHA) != 0 || transparent_colour) ++info.channels;
  return info;
}

PictureMetadata metadata_of(PngFile& file) {
  PictureMetadata metadata;
  png_charp profile_name = nullptr;
  int compression = 0;
  png_bytep bytes = nullptr;
  png_uint_32 size = 0;
  if (png_get_iCCP(file.png, file.info, &profile_name, &compression, &bytes, &size) != 0) {
    metadata.icc.assign(bytes, bytes + size);
  }
  if (png_get_eXIf_1(file.png, file.info, &size, &bytes) != 0) metadata.exif.assign(bytes, bytes + size);
  return metadata;
}

}  // namespace

PictureHead read_png_head(Bytes bytes, const std::string& name) {
  PngFile file(bytes);
  if (!file.guard.run([&] { open_png(file); })) file.guard.fail_reading(name, ImageFormat::png);
  return {ImageFormat::png, info_of(file), 1, metadata_of(file)};
}

Image decode_png(Bytes bytes, const std::string& name) {
  PngFile file(bytes);
  if (!file.guard.run([&] { open_png(file); })) file.guard.fail_reading(name, ImageFormat::png);
  const ImageInfo info = info_of(file);
  const std::size_t value_bytes = info.bit_depth == 16 ? 2 : 1;
  const auto values = static_cast<std::size_t>(info.width * info.height * info.channels);
  const std::size_t row_bytes = values / static_cast<std::size_t>(info.height) * value_bytes;
  // Not filled with zeros: of what a hostile head claims, the system gives only what the file has pixels for.
  const auto stored = std::make_unique_for_overwrite<std::uint8_t[]>(values * value_bytes);

  const bool whole = file.guard.run([&] {
    png_set_expand(file.png);
    const int passes = png_set_interlace_handling(file.png);
    png_read_update_info(file.png, file.info);
    if (png_get_rowbytes(file.png, file.info) != row_bytes) png_error(file.png, "rows of unexpected length");
    for (int pass = 0; pass < passes; ++pass) {
      png_bytep row = stored.get();
      for (std::int64_t y = 0; y < info.height; ++y, row += row_bytes) png_read_row(file.png, row, nullptr);
    }
    png_read_end(file.png, nullptr);
  });
  if (!whole) file.guard.fail_reading(name, ImageFormat::png);

  Image image{info.width, info.height, info.channels, info.bit_depth, {}};
  if (value_bytes == 1) {
    image.pixels.assign(stored.get(), stored.get() + values);
    return image;
  }
  image.pixels.resize(values);
  for (std::size_t i = 0; i < values; ++i) {
    image.pixels[i] = static_cast<std::uint16_t>(stored[2 * i] << 8U | stored[2 * i + 1]);
  }
  return image;
}

}  // namespace dg
