// Presets by name: sizes of the networks, options as text, first weights, refusals.
#include "models/presets.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "core/ops.h"
#include "tests/models/formula.h"
#include "tests/models/tiny_network.h"

using namespace dg;

namespace {

struct Count {
  std::string name;
  std::int64_t all = 0;
  std::int64_t not_trained = 0;
};

std::int64_t elements(const std::vector<NamedTensor>& tensors) {
  std::int64_t sum = 0;
  for (const NamedTensor& entry : tensors) sum += entry.tensor.numel();
  return sum;
}

void check_count(const Module& network, const Count& expected) {
  INFO(expected.name);
  CHECK(network.parameter_count() == expected.all);
  CHECK(elements(network.buffers()) == expected.not_trained);
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> p = a.to_doubles();
  const std::vector<double> q = b.to_doubles();
  double worst = 0.0;
  for (std::size_t i = 0; i < p.size(); ++i) worst = std::max(worst, std::abs(p[i] - q[i]));
  return worst;
}

bool refuses(const Tensor& x, Module& network) {
  try {
    network(x);
  } catch (const Error&) {
    return true;
  }
  return false;
}

}  // namespace

TEST_CASE("presets: generators have as many weights as published") {
  // The U-Nets' are pix2pix's with biases, counted by PyTorch; `small` is 272,515 with any norm that has no
  // weights.
  for (const Count& expected : {Count{"keras", 11'399'171, 10'496},
                                {"deblurgan", 11'378'179},
                                {"deblurgan-head", 6'067'459},
                                {"small", 272'515},
                                {"quarter", 597'059},
                                {"resnet_6blocks", 7'837'699},
                                {"unet_128", 41'825'667},
                                {"unet_256", 54'409'603}}) {
    Context context;
    check_count(*make_generator(context, find_preset(expected.name).generator), expected);
  }
}

TEST_CASE("presets: discriminators have as many weights as published") {
  Context context;
  check_count(*make_discriminator(context, find_preset("keras").discriminator), {"keras", 3'098'370, 1'920});
  check_count(*make_discriminator(context, find_preset("deblurgan").discriminator),
              {"deblurgan", 2'764'737, 0});
  check_count(*make_discriminator(context, find_preset("small").discriminator), {"small", 175'089, 0});
}

TEST_CASE("presets: parameter names are the ones that weight files carry") {
  Context context;
  const auto network = make_generator(context, find_preset("small").generator);
  const std::vector<NamedTensor> parameters = network->parameters();
  CHECK(parameters.front().name == "head.conv.weight");
  CHECK(parameters.back().name == "tail.conv.bias");
  const auto has = [&](const std::string& name) {
    return std::any_of(parameters.begin(), parameters.end(),
                       [&](const NamedTensor& p) { return p.name == name; });
  };
  for (const char* name :
       {"down1.conv.weight", "blocks.0.conv1.weight", "blocks.2.conv2.bias", "up2.conv.weight"}) {
    INFO(name);
    CHECK(has(name));
  }
}

TEST_CASE("presets: every generator keeps the smallest image's size and range") {
  for (const Preset& preset : all_presets()) {
    INFO(preset.name);
    Context context;
    GeneratorOptions options = preset.generator;
    options.ngf = 2;
    const auto network = make_generator(context, options);
    network->eval();
    const NoGrad no_grad(context);
    const std::int64_t size = std::max(preset.minimum_size, preset.size_multiple);
    const Tensor x = golden::image(context, "photo", {1, size, size, 3}, DType::float32);
    const Tensor y = (*network)(x);
    CHECK(y.shape() == x.shape());
    for (const float value : y.to_floats()) REQUIRE(std::abs(value) <= 1.0F);
    // One step less is refused before anything is computed.
    CHECK(refuses(golden::image(context, "photo", {1, size - 1, size, 3}, DType::float32), *network));
  }
}

TEST_CASE("presets: small starts as the identity") {
  Context context;
  const auto network = make_generator(context, find_preset("small").generator);
  network->eval();
  const Tensor x = golden::image(context, "photo", {1, 32, 32, 3}, DType::float32);
  const double difference = largest_difference((*network)(x), x);
  CHECK(difference < 2.0 / 255.0);  // half a grey level is 1 / 255
  CHECK(difference > 0.0);          // but not dead: the last layer is not exactly 0
}

TEST_CASE("presets: dropout acts in training, and in eval mode only where asked for") {
  GeneratorOptions options = test::tiny_generator("deblurgan");
  for (const bool at_test : {false, true}) {
    Context context;
    options.dropout_at_test = at_test;
    const auto network = make_generator(context, options);
    golden::fill(*network);
    const Tensor x = golden::image(context, "photo", {1, 16, 16, 3}, DType::float32);
    network->train();
    CHECK(largest_difference((*network)(x), (*network)(x)) > 1e-3);
    network->eval();
    const double repeated = largest_difference((*network)(x), (*network)(x));
    CHECK((at_test ? repeated > 1e-3 : repeated == 0.0));
  }
}

TEST_CASE("presets: without the residual the result is the network's alone") {
  GeneratorOptions options = find_preset("small").generator;
  options.learn_residual = false;
  Context context;
  const auto network = make_generator(context, options);
  const Tensor x = golden::image(context, "photo", {1, 16, 16, 3}, DType::float32);
  for (const float value : (*network)(x).to_floats()) REQUIRE(std::abs(value) < 2.0F / 255.0F);
}

TEST_CASE("presets: options survive the way through metadata") {
  for (const Preset& preset : all_presets()) {
    CHECK(generator_options(to_metadata(preset.generator)) == preset.generator);
  }
  const GeneratorOptions changed{.preset = "resnet_6blocks",
                                 .ngf = 24,
                                 .blocks = 4,
                                 .convs_per_block = 1,
                                 .norm = NormKind::batch,
                                 .dropout = 0.1,
                                 .learn_residual = false};
  Metadata metadata = to_metadata(changed);
  metadata["step"] = "1000";  // written by others
  CHECK(generator_options(metadata) == changed);
  CHECK(generator_options({{"preset", "small"}}) == find_preset("small").generator);
}

TEST_CASE("presets: metadata that is none is refused") {
  CHECK_THROWS_WITH(generator_options({{"ngf", "64"}}), Catch::Contains("do not name their preset"));
  CHECK_THROWS_WITH(generator_options({{"preset", "small"}, {"ngf", "1e3"}}),
                    Catch::Contains("ngf: got '1e3'"));
  CHECK_THROWS_WITH(generator_options({{"preset", "small"}, {"norm", "layer"}}),
                    Catch::Contains("got 'layer'"));
  CHECK_THROWS_WITH(generator_options({{"preset", "small"}, {"learn_residual", "1"}}),
                    Catch::Contains("true or false"));
}

TEST_CASE("presets: an unknown name is answered with the list") {
  CHECK_THROWS_WITH(
      find_preset("deblurgan-v2"),
      Catch::Contains("deblurgan-v2") && Catch::Contains("keras, deblurgan, deblurgan-head, small, quarter, "
                                                         "resnet_6blocks, unet_128, unet_256"));
}

TEST_CASE("presets: options out of range are refused before memory is taken") {
  Context context;
  GeneratorOptions options = find_preset("small").generator;
  options.ngf = 1'000'000;
  CHECK_THROWS_WITH(make_generator(context, options), Catch::Contains("ngf: got 1000000"));
  options = find_preset("small").generator;
  options.dropout = 1.0;
  CHECK_THROWS_WITH(make_generator(context, options), Catch::Contains("dropout: got 1"));
  options = find_preset("small").generator;
  options.convs_per_block = 3;
  CHECK_THROWS_WITH(make_generator(context, options), Catch::Contains("convs_per_block: got 3"));
}

TEST_CASE("presets: the Keras discriminator refuses images of another size") {
  Context context;
  const auto network = make_discriminator(
      context, {.family = DiscriminatorFamily::keras, .ndf = 2, .height = 32, .width = 48});
  CHECK_THROWS_WITH((*network)(golden::image(context, "photo", {1, 48, 32, 3}, DType::float32)),
                    Catch::Contains("48x32") && Catch::Contains("32x48"));
}

TEST_CASE("presets: the patch discriminator's map has the repository's sizes") {
  // 256 -> 129 -> 65 -> 33 -> 34 -> 35.
  Context context;
  const auto network = make_discriminator(context, {.ndf = 1});
  const NoGrad no_grad(context);
  CHECK((*network)(Tensor::zeros(context, {1, 256, 256, 3})).shape() == Shape{1, 35, 35, 1});
}
