#include "data/detail/blur_pair.h"

#include <cmath>
#include <utility>

#include "data/checksum.h"
#include "data/detail/picture_codec.h"
#include "data/input_file.h"
#include "data/picture.h"
#include "data/scenes.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSceneSalt = 0x7363656E6573212AU;

// Rendered with room for any shake: all variants show one scene, and its borders are not mirrored.
BlurredPicture blur_scene(const BlurDatasetOptions& options, const BlurJob& job, BlurPair& pair) {
  const auto margin = static_cast<std::int64_t>(std::ceil(1.01 * options.blur.shake.max_length)) + 1;
  const Region window{margin, margin, options.scene_width, options.scene_height};
  RandomStream stream(options.seed ^ kSceneSalt, static_cast<std::uint64_t>(job.scene));
  const FloatImage scene = render_scene(window.width + 2 * margin, window.height + 2 * margin, stream);
  pair.sharp = encode_image(to_integer(crop(scene, window.x, window.y, window.width, window.height)),
                            ImageFormat::png);
  return blur_picture(to_integer(scene), window, options.blur, options.seed, pair.record.stream);
}

// The file itself. One that lies on its side and asks to be turned becomes an upright PNG, since programs
// that do not look at EXIF would not find it in place on the blurred picture. Returns the extension.
std::string take_sharp_file(const fs::path& path, std::vector<std::uint8_t>& bytes) {
  bytes = read_file(path);
  if (read_picture_head(bytes, path.string()).orientation == 1) return path.extension().string();
  bytes = encode_picture(decode_picture(bytes, path.string()), ImageFormat::png);
  return ".png";
}

BlurredPicture blur_photograph(const BlurDatasetOptions& options, const fs::path& path,
                               const BlurPair& pair) {
  Picture sharp = decode_picture(pair.sharp, path.string());
  try {
    BlurredPicture blurred = blur_picture(sharp.image, options.blur, options.seed, pair.record.stream);
    blurred.icc = std::move(sharp.metadata.icc);
    return blurred;
  } catch (const Error& error) {
    fail(path.string(), ": ", error.what());
  }
}

BlurredPicture blur_files(const BlurDatasetOptions& options, const BlurJob& job, BlurPair& pair,
                          std::string& extension) {
  BlurRecord& record = pair.record;
  extension = take_sharp_file(job.sharp(), pair.sharp);
  record.source = job.sharp().lexically_relative(options.input).generic_string();
  record.source_crc32 = crc32_of_file(job.sharp());
  record.source_bytes = BlurManifest::source_bytes(job);
  if (options.source == BlurSource::photographs) return blur_photograph(options, job.sharp(), pair);
  for (const fs::path& file : job.files) {
    record.frames.push_back(file.lexically_relative(options.input).generic_string());
  }
  return average_frames(job.files, options.blur.capture, options.seed, record.stream);
}

}  // namespace

// FNV-1a, 64 bits (Fowler, Noll, Vo).
std::uint64_t stream_of(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash;
}

BlurPair make_blur_pair(const BlurDatasetOptions& options, const BlurJob& job, const std::string& split) {
  BlurPair pair;
  BlurRecord& record = pair.record;
  record.name = job.name;
  record.group = job.group;
  record.split = split;
  record.stream = stream_of(job.name);
  std::string extension = ".png";
  const BlurredPicture blurred = options.source == BlurSource::scenes
                                     ? blur_scene(options, job, pair)
                                     : blur_files(options, job, pair, extension);
  pair.blurred = encode_blurred(blurred, options.format);
  if (options.psf) pair.psf = encode_image(psf_picture(blurred.shake), ImageFormat::png);

  const std::string base = split.empty() ? "" : split + "/";
  record.blurred = base + "blurred/" + job.name + (options.format == ImageFormat::jpeg ? ".jpg" : ".png");
  record.sharp = base + "sharp/" + job.name + extension;
  if (options.psf) record.psf = base + "psf/" + job.name + ".png";
  record.blurred_bytes = static_cast<std::int64_t>(pair.blurred.size());
  record.sharp_bytes = static_cast<std::int64_t>(pair.sharp.size());
  record.width = blurred.image.width;
  record.height = blurred.image.height;
  record.length = blurred.shake.length;
  record.psf_size = 2 * blurred.shake.max_radius() + 1;
  record.photons = blurred.photons;
  record.noise = blurred.noise;
  record.jpeg_quality = blurred.jpeg_quality;
  BlurManifest::check_listable(record);
  return pair;
}

}  // namespace dg
