// Event files, which TensorBoard shows: scalars, pictures and text, each by tag and step.
//   record   length (8 bytes), masked CRC-32C of it, an Event, masked CRC-32C of that; numbers lowest byte first
//   Event    a protocol buffer: tensorflow/core/util/event.proto, core/framework/summary.proto and tensor.proto
// Scalars are plain numbers and pictures Summary.Image, as TensorFlow 1 and PyTorch write them: TensorBoard's server shows
// them like tensors with metadata, and its EventAccumulator forgets superseded steps of these only (2.21).
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace dg {

class TensorBoardWriter {
 public:
  // Starts a new file in `folder`, which is created. It is named to come behind the files that are there, and says that
  // what they hold of steps from `first_step` on is superseded: TensorBoard then forgets it. Throws Error where the file
  // cannot be written; so does every function below.
  TensorBoardWriter(const std::filesystem::path& folder, std::int64_t first_step);

  // Each appends one record and flushes it, so that a reader beside sees it at once, and a kill leaves all records
  // before it whole.
  void scalars(std::int64_t step, std::span<const std::pair<std::string, double>> values);
  // `encoded`: the bytes of a PNG or JPEG file.
  void picture(std::string_view tag, std::int64_t step, std::int64_t width, std::int64_t height,
               std::span<const std::uint8_t> encoded);
  void text(std::string_view tag, std::int64_t step, std::string_view markdown);

  const std::filesystem::path& path() const { return path_; }

 private:
  void append(const std::string& event);

  std::filesystem::path path_;
  std::ofstream file_;
};

}  // namespace dg
