// VGG weights in both namings, input conventions, and what is said about files that do not fit.
#include "models/vgg.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <unistd.h>

#include "core/ops.h"
#include "data/safetensors.h"
#include "tests/models/formula.h"

using namespace dg;

namespace {

using Filter = std::function<bool(const std::string& name)>;

// A file with formula weights up to the given layer, removed at the end.
class VggFile {
 public:
  enum class Naming { keras, keras_paths, torchvision };

  VggFile(
      Naming naming, const VggOptions& up_to, const std::map<std::string, std::string>& metadata = {},
      const Filter& keep = [](const std::string&) { return true; }) {
    for (const VggConv& conv : vgg_convs(up_to)) {
      for (const bool kernel : {true, false}) add(naming, conv, kernel, keep);
    }
    std::vector<SafeTensorToWrite> tensors;
    for (const Stored& stored : stored_) {
      tensors.push_back({stored.name, SafeDType::F32, stored.shape, std::as_bytes(std::span(stored.values))});
    }
    write_safetensors(path_, tensors, metadata);
  }
  VggFile(const VggFile&) = delete;
  VggFile& operator=(const VggFile&) = delete;
  ~VggFile() { std::filesystem::remove(path_); }

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Stored {
    std::string name;
    std::vector<std::int64_t> shape;
    std::vector<float> values;
  };

  // The value of our weight at (k, r, s, c), wherever a naming keeps it.
  static float value(const VggConv& conv, std::int64_t k, std::int64_t tap, std::int64_t c) {
    const auto code = static_cast<double>((k * 9 + tap) * 8 + c % 8);
    return static_cast<float>(0.01 * std::sin(code + conv.torchvision_index));
  }

  void add(Naming naming, const VggConv& conv, bool kernel, const Filter& keep) {
    const std::string index = "features." + std::to_string(conv.torchvision_index);
    Stored stored;
    switch (naming) {
      case Naming::keras: stored.name = conv.name + (kernel ? "_kernel" : "_bias"); break;
      case Naming::keras_paths: stored.name = conv.name + (kernel ? "/kernel:0" : "/bias:0"); break;
      case Naming::torchvision: stored.name = index + (kernel ? ".weight" : ".bias"); break;
    }
    if (!keep(stored.name)) return;
    const std::int64_t in = conv.in_channels;
    const std::int64_t out = conv.out_channels;
    if (!kernel) {
      stored.shape = {out};
      for (std::int64_t k = 0; k < out; ++k) stored.values.push_back(value(conv, k, 0, 0));
    } else if (naming == Naming::torchvision) {
      stored.shape = {out, in, 3, 3};
      for (std::int64_t k = 0; k < out; ++k) {
        for (std::int64_t c = 0; c < in; ++c) {
          for (std::int64_t tap = 0; tap < 9; ++tap) stored.values.push_back(value(conv, k, tap, c));
        }
      }
    } else {
      stored.shape = {3, 3, in, out};
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        for (std::int64_t c = 0; c < in; ++c) {
          for (std::int64_t k = 0; k < out; ++k) stored.values.push_back(value(conv, k, tap, c));
        }
      }
    }
    stored_.push_back(std::move(stored));
  }

  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("deblurgan_vgg_" + std::to_string(::getpid()) + ".safetensors");
  std::vector<Stored> stored_;
};

constexpr auto kKeras = VggFile::Naming::keras;
constexpr auto kTorchvision = VggFile::Naming::torchvision;

const VggOptions kShallow{.depth = VggDepth::vgg19, .layer = "block1_conv2"};

// One pixel, so that what the first convolution sees can be followed by hand.
std::vector<float> prepared(VggInput input) {
  Context context;
  VggFeatures network(context, {.layer = "block1_conv1", .input = input});
  // Output channels 0, 1, 2 pass the input channels 0, 1, 2 through: the centre tap (1, 1) of weight (64, 3,
  // 3, 3).
  std::vector<float> weight(64 * 9 * 3, 0.0F);
  for (std::size_t c = 0; c < 3; ++c) weight[(c * 9 + 4) * 3 + c] = 1.0F;
  network.parameters().front().tensor.copy_from(Tensor::from_host(context, {64, 3, 3, 3}, weight));
  const std::vector<float> red_to_blue{-1.0F, 0.0F, 1.0F};
  std::vector<float> y = network(Tensor::from_host(context, {1, 1, 1, 3}, red_to_blue)).to_floats();
  y.resize(3);
  return y;
}

}  // namespace

TEST_CASE("vgg: the table is VGG16's and VGG19's, with torchvision's positions") {
  const std::vector<VggConv> deep = vgg_convs({.depth = VggDepth::vgg19, .layer = "block5_conv4"});
  REQUIRE(deep.size() == 16);
  CHECK(deep.back().torchvision_index == 34);
  const std::vector<VggConv> shallow = vgg_convs({.depth = VggDepth::vgg16, .layer = "conv5_3"});
  REQUIRE(shallow.size() == 13);
  CHECK(shallow.back().torchvision_index == 28);
  CHECK(vgg_convs({}).back().torchvision_index == 14);
  CHECK_THROWS_WITH(vgg_convs({.depth = VggDepth::vgg16, .layer = "block3_conv4"}),
                    Catch::Contains("block3_conv4"));
}

TEST_CASE("vgg: both namings give the same network") {
  Context context;
  std::vector<std::vector<float>> outputs;
  for (const auto naming : {kKeras, VggFile::Naming::keras_paths, kTorchvision}) {
    const VggFile file(naming, kShallow);
    const auto network = make_vgg_features(context, kShallow, file.path());
    outputs.push_back((*network)(golden::image(context, "photo", {1, 6, 5, 3}, DType::float32)).to_floats());
  }
  CHECK(outputs[0] == outputs[1]);
  CHECK(outputs[0] == outputs[2]);
  float largest = 0.0F;
  for (const float value : outputs[0]) largest = std::max(largest, std::abs(value));
  CHECK(largest > 0.0F);
}

TEST_CASE("vgg: weights land at (k, r, s, c)") {
  Context context;
  const VggFile file(kKeras, {.layer = "block1_conv1"});
  const auto network = make_vgg_features(context, {.layer = "block1_conv1"}, file.path());
  const std::vector<float> weight = network->parameters()[0].tensor.to_floats();
  const std::vector<float> stored = SafeTensorsFile(file.path()).read_as_float("block1_conv1_kernel");
  // Ours (k, r, s, c) = (5, 2, 0, 1) is Keras' (r, s, c, k) = (2, 0, 1, 5).
  CHECK(weight[((5 * 3 + 2) * 3 + 0) * 3 + 1] == stored[((2 * 3 + 0) * 3 + 1) * 64 + 5]);
}

TEST_CASE("vgg: F16 weights are read") {
  // 1.0 is 0x3C00, -2.0 is 0xC000.
  Context context;
  std::vector<std::uint16_t> kernel(3 * 3 * 3 * 64, 0x3C00);
  std::vector<std::uint16_t> bias(64, 0xC000);
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("deblurgan_vgg16_" + std::to_string(::getpid()) + ".safetensors");
  write_safetensors(path,
                    {{"block1_conv1_kernel", SafeDType::F16, {3, 3, 3, 64}, std::as_bytes(std::span(kernel))},
                     {"block1_conv1_bias", SafeDType::F16, {64}, std::as_bytes(std::span(bias))}});
  const auto network = make_vgg_features(context, {.layer = "block1_conv1"}, path);
  std::filesystem::remove(path);
  // A single white pixel: three channels of 1, minus 2.
  CHECK((*network)(Tensor::ones(context, {1, 1, 1, 3})).to_floats().front() == 1.0F);
}

TEST_CASE("vgg: input conventions, at red -1, green 0, blue 1") {
  CHECK(prepared(VggInput::as_is) == std::vector<float>{-1.0F, 0.0F, 1.0F});

  const std::vector<float> torchvision = prepared(VggInput::imagenet_torchvision);
  CHECK(torchvision[0] == Approx((0.0 - 0.485) / 0.229));
  CHECK(torchvision[1] == Approx((0.5 - 0.456) / 0.224));
  CHECK(torchvision[2] == Approx((1.0 - 0.406) / 0.225));

  const std::vector<float> keras = prepared(VggInput::imagenet_keras);  // blue first
  CHECK(keras[0] == Approx(255.0 - 103.939));
  CHECK(keras[1] == Approx(127.5 - 116.779));
  CHECK(keras[2] == Approx(0.0 - 123.68));
}

TEST_CASE("vgg: 'imagenet' follows the file, its metadata before its names") {
  Context context;
  VggOptions options = kShallow;
  options.input = VggInput::imagenet;
  const auto resolved = [&](VggFile::Naming naming, const std::map<std::string, std::string>& metadata) {
    const VggFile file(naming, kShallow, metadata);
    return make_vgg_features(context, options, file.path())->options().input;
  };
  CHECK(resolved(kKeras, {}) == VggInput::imagenet_keras);
  CHECK(resolved(kTorchvision, {}) == VggInput::imagenet_torchvision);
  CHECK(resolved(kTorchvision, {{"format", "keras"}}) == VggInput::imagenet_keras);
  CHECK_THROWS_WITH(VggFeatures(context, options), Catch::Contains("depends on the weight file"));
}

TEST_CASE("vgg: missing tensors are listed together with the namings") {
  Context context;
  const auto keep = [](const std::string& name) {
    return name != "block1_conv2_kernel" && name != "block1_conv1_bias";
  };
  const VggFile file(kKeras, kShallow, {}, keep);
  CHECK_THROWS_WITH(
      make_vgg_features(context, kShallow, file.path()),
      Catch::Contains("block1_conv1_bias, block1_conv2_kernel") && Catch::Contains("features.0.weight"));
}

TEST_CASE("vgg: a file that ends before the layer is refused") {
  Context context;
  const VggFile file(kTorchvision, kShallow);
  CHECK_THROWS_WITH(make_vgg_features(context, {.layer = "block2_conv1"}, file.path()),
                    Catch::Contains("features.5.weight, features.5.bias"));
}

TEST_CASE("vgg: the other VGG's file is refused though the names agree") {
  Context context;
  {
    const VggFile by_name(kKeras, {.depth = VggDepth::vgg19, .layer = "block3_conv4"});
    CHECK_THROWS_WITH(
        make_vgg_features(context, {.depth = VggDepth::vgg16, .layer = "block3_conv3"}, by_name.path()),
        Catch::Contains("weights of vgg19") && Catch::Contains("vgg16 was asked for"));
  }
  const VggFile by_metadata(kKeras, kShallow, {{"architecture", "vgg16"}});
  CHECK_THROWS_WITH(make_vgg_features(context, kShallow, by_metadata.path()),
                    Catch::Contains("weights of vgg16"));
}

TEST_CASE("vgg: without a file it says what to bring and what needs none") {
  Context context;
  CHECK_THROWS_WITH(make_vgg_features(context, {}, ""), Catch::Contains("vgg19") &&
                                                            Catch::Contains("safetensors") &&
                                                            Catch::Contains("l1, mse or charbonnier"));
}

TEST_CASE("vgg: images too small for the layer are refused") {
  Context context;
  VggFeatures network(context, {});
  CHECK_THROWS_WITH(network(Tensor::zeros(context, {1, 8, 3, 3})),
                    Catch::Contains("8x3") && Catch::Contains("4x4"));
}
