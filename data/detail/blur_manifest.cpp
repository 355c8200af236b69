#include "data/detail/blur_manifest.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

#include "data/atomic_file.h"
#include "data/input_file.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "deblurgan-blur";
constexpr const char* kOptionsFile = "options.json";
constexpr const char* kManifestFile = "manifest.jsonl";
constexpr const char* kLockFile = "lock";  // data/folder_lock.h

// One value, or the two ends.
Json range_json(const ValueRange& range) {
  return range.low == range.high ? Json(range.low) : Json({range.low, range.high});
}

// What decides the pairs, by the names of the program's options. Which pictures there are does not: a data
// set may grow.
Json options_json(const BlurDatasetOptions& o) {
  const bool shakes = o.source != BlurSource::frames;
  Json json;
  json["source"] = o.source == BlurSource::photographs ? "photographs"
                   : o.source == BlurSource::frames    ? "frames"
                                                       : "scenes";
  json["seed"] = o.seed;
  if (shakes) {
    json["min-blur"] = o.blur.shake.min_length;
    json["max-blur"] = o.blur.shake.max_length;
    json["anxiety"] = range_json({o.blur.shake.min_anxiety, o.blur.shake.max_anxiety});
    json["shakes"] = o.blur.shake.shake_rate;
    json["vary"] = o.blur.grid;
    json["count"] = o.variants;
    json["psf"] = o.psf;
  } else {
    json["frames"] = o.frames;
    json["stride"] = o.stride > 0 ? o.stride : o.frames;
  }
  if (o.source == BlurSource::scenes) {
    json["size"] = std::to_string(o.scene_width) + "x" + std::to_string(o.scene_height);
  }
  json["gamma"] = o.blur.capture.gamma == 0.0 ? Json("srgb") : Json(o.blur.capture.gamma);
  json["photons"] = range_json(o.blur.capture.photons);
  json["noise"] = range_json(o.blur.capture.noise);
  json["jpeg"] = range_json(o.blur.capture.jpeg);
  json["split"] = o.train_share;
  json["ext"] = o.format == ImageFormat::jpeg ? "jpg" : "png";
  return json;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

// The first option whose value was another, "--max-blur was 20 and is now 30"; empty if all are the same.
std::string first_difference(const Json& before, const Json& now) {
  for (const auto& [key, value] : now.items()) {
    const auto old = before.find(key);
    if (key == "source" && old != before.end() && *old != value) {
      return "its pairs are of " + text_of(*old) + ", not of " + text_of(value);
    }
    if (old == before.end()) return "--" + key + " is " + text_of(value) + " and was not among its options";
    if (*old != value) return "--" + key + " was " + text_of(*old) + " and is now " + text_of(value);
  }
  return {};
}

Json to_json(const BlurRecord& r) {
  Json json;
  json["name"] = r.name;
  if (!r.split.empty()) json["split"] = r.split;
  json["group"] = r.group;
  json["blurred"] = r.blurred;
  json["blurred_bytes"] = r.blurred_bytes;
  json["sharp"] = r.sharp;
  json["sharp_bytes"] = r.sharp_bytes;
  if (!r.psf.empty()) json["psf"] = r.psf;
  if (!r.source.empty()) {
    json["source"] = r.source;
    json["source_crc32"] = r.source_crc32;
    json["source_bytes"] = r.source_bytes;
  }
  if (r.frames.size() > 1) json["frames"] = r.frames;
  json["stream"] = r.stream;
  json["width"] = r.width;
  json["height"] = r.height;
  if (r.frames.size() <= 1) {
    json["blur"] = r.length;
    json["psf_size"] = r.psf_size;
  }
  json["photons"] = r.photons;
  json["noise"] = r.noise;
  json["jpeg"] = r.jpeg_quality;
  return json;
}

// Throws nlohmann's exceptions for what is not a record.
BlurRecord from_json(const Json& json) {
  BlurRecord r;
  r.name = json.at("name").get<std::string>();
  r.split = json.value("split", "");
  r.group = json.at("group").get<std::string>();
  r.blurred = json.at("blurred").get<std::string>();
  r.blurred_bytes = json.at("blurred_bytes").get<std::int64_t>();
  r.sharp = json.at("sharp").get<std::string>();
  r.sharp_bytes = json.at("sharp_bytes").get<std::int64_t>();
  r.psf = json.value("psf", "");
  r.source = json.value("source", "");
  r.source_crc32 = json.value("source_crc32", "");
  r.source_bytes = json.value("source_bytes", std::int64_t{0});
  r.frames = json.value("frames", std::vector<std::string>{});
  r.stream = json.at("stream").get<std::uint64_t>();
  r.width = json.at("width").get<std::int64_t>();
  r.height = json.at("height").get<std::int64_t>();
  r.length = json.value("blur", 0.0);
  r.psf_size = json.value("psf_size", std::int64_t{0});
  r.photons = json.at("photons").get<double>();
  r.noise = json.at("noise").get<double>();
  r.jpeg_quality = json.at("jpeg").get<int>();
  return r;
}

std::string read_text(const fs::path& path) {
  const std::vector<std::uint8_t> bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

void write_text(const fs::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

std::string line_of(const BlurRecord& record) { return to_json(record).dump() + "\n"; }

bool has_bytes(const fs::path& path, std::int64_t bytes) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  return !error && static_cast<std::int64_t>(size) == bytes;
}

}  // namespace

BlurManifest::BlurManifest(const BlurDatasetOptions& options) : folder_(options.output) {
  remove_stale_temporaries(folder_);
  if (fs::exists(folder_ / kOptionsFile)) {
    open_existing(options);
  } else {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_)) {
      check(entry.path().filename() == kLockFile, folder_.string(), ": holds ",
            entry.path().filename().string(), " and no ", kOptionsFile,
            ", so it is no folder of deblurgan-blur; give a new or empty folder");
    }
  }
  Json file{{"format", kFormat}, {"version", 1}, {"input", options.input.generic_string()}};
  file["options"] = options_json(options);
  write_text(folder_ / kOptionsFile, file.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  read_records();
  rewrite();
}

void BlurManifest::open_existing(const BlurDatasetOptions& options) {
  const fs::path path = folder_ / kOptionsFile;
  const Json json = Json::parse(read_text(path), nullptr, false);
  check(json.is_object() && json.value("format", Json()) == kFormat && json.contains("options") &&
            json["options"].is_object(),
        path.string(), ": is not the work of ", kFormat, "; give a new or empty folder");
  if (options.overwrite) {
    for (const fs::path& base : {folder_, folder_ / "train", folder_ / "test"}) {
      for (const char* name : {"blurred", "sharp", "psf"}) fs::remove_all(base / name);
    }
    fs::remove(folder_ / kManifestFile);
    return;
  }
  const std::string difference = first_difference(json["options"], options_json(options));
  check(difference.empty(), folder_.string(), ": was made with other options: ", difference,
        "; choose another folder, or give --overwrite to delete its pairs and start anew");
}

void BlurManifest::read_records() {
  const fs::path path = folder_ / kManifestFile;
  if (!fs::exists(path)) return;
  const std::string text = read_text(path);
  std::string_view rest = text;
  for (std::int64_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return;  // a killed process was writing; its pair is made again
    try {
      BlurRecord record = from_json(Json::parse(rest.substr(0, end)));
      records_[record.name] = std::move(record);
    } catch (const nlohmann::json::exception&) {
      fail(path.string(), ": line ", line, " is damaged; give --overwrite to start anew");
    }
    rest.remove_prefix(end + 1);
  }
}

bool BlurManifest::has(const BlurJob& job) const {
  const auto it = records_.find(job.name);
  if (it == records_.end()) return false;
  const BlurRecord& record = it->second;
  std::error_code ignored;
  if (!record.psf.empty() && !fs::is_regular_file(folder_ / record.psf, ignored)) return false;
  return has_bytes(folder_ / record.blurred, record.blurred_bytes) &&
         has_bytes(folder_ / record.sharp, record.sharp_bytes) && source_bytes(job) == record.source_bytes;
}

void BlurManifest::check_listable(const BlurRecord& record) {
  try {
    line_of(record);
  } catch (const nlohmann::json::exception&) {
    fail(record.name, ": its name is not UTF-8, as the manifest has to be; rename it");
  }
}

std::int64_t BlurManifest::source_bytes(const BlurJob& job) {
  std::int64_t bytes = 0;
  for (const fs::path& file : job.files) bytes += InputFile(file).size();
  return bytes;
}

void BlurManifest::add(const BlurRecord& record) {
  records_[record.name] = record;
  lines_ << line_of(record) << std::flush;
  check(lines_.good(), (folder_ / kManifestFile).string(),
        ": cannot be written; free some space and run the command again");
}

void BlurManifest::rewrite() {
  std::string text;
  for (const auto& [name, record] : records_) text += line_of(record);
  lines_.close();
  write_text(folder_ / kManifestFile, text);
  lines_.open(folder_ / kManifestFile, std::ios::app);
  check(lines_.good(), (folder_ / kManifestFile).string(), ": cannot be opened; check its permissions");
}

}  // namespace dg
