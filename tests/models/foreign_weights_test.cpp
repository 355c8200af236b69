// Weight files of PyTorch programs: goldens/make_torch_weights.py has their networks and outputs.
#include "models/foreign_weights.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "models/patch_discriminator.h"
#include "models/presets.h"
#include "models/weights.h"
#include "tests/data/temp_folder.h"
#include "tests/models/formula.h"

using namespace dg;
using dg::test::error_of;

namespace {

constexpr double kTolerance = 1e-4;

std::filesystem::path golden_weights(const std::string& name) {
  return std::filesystem::path(DG_TEST_DATA_DIR) / "goldens" / (name + ".pth");
}

double output_error(Module& network, const std::string& name) {
  const nlohmann::json expected = golden::load(name);
  const NoGrad no_grad(network.context());
  const Shape shape = golden::shape_of(expected.at("input_shape"));
  const Tensor y = network(golden::image(network.context(), "input", shape, DType::float32));
  REQUIRE(y.shape() == golden::shape_of(expected.at("output_shape")));
  return golden::deviation("output", y, expected.at("output"));
}

GeneratorOptions options_for(const std::string& preset, std::int64_t ngf) {
  GeneratorOptions options = find_preset(preset).generator;
  options.ngf = ngf;
  return options;
}

// ---- networks as PyTorch would list them, filled with zeros ----

struct Conv {
  std::string path;
  std::vector<std::int64_t> shape;  // of the weight
  std::int64_t bias = 0;  // channels that come out: of a transposed convolution the weight's second number
};

TorchTensor zeros(const std::string& name, const std::vector<std::int64_t>& shape) {
  std::int64_t numel = 1;
  for (const std::int64_t extent : shape) numel *= extent;
  return {name, shape, std::vector<float>(static_cast<std::size_t>(numel), 0.0F)};
}

// Upstream's names: the numbers count paddings, norms and activations.
std::vector<Conv> resnet_convs(std::int64_t blocks, std::int64_t convs_per_block, std::int64_t second = 6) {
  std::vector<Conv> convs{
      {"model.1", {1, 3, 7, 7}, 1}, {"model.4", {2, 1, 3, 3}, 2}, {"model.7", {4, 2, 3, 3}, 4}};
  std::int64_t number = 10;
  for (std::int64_t block = 0; block < blocks; ++block, ++number) {
    const std::string path = "model." + std::to_string(number) + ".conv_block.";
    convs.push_back({path + "1", {4, 4, 3, 3}, 4});
    if (convs_per_block == 2) convs.push_back({path + std::to_string(second), {4, 4, 3, 3}, 4});
  }
  convs.push_back({"model." + std::to_string(number), {4, 2, 3, 3}, 2});
  convs.push_back({"model." + std::to_string(number + 3), {2, 1, 3, 3}, 1});
  convs.push_back({"model." + std::to_string(number + 7), {3, 1, 7, 7}, 3});
  return convs;
}

std::vector<TorchTensor> state_dict(const std::vector<Conv>& convs) {
  std::vector<TorchTensor> tensors;
  for (const Conv& conv : convs) {
    tensors.push_back(zeros(conv.path + ".weight", conv.shape));
    tensors.push_back(zeros(conv.path + ".bias", {conv.bias}));
  }
  return tensors;
}

GeneratorOptions recognised(const std::vector<Conv>& convs) {
  return recognise_generator(state_dict(convs), "FILE");
}
std::string refusal(const std::vector<TorchTensor>& tensors) {
  return error_of([&] { recognise_generator(tensors, "FILE"); });
}

}  // namespace

TEST_CASE("foreign_weights: DeblurGAN with tracked statistics, in a training's checkpoint") {
  Context context;
  const LoadedGenerator loaded = load_generator(context, golden_weights("torch_deblurgan"));
  GeneratorOptions expected = options_for("deblurgan", 2);
  expected.blocks = 2;
  CHECK(loaded.options == expected);
  CHECK_FALSE(loaded.network->training());
  CHECK(output_error(*loaded.network, "torch_deblurgan") < kTolerance);
}

TEST_CASE("foreign_weights: DeblurGAN's head, legacy format, saved through DataParallel") {
  Context context;
  const LoadedGenerator loaded = load_generator(context, golden_weights("torch_head"));
  CHECK(loaded.options == options_for("deblurgan-head", 1));
  CHECK(output_error(*loaded.network, "torch_head") < kTolerance);
}

TEST_CASE("foreign_weights: batch norm with running statistics, half precision, channels innermost") {
  Context context;
  const LoadedGenerator loaded =
      load_generator(context, golden_weights("torch_batch_half"), {.learn_residual = false});
  GeneratorOptions expected = options_for("deblurgan", 2);
  expected.blocks = 1;
  expected.norm = NormKind::batch;
  expected.dropout = 0.0;
  expected.learn_residual = false;
  CHECK(loaded.options == expected);
  CHECK(output_error(*loaded.network, "torch_batch_half") < kTolerance);
}

TEST_CASE("foreign_weights: a U-Net, whose names nest") {
  Context context;
  const LoadedGenerator loaded = load_generator(context, golden_weights("torch_unet_128"));
  CHECK(loaded.options == options_for("unet_128", 1));
  CHECK(output_error(*loaded.network, "torch_unet_128") < kTolerance);
}

TEST_CASE("foreign_weights: a discriminator's weights go into a discriminator only") {
  Context context;
  PatchDiscriminator critic(context, {.ndf = 1});
  load_weights(golden_weights("torch_patchgan"), critic);
  CHECK(output_error(critic, "torch_patchgan") < kTolerance);
  const std::string error = error_of([&] { load_generator(context, golden_weights("torch_patchgan")); });
  CHECK_THAT(error, Catch::Contains("fit no preset") && Catch::Contains("discriminator's"));
}

TEST_CASE("foreign_weights: what is written back in our format is the same network") {
  const test::TempFolder folder;
  Context context;
  const LoadedGenerator loaded = load_generator(context, golden_weights("torch_head"));
  save_weights(folder / "w.safetensors", *loaded.network, to_metadata(loaded.options));
  const LoadedGenerator again = load_generator(context, folder / "w.safetensors");
  CHECK(again.options == loaded.options);
  CHECK(output_error(*again.network, "torch_head") < kTolerance);
}

TEST_CASE("foreign_weights: weights to start from go into the network that a training has built") {
  Context context;
  GeneratorOptions options = options_for("deblurgan-head", 1);
  const auto network = make_generator(context, options);
  load_weights(golden_weights("torch_head"), *network);
  network->eval();
  CHECK(output_error(*network, "torch_head") < kTolerance);

  options.convs_per_block = 2;
  const auto other = make_generator(context, options);
  const std::vector<float> before = other->state().front().tensor.to_floats();
  const std::string error = error_of([&] { load_weights(golden_weights("torch_head"), *other); });
  CHECK_THAT(error,
             Catch::Contains("torch_head.pth: these weights do not fit the network (ResnetGenerator)"));
  CHECK_THAT(error, Catch::Contains("18 missing: ") && Catch::Contains("blocks.6.conv1.weight"));
  CHECK_THAT(error,
             Catch::Contains("the file fits preset 'deblurgan-head' with ngf 1, 9 blocks and norm instance"));
  CHECK(other->state().front().tensor.to_floats() == before);
}

TEST_CASE("foreign_weights: every preset is told by its layers") {
  CHECK(recognised(resnet_convs(9, 2)) == options_for("deblurgan", 1));
  CHECK(recognised(resnet_convs(9, 1)) == options_for("deblurgan-head", 1));
  CHECK(recognised(resnet_convs(6, 2)) == options_for("resnet_6blocks", 1));
  // 18 convolutions in the middle, twice: only the names tell 9 blocks of 2 from 18 blocks of 1.
  GeneratorOptions expected = options_for("deblurgan-head", 1);
  expected.blocks = 18;
  CHECK(recognised(resnet_convs(18, 1)) == expected);
  expected = options_for("deblurgan", 1);
  expected.dropout = 0.0;
  CHECK(recognised(resnet_convs(9, 2, 5)) == expected);
}

TEST_CASE("foreign_weights: the order is that of the numbers, not of the file") {
  std::vector<Conv> convs = resnet_convs(9, 1);
  std::sort(convs.begin(), convs.end(), [](const Conv& a, const Conv& b) { return a.path < b.path; });
  REQUIRE(convs[1].path == "model.10.conv_block.1");
  std::vector<TorchTensor> tensors = state_dict(convs);
  for (TorchTensor& tensor : tensors)
    std::fill(tensor.values.begin(), tensor.values.end(), tensor.name == "model.4.bias");
  CHECK(recognise_generator(tensors, "FILE") == options_for("deblurgan-head", 1));
  Context context;
  const auto network = make_generator(context, options_for("deblurgan-head", 1));
  for (const NamedTensor& entry : state_from_torch(*network, tensors, "FILE")) {
    INFO(entry.name);
    CHECK(entry.tensor.to_floats().front() == (entry.name == "down1.conv.bias" ? 1.0F : 0.0F));
  }
}

TEST_CASE("foreign_weights: names in words keep the order of the file") {
  Context context;
  const auto network = make_generator(context, options_for("deblurgan-head", 1));
  std::vector<TorchTensor> tensors = state_dict(resnet_convs(9, 1));
  const std::vector<NamedTensor> ours = network->state();
  REQUIRE(ours.size() == tensors.size());
  for (std::size_t i = 0; i < ours.size(); ++i) tensors[i].name = ours[i].name;
  const std::vector<NamedTensor> state = state_from_torch(*network, tensors, "FILE");
  REQUIRE(state.size() == ours.size());
  for (std::size_t i = 0; i < ours.size(); ++i) CHECK(state[i].name == ours[i].name);
}

TEST_CASE("foreign_weights: layouts, with a kernel that a reader can redo by hand") {
  Context context;
  const auto network = make_generator(context, options_for("deblurgan-head", 1));
  std::vector<TorchTensor> tensors = state_dict(resnet_convs(9, 1));
  for (TorchTensor& tensor : tensors) {
    for (std::size_t i = 0; i < tensor.values.size(); ++i) tensor.values[i] = static_cast<float>(i);
  }
  for (const NamedTensor& entry : state_from_torch(*network, tensors, "FILE")) {
    const std::vector<float> values = entry.tensor.to_floats();
    if (entry.name == "head.conv.weight") {  // (1, 3, 7, 7) -> (1, 7, 7, 3)
      CHECK(std::vector<float>(values.begin(), values.begin() + 4) == std::vector<float>{0, 49, 98, 1});
    }
    if (entry.name == "up1.conv.weight") {  // (in 4, out 2, 3, 3) -> (in 4, 3, 3, out 2)
      CHECK(std::vector<float>(values.begin(), values.begin() + 4) == std::vector<float>{0, 9, 1, 10});
    }
  }
}

TEST_CASE("foreign_weights: networks that only look alike are refused with what differs") {
  std::vector<Conv> convs = resnet_convs(9, 2);
  for (Conv& conv : convs) {
    if (conv.path.ends_with("conv_block.1")) conv.path.back() = '0';
  }
  CHECK_THAT(refusal(state_dict(convs)),
             Catch::Contains("model.10.conv_block.0: stands first") && Catch::Contains("reflection padding"));

  convs = resnet_convs(9, 2);
  for (std::size_t i = 0; i < convs.size(); ++i) convs[i].path = "model." + std::to_string(10 + i);
  CHECK_THAT(refusal(state_dict(convs)), Catch::Contains("residual blocks: got 1, expected 9"));

  // Upsampling and a convolution (out, in) where a transposed convolution (in, out) is expected.
  convs = resnet_convs(9, 2);
  convs[21].shape = {2, 4, 3, 3};
  CHECK_THAT(
      refusal(state_dict(convs)),
      Catch::Contains("nearest is preset 'deblurgan' with ngf 1, 9 blocks and norm instance") &&
          Catch::Contains("model.19.weight (up1.conv.weight): got (2, 4, 3, 3), expected (4, 2, 3, 3)"));

  std::vector<TorchTensor> tensors = state_dict(resnet_convs(9, 2));
  tensors.push_back(zeros("attention.weight", {4, 4}));
  CHECK_THAT(refusal(tensors), Catch::Contains("1 unexpected: attention.weight"));

  tensors = state_dict(resnet_convs(9, 2));
  tensors.push_back(zeros("model.2.weight", {1}));
  tensors.push_back(zeros("model.2.bias", {1}));
  CHECK_THAT(refusal(tensors),
             Catch::Contains("norm batch") && Catch::Contains("missing: head.norm.running_mean"));

  tensors = state_dict(resnet_convs(9, 2));
  tensors.erase(tensors.begin() + 2);
  CHECK_THAT(refusal(tensors), Catch::Contains("nearest is preset"));
  CHECK_THAT(refusal({zeros("fc.weight", {4, 4})}), Catch::Contains("none of its 1 tensors"));
  CHECK_THAT(refusal({}), Catch::Contains("none of its 0 tensors"));
  CHECK_THAT(refusal({zeros("a.weight", {5000, 3, 7, 7})}), Catch::Contains("ngf: got 5000"));
}

TEST_CASE("foreign_weights: a named preset is taken at its word") {
  Context context;
  const std::string error =
      error_of([&] { load_generator(context, golden_weights("torch_head"), {.preset = "deblurgan-head"}); });
  CHECK_THAT(error,
             Catch::Contains("model.1.weight (head.conv.weight): got (1, 3, 7, 7), expected (64, 3, 7, 7)") &&
                 Catch::Contains("the file fits preset 'deblurgan-head' with ngf 1"));
}

TEST_CASE("foreign_weights: values that are not finite are refused with the tensor's name") {
  const test::TempFolder folder;
  std::string content = test::read_text(golden_weights("torch_head"));
  const std::string inf("\0\0\x80\x7f", 4);
  content.replace(content.size() - 4, 4, inf);  // the last element of the last storage
  test::write_text(folder / "w.pth", content);
  Context context;
  CHECK_THAT(error_of([&] { load_generator(context, folder / "w.pth"); }),
             Catch::Contains("not finite") && Catch::Contains("'model."));
}
