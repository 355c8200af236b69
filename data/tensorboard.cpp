#include "data/tensorboard.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <unistd.h>

#include "data/checksum.h"
#include "data/detail/protobuf_writer.h"
#include "kernels/check.h"

namespace dg {
namespace {

namespace fs = std::filesystem;
using protobuf::put_bytes;
using protobuf::put_double;
using protobuf::put_float;
using protobuf::put_int;
using protobuf::put_little_endian;

// ---- the numbers of the fields ----

namespace event {
constexpr unsigned kWallTime = 1, kStep = 2, kFileVersion = 3, kSummary = 5, kSessionLog = 7;
}
namespace session {
constexpr unsigned kStatus = 1;
constexpr std::int64_t kStart = 1;
}  // namespace session
namespace summary {
constexpr unsigned kValue = 1, kTag = 1, kNumber = 2, kImage = 4, kTensor = 8, kMetadata = 9;
}
namespace image {
constexpr unsigned kHeight = 1, kWidth = 2, kColours = 3, kFile = 4;
constexpr std::int64_t kRgb = 3;
}  // namespace image
namespace metadata {
constexpr unsigned kPlugin = 1, kPluginName = 1, kDataClass = 4;
constexpr std::int64_t kTensor = 2;
}  // namespace metadata
namespace tensor {
constexpr unsigned kType = 1, kShape = 2, kStrings = 8;
constexpr std::int64_t kString = 7;
}  // namespace tensor

// ---- messages ----

std::string event_at(std::int64_t step) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string message;
  put_double(message, event::kWallTime, std::chrono::duration<double>(now).count());
  put_int(message, event::kStep, step);
  return message;
}

// Adds a Summary.Value to a Summary; `content` is that value without its tag.
void put_value(std::string& summary_message, std::string_view tag, const std::string& content) {
  std::string value;
  put_bytes(value, summary::kTag, tag);
  put_bytes(summary_message, summary::kValue, value + content);
}

std::string summary_at(std::int64_t step, const std::string& summary_message) {
  std::string message = event_at(step);
  put_bytes(message, event::kSummary, summary_message);
  return message;
}

// ---- the file ----

// A CRC of data that contain CRCs is weak, so TensorFlow stores this instead.
std::uint32_t masked_crc(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return (crc >> 15U | crc << 17U) + 0xA282EAD8U;
}

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  std::string text = name;
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.'; }, '_');
  return text;
}

constexpr std::string_view kPrefix = "events.out.tfevents.";

// Readers take files in the order of their names, which begin with ten digits: the seconds since 1970.
std::int64_t next_number(const fs::path& folder) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::int64_t number = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    std::int64_t there = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), there);
    number = std::max(number, there + 1);
  }
  return number;
}

}  // namespace

TensorBoardWriter::TensorBoardWriter(const fs::path& folder, std::int64_t first_step) {
  std::error_code error;
  fs::create_directories(folder, error);
  check(!error, folder.string(), ": the folder cannot be created: ", error.message());
  path_ = folder / (std::string(kPrefix) + std::to_string(next_number(folder)) + "." + host_name() + "." +
                    std::to_string(getpid()));
  file_.open(path_, std::ios::binary);
  std::string version = event_at(0);
  put_bytes(version, event::kFileVersion, "brain.Event:2");
  append(version);
  std::string log;
  put_int(log, session::kStatus, session::kStart);
  std::string start = event_at(first_step);
  put_bytes(start, event::kSessionLog, log);
  append(start);
}

void TensorBoardWriter::scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values) {
  std::string all;
  for (const auto& [tag, number] : values) {
    std::string value;
    put_float(value, summary::kNumber, static_cast<float>(number));
    put_value(all, tag, value);
  }
  append(summary_at(step, all));
}

void TensorBoardWriter::picture(std::string_view tag, std::int64_t step, std::int64_t width,
                                std::int64_t height, std::span<const std::uint8_t> encoded) {
  std::string picture;
  put_int(picture, image::kHeight, height);
  put_int(picture, image::kWidth, width);
  put_int(picture, image::kColours, image::kRgb);
  put_bytes(picture, image::kFile, {reinterpret_cast<const char*>(encoded.data()), encoded.size()});
  std::string value;
  put_bytes(value, summary::kImage, picture);
  std::string all;
  put_value(all, tag, value);
  append(summary_at(step, all));
}

// A tensor of one string, which its metadata hand to the text plugin.
void TensorBoardWriter::text(std::string_view tag, std::int64_t step, std::string_view markdown) {
  std::string data;
  put_int(data, tensor::kType, tensor::kString);
  put_bytes(data, tensor::kShape, "");
  put_bytes(data, tensor::kStrings, markdown);
  std::string plugin;
  put_bytes(plugin, metadata::kPluginName, "text");
  std::string about;
  put_bytes(about, metadata::kPlugin, plugin);
  put_int(about, metadata::kDataClass, metadata::kTensor);
  std::string value;
  put_bytes(value, summary::kTensor, data);
  put_bytes(value, summary::kMetadata, about);
  std::string all;
  put_value(all, tag, value);
  append(summary_at(step, all));
}

void TensorBoardWriter::append(const std::string& event) {
  std::string record;
  put_little_endian(record, event.size(), 8);
  put_little_endian(record, masked_crc(record), 4);
  record += event;
  put_little_endian(record, masked_crc(event), 4);
  file_.write(record.data(), static_cast<std::streamsize>(record.size()));
  file_.flush();
  check(file_.good(), path_.string(), ": cannot be written; check permissions and free space");
}

}  // namespace dg
