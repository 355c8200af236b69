// Pictures of any size and kind through networks whose answer is known.
#include "models/restorer.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include "core/ops.h"
#include "models/presets.h"
#include "tests/data/temp_folder.h"

using namespace dg;
using dg::test::error_of;

namespace {

// A network without weights: f(x). Remembers what it was given.
class Function final : public Module {
 public:
  Function(Context& context, std::function<Tensor(const Tensor&)> f) : Module(context), f_(std::move(f)) {}
  std::string kind() const override { return "Function"; }

  std::vector<Shape> shapes;
  bool trained = false;   // in training mode while it ran
  bool recorded = false;  // with gradients while it ran

 private:
  Tensor forward(const Tensor& x) override {
    shapes.push_back(x.shape());
    trained = training();
    recorded = context().grad_enabled();
    return f_(x);
  }

  std::function<Tensor(const Tensor&)> f_;
};

Tensor same(const Tensor& x) { return x; }

// Every value of the depth occurs if there are enough pixels.
Image ramp(std::int64_t width, std::int64_t height, int channels, int bit_depth) {
  Image image{width, height, channels, bit_depth, {}};
  for (std::int64_t i = 0; i < image.numel(); ++i) {
    image.pixels.push_back(
        static_cast<std::uint16_t>((i * (bit_depth == 8 ? 1 : 257)) % (image.max_value() + 1)));
  }
  return image;
}

// Grey values, as three equal channels.
FloatImage rgb(std::int64_t width, std::int64_t height, const std::vector<float>& values) {
  FloatImage image(width, height, 1);
  image.pixels = values;
  return to_rgb(image);
}

std::vector<float> repeated(const std::vector<float>& row, int times) {
  std::vector<float> rows;
  for (int i = 0; i < times; ++i) rows.insert(rows.end(), row.begin(), row.end());
  return rows;
}

}  // namespace

TEST_CASE("restorer: the identity gives every 8-bit and 16-bit value back, in every kind of picture") {
  Context context;
  Function identity(context, same);
  Restorer restorer(identity);
  for (const int bit_depth : {8, 16}) {
    for (int channels = 1; channels <= 4; ++channels) {
      INFO(bit_depth << " bits, " << channels << " channels");
      const Image image = ramp(256, 3, channels, bit_depth);
      const Image back = restorer.restore_image(image);
      CHECK(back.channels == channels);
      CHECK(back.bit_depth == bit_depth);
      CHECK(back.pixels == image.pixels);
    }
  }
  const Image all = ramp(256, 256, 1, 16);
  CHECK(restorer.restore_image(all).pixels == all.pixels);
}

TEST_CASE("restorer: the network gets multiples, the caller its own size back") {
  Context context;
  Function identity(context, same);
  Restorer restorer(identity, {.size_multiple = 4, .minimum_size = 8});
  for (const auto& [width, height, padded_width, padded_height] : std::vector<std::array<std::int64_t, 4>>{
           {1, 1, 8, 8}, {3, 5, 8, 8}, {34, 21, 36, 24}, {8, 12, 8, 12}}) {
    const FloatImage image = to_float(ramp(width, height, 3, 8));
    const FloatImage back = restorer.restore(image);
    CHECK(back.width == width);
    CHECK(back.height == height);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) {
      REQUIRE(back.pixels[i] == Approx(image.pixels[i]).margin(1e-6));
    }
    CHECK(identity.shapes.back() == Shape{1, padded_height, padded_width, 3});
  }
}

TEST_CASE("restorer: every preset restores the smallest picture") {
  for (const Preset& preset : all_presets()) {
    INFO(preset.name);
    Context context;
    GeneratorOptions options = preset.generator;
    options.ngf = 1;
    const auto network = make_generator(context, options);
    Restorer restorer(*network, {.size_multiple = preset.size_multiple, .minimum_size = preset.minimum_size});
    const Image back = restorer.restore_image(ramp(1, 2, 3, 8));
    CHECK(back.width == 1);
    CHECK(back.height == 2);
  }
}

TEST_CASE("restorer: padding mirrors back and forth without repeating the border") {
  Context context;
  std::vector<float> seen;
  Function spy(context, [&](const Tensor& x) {
    seen = slice(x, 3, 0, 1).to_floats();
    return x;
  });
  const auto padded = [&](const FloatImage& image, std::int64_t multiple) {
    Restorer(spy, {.size_multiple = multiple, .minimum_size = 1}).restore(image);
    for (float& value : seen) value = value * 0.5F + 0.5F;
    return seen;
  };
  const FloatImage columns = rgb(3, 1, {0.25F, 0.5F, 0.75F});
  CHECK(padded(columns, 8) == repeated({0.25F, 0.5F, 0.75F, 0.5F, 0.25F, 0.5F, 0.75F, 0.5F}, 8));
  CHECK(padded(rgb(1, 1, {0.75F}), 2) == std::vector<float>(4, 0.75F));
  CHECK(padded(rgb(1, 3, {0.0F, 0.5F, 1.0F}), 4) ==
        std::vector<float>{0, 0, 0, 0, 0.5F, 0.5F, 0.5F, 0.5F, 1, 1, 1, 1, 0.5F, 0.5F, 0.5F, 0.5F});
}

TEST_CASE("restorer: sides go up to the next multiple and at least the minimum") {
  CHECK(padded_side(1, {4, 8}) == 8);
  CHECK(padded_side(8, {4, 8}) == 8);
  CHECK(padded_side(9, {4, 8}) == 12);
  CHECK(padded_side(257, {256, 256}) == 512);
  CHECK(padded_side(3, {4, 6}) == 8);
}

TEST_CASE("restorer: pictures go in as -1 to 1, alpha never does") {
  // 32 / 255 in -1 .. 1 is 16 grey levels; white stays white.
  Context context;
  Function brighter(context, [](const Tensor& x) { return clamp(x + 32.0 / 255.0, -1.0, 1.0); });
  Restorer restorer(brighter);
  const Image rgba{2, 1, 4, 8, {0, 100, 239, 7, 240, 255, 1, 0}};
  CHECK(restorer.restore_image(rgba).pixels == std::vector<std::uint16_t>{16, 116, 255, 7, 255, 255, 17, 0});
  const Image grey_alpha{2, 1, 2, 8, {10, 200, 250, 3}};
  CHECK(restorer.restore_image(grey_alpha).pixels == std::vector<std::uint16_t>{26, 200, 255, 3});
}

TEST_CASE("restorer: grey comes back as the luma of the restored colours") {
  // Red alone becomes white: luma 0.299 * 255 + 0.701 * 100 = 146.345.
  Context context;
  Function redder(context, [](const Tensor& x) {
    const Tensor red = Tensor::ones(x.context(), {x.dim(0), x.dim(1), x.dim(2), 1});
    return concat({red, slice(x, 3, 1, 3)}, 3);
  });
  Restorer restorer(redder);
  CHECK(restorer.restore_image({1, 1, 1, 8, {100}}).pixels == std::vector<std::uint16_t>{146});
}

TEST_CASE("restorer: runs in eval mode without gradients and leaves the mode as it was") {
  for (const bool training : {true, false}) {
    Context context;
    Function network(context, same);
    network.train(training);
    Restorer(network).restore(FloatImage(3, 3, 3));
    CHECK_FALSE(network.trained);
    CHECK_FALSE(network.recorded);
    CHECK(network.training() == training);
    CHECK(context.grad_enabled());
  }
}

TEST_CASE("restorer: the mode is put back after a failure too") {
  Context context;
  Function broken(context, [](const Tensor&) -> Tensor { throw Error("broken"); });
  CHECK(error_of([&] { Restorer(broken).restore(FloatImage(3, 3, 3)); }) == "broken");
  CHECK(broken.training());
  CHECK(context.grad_enabled());
}

TEST_CASE("restorer: what cannot be restored is refused with advice") {
  Context context;
  Function identity(context, same);
  CHECK_THAT(error_of([&] { Restorer(identity).restore(FloatImage(3, 3, 1)); }),
             Catch::Contains("1 channels"));
  CHECK_THAT(error_of([&] { Restorer(identity, {.size_multiple = 0}); }), Catch::Contains("multiple of 0"));
  Function nan(context, [](const Tensor& x) { return x * std::numeric_limits<double>::quiet_NaN(); });
  CHECK_THAT(error_of([&] { Restorer(nan).restore(FloatImage(3, 3, 3)); }),
             Catch::Contains("earlier checkpoint"));
  Function half(context, [](const Tensor& x) { return max_pool2d(x, 2, 2); });
  CHECK_THAT(error_of([&] { Restorer(half).restore(FloatImage(8, 8, 3)); }), Catch::Contains("(1, 4, 4, 3)"));
}

TEST_CASE("restorer: what does not fit into memory is refused with the picture's size and advice") {
  Context context;
  Function greedy(context, [](const Tensor& x) {
    return Tensor::zeros(x.context(), {1 << 20, 1 << 20, 1 << 10});
  });
  CHECK_THAT(error_of([&] { Restorer(greedy).restore(FloatImage(30, 20, 3)); }),
             Catch::Contains("not enough memory for a picture of 30x20") &&
                 Catch::Contains("make the picture smaller"));
}
