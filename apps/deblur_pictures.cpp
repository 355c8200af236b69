#include "apps/deblur_pictures.h"

#include <chrono>
#include <filesystem>
#include <fmt/core.h>
#include <new>
#include <span>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "apps/common.h"
#include "data/atomic_file.h"
#include "data/image.h"
#include "kernels/check.h"
#include "kernels/host_memory.h"

namespace dg::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxStdinBytes = std::size_t{1} << 31;

FloatImage to_rgb_float(const Image& image) { return to_rgb(to_float(image)); }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

const char* name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::png: return "PNG";
    case ImageFormat::jpeg: return "JPEG";
    case ImageFormat::bmp: return "BMP";
    case ImageFormat::tga: return "TGA";
  }
  return "the format";
}

std::vector<std::uint8_t> encode(const fs::path& path, const Picture& picture, ImageFormat format,
                                 const EncodeOptions& options) {
  try {
    return encode_picture(picture, format, options);
  } catch (const Error& error) {
    fail(path == kStandardStream ? "standard output" : path.string(), ": ", error.what());
  }
}

// Where the disk or the reader says no, the pictures that follow would fare no better.
void write(const fs::path& path, std::span<const std::uint8_t> bytes, const std::stop_token& stop) {
  if (interrupted()) throw Interrupted("interrupted");
  try {
    if (path == kStandardStream) {
      PipeOutput(STDOUT_FILENO, "standard output").write(std::as_bytes(bytes), stop);
      return;
    }
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    write_file_atomically(path, std::as_bytes(bytes));
  } catch (const ClosedByReader& closed) {
    throw OutputClosed(closed.what());
  } catch (const Error& error) {
    throw EndsPipeline(error.what());
  } catch (const fs::filesystem_error& error) {
    throw EndsPipeline(path.string() + ": its folder cannot be created: " + error.code().message() +
                       "; choose another -o");
  }
}

// The sharp picture as RGB, of the size of `image`.
FloatImage read_sharp(const fs::path& path, const Image& image) {
  const Image sharp = read_image(path);
  check(sharp.width == image.width && sharp.height == image.height, path.string(), ": has ", sharp.width, "x",
        sharp.height, " pixels, the blurred picture has ", image.width, "x", image.height,
        "; give the sharp picture of the same size");
  return to_rgb_float(sharp);
}

// What the user loses by the choice of the format.
std::vector<std::string> losses(const DeblurJob& job, const Picture& picture, ImageFormat format) {
  const PictureMetadata carried = carried_metadata(picture, format);
  std::string lost;
  if (carried.exif != picture.metadata.exif) lost = "EXIF data";
  if (carried.icc != picture.metadata.icc) lost += lost.empty() ? "colour profile" : " and colour profile";
  if (lost.empty()) return {};
  const bool carries_none = format == ImageFormat::bmp || format == ImageFormat::tga;
  return {fmt::format("{}: its {} cannot be kept in {}{}", job.input.string(), lost, name_of(format),
                      carries_none ? "; PNG and JPEG carry both" : "")};
}

}  // namespace

// ---- in ----

std::optional<NamedPicture> JobSource::next(const std::stop_token& stop) {
  if (next_ == jobs_.size()) return std::nullopt;
  if (interrupted()) throw Interrupted("interrupted");
  const DeblurJob& job = jobs_[next_++];
  const std::string name = job.input == kStandardStream ? "standard input" : job.input.string();
  try {
    if (job.input != kStandardStream) return NamedPicture{name, read_picture(job.input)};
    const std::vector<std::uint8_t> bytes = standard_input_.read_all(kMaxStdinBytes, stop);
    check(!bytes.empty(), name, ": is empty, expected a picture; check the program before the pipe");
    stdin_format_ = picture_format(bytes);
    return NamedPicture{name, decode_picture(bytes, name)};
  } catch (const std::bad_alloc&) {
    fail(name, ": not enough memory; close other programs or make the picture smaller");
  }
}

// ---- out ----

ImageFormat JobSink::output_format(const DeblurJob& job) const {
  if (job.output != kStandardStream) return image_format_of(job.output);
  const std::string& extension = arguments_.plan.extension;
  if (extension != "keep") return image_format_of("result." + extension);
  return job.input == kStandardStream ? source_.stdin_format() : image_format_of(job.input);
}

void JobSink::put(RestoredPicture picture, const std::stop_token& stop) {
  const DeblurJob& job = jobs_[static_cast<std::size_t>(picture.index)];
  const ImageFormat format = output_format(job);
  const EncodeOptions options{.jpeg_quality = arguments_.jpeg_quality};
  const Picture restored{std::move(picture.restored), picture.blurred.metadata};

  const auto encoding = std::chrono::steady_clock::now();
  write(job.output, encode(job.output, restored, format, options), stop);
  PictureReport done{.input = job.input.string(),
                     .output = job.output.string(),
                     .width = restored.image.width,
                     .height = restored.image.height,
                     .channels = restored.image.channels,
                     .bit_depth = restored.image.bit_depth,
                     .decode_seconds = picture.decode_seconds,
                     .restore_seconds = picture.restore_seconds,
                     .encode_seconds = seconds_since(encoding),
                     .batch = picture.together,
                     .plan = picture.plan};
  done.notes = losses(job, restored, format);
  if (!arguments_.plan.sharp.empty() || !job.compare.empty())
    done.scores = compare(job, picture.blurred, restored, stop);
  done.peak_bytes = peak_resident_memory();
  tell_report(std::move(done));
}

void JobSink::tell_report(PictureReport picture) {
  try {
    report_.add(std::move(picture));
  } catch (const ClosedByReader& closed) {
    throw OutputClosed(closed.what());
  }
}

// The strip, and the scores where there is a sharp picture to compare with.
std::optional<Comparison> JobSink::compare(const DeblurJob& job, const Picture& blurred,
                                           const Picture& restored, const std::stop_token& stop) const {
  std::vector<FloatImage> strip{to_rgb_float(blurred.image), to_rgb_float(restored.image)};
  std::optional<Comparison> scores;
  const fs::path& sharp = arguments_.plan.sharp;
  if (!sharp.empty()) {
    strip.push_back(read_sharp(sharp_partner(job, sharp), blurred.image));
    scores = Comparison{score(strip[0], strip[2]), score(strip[1], strip[2])};
  }
  if (!job.compare.empty()) {
    const Picture side{to_integer(side_by_side(strip)), {.exif = {}, .icc = restored.metadata.icc}};
    write(job.compare, encode(job.compare, side, ImageFormat::png, {}), stop);
  }
  return scores;
}

void JobSink::failed(std::int64_t index, const std::string& why) {
  const DeblurJob& job = jobs_[static_cast<std::size_t>(index)];
  tell_report({.input = job.input.string(), .failure = why});
}

}  // namespace dg::apps
