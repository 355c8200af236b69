#include "data/image_io.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>
#include <utility>

#include "data/atomic_file.h"
#include "data/detail/orientation.h"
#include "data/detail/picture_codec.h"
#include "data/input_file.h"
#include "data/picture.h"
#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::int64_t kProbeBytes = 1 << 18;  // headers fit, but for a photograph with huge metadata

constexpr std::array<std::pair<std::string_view, ImageFormat>, 5> kExtensions = {
    {{".png", ImageFormat::png},
     {".jpg", ImageFormat::jpeg},
     {".jpeg", ImageFormat::jpeg},
     {".bmp", ImageFormat::bmp},
     {".tga", ImageFormat::tga}}};

std::optional<ImageFormat> format_by_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto* found = std::find_if(kExtensions.begin(), kExtensions.end(),
                                   [&](const auto& entry) { return entry.first == extension; });
  return found == kExtensions.end() ? std::nullopt : std::optional(found->second);
}

// From the beginning of the file, or, where its head is longer, from all of it.
PictureHead head_of_file(const std::filesystem::path& path) {
  const std::vector<std::uint8_t> beginning = read_file(path, kProbeBytes);
  try {
    return read_picture_head(beginning, path.string());
  } catch (const Error&) {
    if (static_cast<std::int64_t>(beginning.size()) < kProbeBytes) throw;
  }
  return read_picture_head(read_file(path), path.string());
}

}  // namespace

bool is_image_path(const std::filesystem::path& path) { return format_by_extension(path).has_value(); }

ImageFormat image_format_of(const std::filesystem::path& path) {
  const auto format = format_by_extension(path);
  check(format.has_value(), path.string(), ": has the extension '", path.extension().string(),
        "', expected .png, .jpg, .jpeg, .bmp or .tga; rename the output");
  return *format;
}

Image decode_image(std::span<const std::uint8_t> bytes, const std::string& name) {
  return decode_picture(bytes, name).image;
}

Image read_image(const std::filesystem::path& path) { return read_picture(path).image; }

ImageInfo probe_image(const std::filesystem::path& path) {
  const PictureHead head = head_of_file(path);
  ImageInfo info = head.info;
  if (swaps_sides(head.orientation)) std::swap(info.width, info.height);
  return info;
}

std::vector<std::uint8_t> encode_image(const Image& image, ImageFormat format, const EncodeOptions& options) {
  return encode_pixels(image, {}, format, options);
}

void write_image(const std::filesystem::path& path, const Image& image, const EncodeOptions& options) {
  const ImageFormat format = image_format_of(path);
  std::vector<std::uint8_t> bytes;
  try {
    bytes = encode_image(image, format, options);
  } catch (const Error& error) {
    fail(path.string(), ": ", error.what());
  }
  write_file_atomically(path, std::as_bytes(std::span(bytes)));
}

}  // namespace dg
