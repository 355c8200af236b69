// Pictures that do not fit: tiles, memory limits, and several pictures and views at a time.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "core/ops.h"
#include "layers/init.h"
#include "models/presets.h"
#include "models/restorer.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

struct Network {
  explicit Network(const char* name, std::int64_t ngf = 8) {
    const Preset preset = find_preset(name);
    GeneratorOptions settings = preset.generator;
    settings.ngf = ngf;
    settings.blocks = 2;
    generator = make_generator(context, settings);
    init_he_normal(*generator, context.random());
    options = {.size_multiple = preset.size_multiple, .minimum_size = preset.minimum_size};
  }

  Context context{{.threads = 1, .seed = 11}};
  std::unique_ptr<Module> generator;
  RestorerOptions options;
};

Image noise(std::int64_t width, std::int64_t height, int channels = 3) {
  Image image{width, height, channels, 8, {}};
  std::uint32_t state = 7;
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    state = state * 1664525U + 1013904223U;
    image.pixels.push_back(static_cast<std::uint16_t>(state >> 24));
  }
  return image;
}

int largest_difference(const Image& a, const Image& b) {
  REQUIRE(a.pixels.size() == b.pixels.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

}  // namespace

TEST_CASE("restorer: tiles change no pixel by more than a grey level") {
  for (const char* preset : {"deblurgan", "keras", "quarter"}) {
    Network network(preset);
    const Image image = noise(61, 87);
    const Image whole = Restorer(*network.generator, network.options).restore_image(image);
    REQUIRE(largest_difference(whole, image) > 20);
    for (const std::int64_t rows : {1, 16, 50, 1000}) {
      INFO(preset << ", " << rows << " rows");
      network.options.tile_rows = rows;
      CHECK(largest_difference(Restorer(*network.generator, network.options).restore_image(image), whole) <=
            1);
    }
  }
}

TEST_CASE("restorer: the plan's memory is what the device then holds") {
  for (const std::int64_t rows : {0, 32, 128}) {
    INFO(rows << " rows");
    Network network("deblurgan", 16);
    network.options.tile_rows = rows;
    Restorer restorer(*network.generator, network.options);
    const Image image = noise(400, 300);
    // Without the rest of the process, which both plans count.
    const std::int64_t small = restorer.plan(8, 8).peak_bytes;
    const std::int64_t before = network.context.allocator().stats().reserved;
    const std::int64_t planned = restorer.plan(image.width, image.height).peak_bytes - small;
    network.context.allocator().reset_peak();
    restorer.restore_image(image);
    const std::int64_t held = network.context.allocator().stats().peak - before;
    CHECK(static_cast<double>(planned) > 0.9 * static_cast<double>(held));
  }
}

TEST_CASE("restorer: a memory limit makes it choose tiles, and is refused where none are small enough") {
  Network network("deblurgan", 16);
  const Image image = noise(400, 300);
  Restorer unlimited(*network.generator, network.options);
  const RestorePlan whole = unlimited.plan(image.width, image.height);
  REQUIRE(whole.tile_rows == 0);
  REQUIRE(whole.fits);
  network.options.max_memory = whole.peak_bytes - (whole.peak_bytes - unlimited.plan(8, 8).peak_bytes) / 3;
  Restorer limited(*network.generator, network.options);
  const RestorePlan cut = limited.plan(image.width, image.height);
  CHECK(cut.tile_rows > 0);
  CHECK(cut.fits);
  CHECK(cut.peak_bytes <= network.options.max_memory);
  CHECK(largest_difference(limited.restore_image(image), unlimited.restore_image(image)) <= 1);

  network.options.max_memory = 1 << 20;
  Restorer refused(*network.generator, network.options);
  CHECK_THAT(error_of([&] { refused.restore_image(image); }),
             Catch::Contains("400x300") && Catch::Contains("max_memory allows 1 MiB"));
}

TEST_CASE("restorer: a network whose inner layers see everything has no tiles") {
  Network network("unet_128", 2);
  network.options.tile_rows = 64;
  CHECK_THAT(error_of([&] { Restorer(*network.generator, network.options); }),
             Catch::Contains("leave the tile size"));
}

TEST_CASE("restorer: a batch equals its pictures one by one") {
  Network network("deblurgan");
  const std::vector<Image> images = {noise(21, 34), noise(21, 34, 1), noise(21, 34, 4)};
  Restorer restorer(*network.generator, network.options);
  const std::vector<Image> together = restorer.restore_images(images);
  REQUIRE(together.size() == 3);
  for (std::size_t i = 0; i < images.size(); ++i) {
    CHECK(largest_difference(together[i], restorer.restore_image(images[i])) <= 1);
  }
  const std::vector<Image> mixed = {noise(21, 34), noise(34, 21)};
  CHECK_THAT(error_of([&] { restorer.restore_images(mixed); }), Catch::Contains("21x34 and of 34x21"));
}

TEST_CASE("restorer: the ensemble of eight views follows its picture when that is turned") {
  Network network("quarter");
  network.options.self_ensemble = true;
  Restorer restorer(*network.generator, network.options);
  const FloatImage image = to_float(noise(20, 12));
  const FloatImage restored = restorer.restore(image);
  const FloatImage turned = flip_horizontal(restorer.restore(flip_horizontal(image)));
  // Without the ensemble they differ.
  network.options.self_ensemble = false;
  Restorer single(*network.generator, network.options);
  const FloatImage other = flip_horizontal(single.restore(flip_horizontal(image)));
  const FloatImage one = single.restore(image);
  double ensemble_gap = 0.0;
  double single_gap = 0.0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    ensemble_gap =
        std::max(ensemble_gap, static_cast<double>(std::abs(restored.pixels[i] - turned.pixels[i])));
    single_gap = std::max(single_gap, static_cast<double>(std::abs(one.pixels[i] - other.pixels[i])));
  }
  CHECK(ensemble_gap < 1e-5);
  CHECK(single_gap > 1e-2);
}

TEST_CASE("restorer: blend mixes the blurred picture in, and 0 gives it back") {
  Network network("deblurgan");
  const Image image = noise(16, 12, 4);
  const Image restored = Restorer(*network.generator, network.options).restore_image(image);
  network.options.blend = 0.0;
  CHECK(Restorer(*network.generator, network.options).restore_image(image).pixels == image.pixels);
  network.options.blend = 0.25;
  const Image mixed = Restorer(*network.generator, network.options).restore_image(image);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const double expected = 0.25 * restored.pixels[i] + 0.75 * image.pixels[i];
    CHECK(std::abs(mixed.pixels[i] - expected) <= 1.0);
  }
  network.options.blend = 1.5;
  CHECK_THAT(error_of([&] { Restorer(*network.generator, network.options); }),
             Catch::Contains("blend of 1.5"));
}
