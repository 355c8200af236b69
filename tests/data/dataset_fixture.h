// Folders of small pictures for the tests of data sets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/image_io.h"
#include "data/random_stream.h"
#include "temp_folder.h"

namespace dg::test {

class DatasetFolder : public TempFolder {
 public:
  std::string str() const { return path().string(); }

  // A picture of noise that the seed determines.
  void picture(const std::string& name, std::uint64_t seed, std::int64_t width = 8,
               std::int64_t height = 6) const {
    Image image;
    image.width = width;
    image.height = height;
    image.channels = 3;
    RandomStream stream(seed, 0);
    for (std::int64_t i = 0; i < image.numel(); ++i) {
      image.pixels.push_back(static_cast<std::uint16_t>(stream.integer(256)));
    }
    write(name, image);
  }

  void write(const std::string& name, const Image& image) const {
    std::filesystem::create_directories((path() / name).parent_path());
    write_image(path() / name, image);
  }

  void text(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories((path() / name).parent_path());
    write_text(path() / name, content);
  }

  // Cuts a file to its first bytes, as an interrupted copy does.
  void truncate(const std::string& name, std::uintmax_t bytes) const {
    std::filesystem::resize_file(path() / name, bytes);
  }
};

}  // namespace dg::test
