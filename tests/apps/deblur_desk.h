// deblurgan-deblur as a user runs it. The weights make every pixel 16 levels (of 255) brighter and leave alpha alone:
// all are 0 but the last bias, and the network adds tanh(bias) to the picture in -1 .. 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/image_io.h"
#include "models/presets.h"
#include "models/weights.h"
#include "tests/apps/program.h"
#include "tests/models/tiny_network.h"

namespace dg::test {

inline constexpr int kStep = 16;

inline void save_brightening_weights(const std::filesystem::path& path, int levels = kStep) {
  Context context({.threads = 1});
  const auto network = make_generator(context, tiny_generator());
  for (NamedTensor& entry : network->state()) {
    entry.tensor.fill_(entry.name == "tail.conv.bias" ? std::atanh(2.0 * levels / 255.0) : 0.0);
  }
  save_weights(path, *network, to_metadata(tiny_generator()));
}

inline Image picture(std::int64_t width, std::int64_t height, int channels, int bit_depth = 8) {
  Image image{width, height, channels, bit_depth, {}};
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    const std::uint64_t mixed = static_cast<std::uint64_t>(i + 1) * 0x9e3779b97f4a7c15U;
    const auto noise = static_cast<std::uint64_t>((mixed ^ (mixed >> 31)) * 0xbf58476d1ce4e5b9U) >> 40;
    image.pixels.push_back(static_cast<std::uint16_t>(static_cast<int>(noise) % (image.max_value() + 1)));
  }
  return image;
}

inline Image brighter(Image image) {
  const int step = kStep * image.max_value() / 255;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const bool alpha = image.has_alpha() && static_cast<int>(i) % image.channels == image.channels - 1;
    if (!alpha)
      image.pixels[i] = static_cast<std::uint16_t>(std::min(image.pixels[i] + step, image.max_value()));
  }
  return image;
}

inline bool equal(const Image& a, const Image& b) {
  return a.width == b.width && a.height == b.height && a.channels == b.channels &&
         a.bit_depth == b.bit_depth && a.pixels == b.pixels;
}

// A folder with w.safetensors in it.
struct Desk {
  TempFolder folder;

  Desk() { save_brightening_weights(folder / "w.safetensors"); }
  ProgramResult deblur(const std::string& arguments) const { return run(arguments, ""); }
  ProgramResult run(const std::string& arguments, const std::string& before) const {
    return run_in(folder, before + "'" DG_DEBLUR_PROGRAM "' --threads 1 -w w.safetensors " + arguments);
  }
  void put(const std::string& name, const Image& image) const {
    std::filesystem::create_directories((folder / name).parent_path());
    write_image(folder / name, image);
  }
  bool has(const std::string& name) const { return std::filesystem::exists(folder / name); }
  Image get(const std::string& name) const { return read_image(folder / name); }
  // Names below a folder, sorted, with '/' between.
  std::vector<std::string> list(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / name)) {
      if (entry.is_regular_file()) names.push_back(entry.path().lexically_relative(folder / name).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
};

inline std::int64_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace dg::test
