// Weight files of Keras: goldens/make_keras_weights.py has their networks and outputs.
#include "models/keras_weights.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "data/detail/hdf5_tree.h"
#include "data/zip_reader.h"
#include "models/keras_gan.h"
#include "models/weights.h"
#include "tests/data/temp_folder.h"
#include "tests/models/formula.h"

using namespace dg;
using dg::test::error_of;

namespace {

constexpr double kTolerance = 1e-4;

// The files of an archive, in a folder of their own.
class GoldenFiles {
 public:
  explicit GoldenFiles(const std::string& archive) {
    const std::string bytes =
        test::read_text(std::filesystem::path(DG_TEST_DATA_DIR) / "goldens" / (archive + ".zip"));
    ZipReader zip(std::as_bytes(std::span(bytes)), archive);
    for (const ZipEntry& entry : zip.entries()) {
      const auto contents = zip.contents(entry);
      test::write_text(folder_ / entry.name,
                       {reinterpret_cast<const char*>(contents.data()), contents.size()});
    }
  }
  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }

 private:
  test::TempFolder folder_;
};

// The largest over all sizes that the golden file has.
double output_error(Module& network, const std::string& name) {
  const nlohmann::json document = golden::load(name);
  const NoGrad no_grad(network.context());
  network.eval();
  double worst = 0.0;
  for (const nlohmann::json& expected : document.at("cases")) {
    const Shape shape = golden::shape_of(expected.at("input_shape"));
    const Tensor y = network(golden::image(network.context(), "input", shape, DType::float32));
    REQUIRE(y.shape() == golden::shape_of(expected.at("output_shape")));
    worst = std::max(worst, golden::deviation("output", y, expected.at("output")));
  }
  return worst;
}

GeneratorOptions keras(std::int64_t ngf, std::int64_t blocks) {
  GeneratorOptions options = find_preset("keras").generator;
  options.ngf = ngf;
  options.blocks = blocks;
  return options;
}

// A generator of ngf 2 and one block, as Keras would list it, with numbers that tell their places.
KerasFile numbered_layers() {
  Context context;
  const auto network = make_generator(context, keras(2, 1));
  KerasFile file = keras_from_state(*network, KerasFormat::keras2);
  for (KerasLayer& layer : file.layers) {
    for (KerasTensor& tensor : layer.tensors) {
      for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = static_cast<float>(i);
    }
  }
  return file;
}

std::vector<float> loaded(const KerasFile& file, const std::string& name) {
  Context context;
  const auto network = make_generator(context, keras(2, 1));
  for (const NamedTensor& entry : state_from_keras(*network, file, "FILE")) {
    if (entry.name == name) return entry.tensor.to_floats();
  }
  return {};
}

}  // namespace

TEST_CASE("keras_weights: save_weights of Keras 2") {
  const GoldenFiles files("keras2_files");
  Context context;
  const LoadedGenerator loaded = load_generator(context, files / "generator.h5");
  CHECK(loaded.options == keras(2, 2));
  CHECK(output_error(*loaded.network, "keras2_generator") < kTolerance);
}

TEST_CASE("keras_weights: a discriminator out of a whole model of Keras 2") {
  const GoldenFiles files("keras2_files");
  Context context;
  KerasDiscriminator critic(context, {.ndf = 1, .height = 32, .width = 48});
  load_weights(files / "discriminator.h5", critic);
  CHECK(output_error(critic, "keras2_discriminator") < kTolerance);
  const std::string error = error_of([&] { load_generator(context, files / "discriminator.h5"); });
  CHECK_THAT(error, Catch::Contains("fit no preset") && Catch::Contains("discriminator's"));
}

TEST_CASE("keras_weights: every format of Keras 3") {
  const GoldenFiles files("keras3_files");
  for (const char* name : {"generator.weights.h5", "generator.keras", "generator.h5"}) {
    INFO(name);
    Context context;
    const LoadedGenerator loaded = load_generator(context, files / name);
    CHECK(loaded.options == keras(1, 3));
    CHECK(output_error(*loaded.network, "keras3_generator") < kTolerance);
  }
}

TEST_CASE("keras_weights: what is written for Keras is read back bit for bit") {
  if (!has_hdf5_writer()) {
    WARN("this build has no HDF5: install libhdf5-dev to test what is written for Keras");
    return;
  }
  const test::TempFolder folder;
  Context context;
  const auto network = make_generator(context, keras(1, 5));
  golden::fill(*network);
  for (const auto& [name, format] :
       {std::pair{"g.h5", KerasFormat::keras2}, std::pair{"g.weights.h5", KerasFormat::keras3}}) {
    INFO(name);
    write_keras_file(folder / name, keras_from_state(*network, format));
    const LoadedGenerator again = load_generator(context, folder / name);
    CHECK(again.options == keras(1, 5));
    const auto expected = network->state();
    const auto state = again.network->state();
    REQUIRE(state.size() == expected.size());
    for (std::size_t i = 0; i < state.size(); ++i)
      CHECK(state[i].tensor.to_floats() == expected[i].tensor.to_floats());
  }
}

TEST_CASE("keras_weights: layouts, with numbers that a reader can redo by hand") {
  // (H, W, in, out) = (7, 7, 3, 2): the number of (r, s, c, k) is ((r * 7 + s) * 3 + c) * 2 + k.
  const std::vector<float> head = loaded(numbered_layers(), "head.conv.weight");
  CHECK(std::vector<float>(head.begin(), head.begin() + 4) == std::vector<float>{0, 2, 4, 6});
  CHECK(head[7 * 7 * 3] == 1.0F);
}

TEST_CASE("keras_weights: kernels of Theano are turned, and those of Keras 1 have channels first") {
  KerasFile file = numbered_layers();
  file.backend = "theano";
  const std::vector<float> turned = loaded(file, "head.conv.weight");
  CHECK(turned[0] == static_cast<float>((7 * 7 - 1) * 3 * 2));
  CHECK(turned[1] == turned[0] + 2);

  file.version = "1.2.2";
  for (KerasLayer& layer : file.layers) {
    for (KerasTensor& tensor : layer.tensors) {
      const auto shape = tensor.shape;
      if (shape.size() == 4) tensor.shape = {shape[3], shape[2], shape[0], shape[1]};
    }
  }
  // (out, in, H, W) = (2, 3, 7, 7): the last tap of each channel.
  const std::vector<float> first = loaded(file, "head.conv.weight");
  CHECK(std::vector<float>(first.begin(), first.begin() + 4) == std::vector<float>{48, 97, 146, 47});
  CHECK(recognise_keras_generator(file, "FILE") == keras(2, 1));
}

TEST_CASE("keras_weights: what does not fit is told with the nearest network") {
  const auto refusal = [](const KerasFile& file) {
    return error_of([&] { recognise_keras_generator(file, "FILE"); });
  };
  KerasFile file = numbered_layers();
  CHECK(recognise_keras_generator(file, "FILE") == keras(2, 1));
  file.layers.pop_back();
  CHECK_THAT(refusal(file),
             Catch::StartsWith("FILE: these weights fit no preset; nearest is preset 'keras' with "
                               "ngf 2 and 1 blocks") &&
                 Catch::Contains("missing: tail.conv.weight"));

  file = numbered_layers();
  file.layers.push_back({"attention", {{"query", {4}, {0, 0, 0, 0}}}});
  CHECK_THAT(refusal(file), Catch::Contains("1 unexpected: attention/query"));

  // Transposed convolutions in place of upsampling: (H, W, out, in).
  file = numbered_layers();
  for (KerasLayer& layer : file.layers) {
    if (layer.name == "conv2d_5") std::swap(layer.tensors[0].shape[2], layer.tensors[0].shape[3]);
  }
  CHECK_THAT(refusal(file),
             Catch::Contains("conv2d_5/kernel (up1.conv.weight): got (3, 3, 4, 8), expected (3, 3, 8, 4)"));
  CHECK_THAT(refusal({}), Catch::Contains("none of its 0 layers is a convolution"));

  Context context;
  GeneratorOptions other = find_preset("deblurgan").generator;
  other.ngf = 1;
  other.blocks = 1;
  const auto network = make_generator(context, other);
  CHECK_THAT(error_of([&] { keras_from_state(*network, KerasFormat::keras2); }),
             Catch::Contains("ConvTranspose2d") && Catch::Contains("only the preset keras"));
}
