// Reading whole files with errors that name them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace dg {

// A regular file opened for reading from its beginning.
class InputFile {
 public:
  // Throws Error, naming the path, if it is missing, a directory, a device, or may not be read.
  explicit InputFile(std::filesystem::path path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::int64_t size() const { return size_; }

  // The next into.size() bytes. Throws Error if the file ends earlier (another program shortened it).
  void read(std::span<std::byte> into);

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

// The first `limit` bytes of a file, or all of it where it is shorter. Errors as InputFile.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path, std::int64_t limit = INT64_MAX);

}  // namespace dg
