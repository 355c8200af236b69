// Decoding by stb_image after checks that it does not make; encoding by stb_image_write (JPEG, BMP, TGA) and
// our own PNG writer, since stb's has no 16 bits.
#include "data/image_io.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "data/atomic_file.h"
#include "data/detail/image_format.h"
#include "data/detail/png_encoder.h"
#include "data/input_file.h"
#include "kernels/check.h"

// Static: a program that brings its own copy of stb must not clash with ours.
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#include <stb/stb_image.h>
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>

namespace dg {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::int64_t kProbeBytes = 1 << 18;  // headers fit, but for a photograph with huge metadata

constexpr std::array<std::pair<std::string_view, ImageFormat>, 5> kExtensions = {
    {{".png", ImageFormat::png},
     {".jpg", ImageFormat::jpeg},
     {".jpeg", ImageFormat::jpeg},
     {".bmp", ImageFormat::bmp},
     {".tga", ImageFormat::tga}}};

const char* name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::png: return "PNG";
    case ImageFormat::jpeg: return "JPEG";
    case ImageFormat::bmp: return "BMP";
    case ImageFormat::tga: return "TGA";
  }
  return "unknown";
}

std::optional<ImageFormat> format_by_extension(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto* found = std::find_if(kExtensions.begin(), kExtensions.end(),
                                   [&](const auto& entry) { return entry.first == extension; });
  return found == kExtensions.end() ? std::nullopt : std::optional(found->second);
}

// Header only. Nothing if the bytes do not hold a header that can be decoded; header_problem() then says why.
std::optional<ImageInfo> header_of(Bytes bytes, ImageFormat format) {
  if (format == ImageFormat::png) return png_header(bytes);
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), INT32_MAX));
  if (stbi_info_from_memory(bytes.data(), size, &width, &height, &channels) == 0) return std::nullopt;
  return ImageInfo{width, height, channels, 8};
}

const char* header_problem(ImageFormat format) {
  return format == ImageFormat::png ? "no pixel data" : stbi_failure_reason();
}

void check_size(const ImageInfo& info, const std::string& name) {
  check(info.width > 0 && info.height > 0 && info.width <= kMaxImagePixels / info.height, name, ": claims ",
        info.width, "x", info.height,
        " pixels, expected at least one and at most 2^28; the file is damaged or has to be cut up");
}

void check_not_empty(Bytes bytes, const std::string& name) {
  check(!bytes.empty(), name, ": is empty, expected an image; copy the file again");
}

[[noreturn]] void fail_undecodable(const std::string& name, ImageFormat format, const char* reason) {
  if (format == ImageFormat::tga) fail(name, ": is not a PNG, JPEG, BMP or TGA image; convert it to PNG");
  fail(name, ": cannot be decoded as ", name_of(format), " (", reason, "); save it again as PNG");
}

void check_whole(Bytes bytes, ImageFormat format, const std::string& name) {
  const std::string damage = find_damage(bytes, format);
  check(damage.empty(), name, ": is damaged: ", damage, "; copy or save the file again");
}

void check_encodable(const Image& image, ImageFormat format, const EncodeOptions& options) {
  check(image.width > 0 && image.height > 0 && image.channels >= 1 && image.channels <= 4 &&
            static_cast<std::int64_t>(image.pixels.size()) == image.numel() &&
            (image.bit_depth == 8 || image.bit_depth == 16),
        "encode_image: got ", image.width, "x", image.height, ", ", image.channels, " channels, ",
        image.bit_depth, " bits and ", image.pixels.size(),
        " values, expected 1 to 4 channels of 8 or 16 bits and all values");
  check(image.width <= kMaxImagePixels / image.height, "encode_image: got ", image.width, "x", image.height,
        " pixels, expected at most 2^28; cut the image up");
  const std::uint16_t largest = *std::max_element(image.pixels.begin(), image.pixels.end());
  check(largest <= image.max_value(), "encode_image: got a value of ", largest, " in an image of ",
        image.bit_depth, " bits, expected at most ", image.max_value(),
        "; set bit_depth to 16 or scale the values");
  if (format == ImageFormat::png) return;
  check(image.bit_depth == 8, "encode_image: ", name_of(format),
        " stores 8 bits per channel, got an image of ", image.bit_depth,
        "; use PNG or convert the image to 8 bits");
  check(format == ImageFormat::bmp || (image.width <= 65535 && image.height <= 65535),
        "encode_image: ", name_of(format), " holds at most 65535 pixels per side, got ", image.width, "x",
        image.height, "; use PNG");
  if (format != ImageFormat::jpeg) return;
  check(options.jpeg_quality >= 1 && options.jpeg_quality <= 100, "encode_image: got JPEG quality ",
        options.jpeg_quality, ", expected 1 to 100");
  check(!image.has_alpha() || options.drop_alpha,
        "encode_image: JPEG cannot store the alpha channel; use PNG or ask for alpha to be dropped");
}

// The channels listed in `sources`, as bytes.
std::vector<std::uint8_t> pick_channels(const Image& image, const std::vector<int>& sources) {
  std::vector<std::uint8_t> result;
  result.reserve(static_cast<std::size_t>(image.width * image.height) * sources.size());
  for (std::size_t at = 0; at < image.pixels.size(); at += static_cast<std::size_t>(image.channels)) {
    for (const int c : sources) {
      result.push_back(static_cast<std::uint8_t>(image.pixels[at + static_cast<std::size_t>(c)]));
    }
  }
  return result;
}

std::vector<int> stored_channels(const Image& image, ImageFormat format) {
  if (format == ImageFormat::jpeg && image.channels == 2) return {0};
  if (format == ImageFormat::jpeg && image.channels == 4) return {0, 1, 2};
  if (format == ImageFormat::bmp && image.channels == 2) return {0, 0, 0, 1};  // stb would lose the alpha
  const std::vector<int> all = {0, 1, 2, 3};
  return {all.begin(), all.begin() + image.channels};
}

}  // namespace

bool is_image_path(const std::filesystem::path& path) { return format_by_extension(path).has_value(); }

ImageFormat image_format_of(const std::filesystem::path& path) {
  const auto format = format_by_extension(path);
  check(format.has_value(), path.string(), ": has the extension '", path.extension().string(),
        "', expected .png, .jpg, .jpeg, .bmp or .tga; rename the output");
  return *format;
}

Image decode_image(Bytes bytes, const std::string& name) {
  check_not_empty(bytes, name);
  check(bytes.size() <= INT32_MAX, name, ": has ", bytes.size(),
        " bytes, expected less than 2 GiB; save it compressed");
  const ImageFormat format = sniff_image_format(bytes);
  if (format != ImageFormat::tga) check_whole(bytes, format, name);
  const auto info = header_of(bytes, format);
  if (!info) fail_undecodable(name, format, header_problem(format));
  check_size(*info, name);
  if (format == ImageFormat::tga) check_whole(bytes, format, name);

  int width = 0;
  int height = 0;
  int channels = 0;
  const auto size = static_cast<int>(bytes.size());
  Image image;
  const auto take = [&](auto* decoded) {
    if (decoded == nullptr && std::string_view(stbi_failure_reason()) == "outofmem") throw std::bad_alloc();
    if (decoded == nullptr) fail_undecodable(name, format, stbi_failure_reason());
    const std::unique_ptr<void, decltype(&stbi_image_free)> owner(decoded, stbi_image_free);
    image = {width, height, channels, info->bit_depth, {}};
    image.pixels.assign(decoded, decoded + image.numel());
  };
  try {
    if (info->bit_depth == 16) {
      take(stbi_load_16_from_memory(bytes.data(), size, &width, &height, &channels, 0));
    } else {
      take(stbi_load_from_memory(bytes.data(), size, &width, &height, &channels, 0));
    }
  } catch (const std::bad_alloc&) {
    fail(name, ": not enough memory for its ", info->width, "x", info->height,
         " pixels; cut the picture up, ", "load fewer at the same time, or close other programs");
  }
  return image;
}

Image read_image(const std::filesystem::path& path) { return decode_image(read_file(path), path.string()); }

ImageInfo probe_image(const std::filesystem::path& path) {
  std::optional<ImageInfo> info;
  ImageFormat format = ImageFormat::tga;
  for (const std::int64_t limit : {kProbeBytes, INT64_MAX}) {
    const std::vector<std::uint8_t> bytes = read_file(path, limit);
    check_not_empty(bytes, path.string());
    format = sniff_image_format(bytes);
    info = header_of(bytes, format);
    if (info || static_cast<std::int64_t>(bytes.size()) < limit) break;
  }
  if (!info) fail_undecodable(path.string(), format, header_problem(format));
  check_size(*info, path.string());
  return *info;
}

std::vector<std::uint8_t> encode_image(const Image& image, ImageFormat format, const EncodeOptions& options) {
  check_encodable(image, format, options);
  if (format == ImageFormat::png) return encode_png(image);
  const std::vector<int> sources = stored_channels(image, format);
  const std::vector<std::uint8_t> values = pick_channels(image, sources);
  const auto width = static_cast<int>(image.width);
  const auto height = static_cast<int>(image.height);
  const auto channels = static_cast<int>(sources.size());
  std::vector<std::uint8_t> out;
  const auto append = [](void* context, void* data, int size) {
    const auto* begin = static_cast<const std::uint8_t*>(data);
    auto* target = static_cast<std::vector<std::uint8_t>*>(context);
    target->insert(target->end(), begin, begin + size);
  };
  int written = 0;
  switch (format) {
    case ImageFormat::png: break;
    case ImageFormat::jpeg:
      written =
          stbi_write_jpg_to_func(append, &out, width, height, channels, values.data(), options.jpeg_quality);
      break;
    case ImageFormat::bmp:
      written = stbi_write_bmp_to_func(append, &out, width, height, channels, values.data());
      break;
    case ImageFormat::tga:
      written = stbi_write_tga_to_func(append, &out, width, height, channels, values.data());
      break;
  }
  check(written != 0, "encode_image: the ", name_of(format), " encoder refused ", width, "x", height,
        " pixels with ", channels, " channels; use PNG");
  return out;
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
