// Validation with a generator that changes nothing: restored and blurred score alike.
#include "models/validation.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "data/dataset.h"
#include "data/image_io.h"
#include "data/metrics.h"
#include "tests/data/temp_folder.h"
#include "tests/models/tiny_network.h"

using namespace dg;
using dg::test::TempFolder;

namespace {

struct Scene {
  Context context{{.threads = 1}};
  std::unique_ptr<Module> generator;
  std::unique_ptr<PairSource> pairs;

  Scene() {
    generator = make_generator(context, test::tiny_generator());
    for (NamedTensor& entry : generator->state()) entry.tensor.fill_(0.0);
    DatasetOptions procedural;
    procedural.split = Split::validation;
    procedural.procedural.size = 5;
    pairs = open_dataset("procedural", procedural);
  }

  ValidationResult score(const ValidationOptions& options) {
    Restorer restorer(*generator, {});
    return validate(restorer, *pairs, options);
  }
};

FloatImage picture(float value) {
  FloatImage image(2, 1, 3);
  for (float& pixel : image.pixels) pixel = value;
  return image;
}

}  // namespace

TEST_CASE("validation: the identity scores as the blurred input does, and stays in training mode") {
  Scene scene;
  const ValidationResult result = scene.score({.images = 3, .crop = 32, .seed = 4, .strips = 2});
  CHECK(result.images == 3);
  CHECK(result.psnr_blurred > 10.0);
  CHECK(result.psnr_restored == result.psnr_blurred);
  CHECK(result.ssim_restored == result.ssim_blurred);
  CHECK(result.ssim_blurred < 1.0);
  CHECK(result.seconds_per_image > 0.0);
  CHECK(result.names.size() == 2);
  REQUIRE(result.strips.size() == 2);
  CHECK(result.strips[0].height == 32);
  CHECK(scene.generator->training());
}

TEST_CASE("validation: at most as many images as there are") {
  Scene scene;
  CHECK(scene.score({.images = 100, .crop = 16, .seed = 0, .strips = 0}).images == 5);
}

TEST_CASE("validation: the seed decides the blur") {
  Scene scene;
  const ValidationOptions options{.images = 2, .crop = 32, .seed = 4, .strips = 0};
  ValidationOptions other = options;
  other.seed = 5;
  CHECK(scene.score(options).psnr_blurred == scene.score(options).psnr_blurred);
  CHECK(scene.score(options).psnr_blurred != scene.score(other).psnr_blurred);
}

TEST_CASE("validation: exported pairs are those that are scored") {
  Scene scene;
  const TempFolder folder;
  const ValidationOptions options{.images = 2, .crop = 32, .seed = 4, .strips = 0};
  CHECK(export_pairs(*scene.pairs, options, folder.path()) == 2);
  double sum = 0.0;
  for (const char* name : {"000.png", "001.png"}) {
    sum +=
        psnr(to_float(read_image(folder / "blurred" / name)), to_float(read_image(folder / "sharp" / name)));
  }
  CHECK(sum / 2.0 == Approx(scene.score(options).psnr_blurred).epsilon(1e-9));
}

TEST_CASE("validation: pictures below the SSIM window are refused") {
  Scene scene;
  CHECK_THROWS_AS(scene.score({.images = 1, .crop = 8, .seed = 0, .strips = 0}), Error);
}

TEST_CASE("validation: stack puts images of one width above each other") {
  const FloatImage both = stack({picture(0.25F), picture(0.75F)});
  CHECK(both.width == 2);
  CHECK(both.height == 2);
  CHECK(both.at(0, 0, 0) == 0.25F);
  CHECK(both.at(1, 1, 2) == 0.75F);
  CHECK_THROWS_WITH(stack({picture(0.0F), FloatImage(3, 1, 3)}), Catch::Contains("3 and 2 wide"));
  CHECK_THROWS_WITH(stack({}), Catch::Contains("no images"));
}
