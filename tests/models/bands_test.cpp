// A network in bands gives what it gives on the whole image.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "core/ops.h"
#include "layers/init.h"
#include "models/bands/forward.h"
#include "models/bands/fused.h"
#include "models/presets.h"

using namespace dg;

namespace {

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<float> x = a.to_floats();
  const std::vector<float> y = b.to_floats();
  REQUIRE(x.size() == y.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(x[i] - y[i])));
  }
  return largest;
}

Tensor random_image(Context& context, const Shape& shape) {
  return Tensor::uniform(context, shape) * 2.0 - 1.0;
}

// Every band of every height from 1 row on, put together, against the stage on the whole map.
void check_stage(Context& context, const BandStage& stage, Module& conv, const BandBorder& border,
                 std::int64_t height) {
  const NoGrad no_grad(context);
  const Tensor x = random_image(context, {2, height, 7, 3});
  Tensor padded = border.reflect == 0 ? x : pad2d(x, Padding2d::all(border.reflect), PadMode::reflect);
  if (border.upsample != 1) padded = upsample_nearest2d(padded, border.upsample);
  const Tensor expected = conv(padded);
  const MapSize input{height, 7, 3};
  REQUIRE(stage.output_size(input) == MapSize{expected.dim(1), expected.dim(2), expected.dim(3)});
  for (std::int64_t rows = 1; rows <= expected.dim(1); ++rows) {
    for (std::int64_t begin = 0; begin < expected.dim(1); begin += rows) {
      const Rows output{begin, std::min(begin + rows, expected.dim(1))};
      const Rows needed = stage.input_rows(output, input);
      const Tensor band = stage.convolve(slice(x, 1, needed.begin, needed.end), needed, output, input);
      INFO(conv.kind() << " " << conv.details() << ", height " << height << ", rows " << output.begin
                       << " to " << output.end << " from " << needed.begin << " to " << needed.end);
      CHECK(largest_difference(band, slice(expected, 1, output.begin, output.end)) < 1e-5);
    }
  }
}

}  // namespace

TEST_CASE("bands: a convolution of some rows equals those rows of the whole") {
  Context context({.threads = 1, .seed = 4});
  const std::vector<Conv2dConfig> configs = {
      {.in_channels = 3, .out_channels = 2, .kernel = 3, .padding = Padding2d::all(1)},
      {.in_channels = 3, .out_channels = 2, .kernel = 3, .stride = 2, .padding = Padding2d::all(1)},
      {.in_channels = 3, .out_channels = 2, .kernel = 4, .stride = 2, .padding = {1, 2, 1, 0}},
      {.in_channels = 3, .out_channels = 2, .kernel = 3, .stride = 2, .same = true},
      {.in_channels = 3, .out_channels = 2, .kernel_h = 5, .kernel_w = 1, .same = true},
      {.in_channels = 3, .out_channels = 2, .kernel = 1, .stride = 3}};
  for (const Conv2dConfig& config : configs) {
    Conv2d conv(context, config);
    for (const BandBorder border : {BandBorder{}, BandBorder{.reflect = 3}, BandBorder{.upsample = 2}}) {
      for (const std::int64_t height : {5, 8, 9}) {
        check_stage(context, BandStage(conv, nullptr, border), conv, border, height);
      }
    }
  }
}

TEST_CASE("bands: a transposed convolution of some rows equals those rows of the whole") {
  Context context({.threads = 1, .seed = 5});
  const std::vector<ConvTranspose2dConfig> configs = {
      {.in_channels = 3,
       .out_channels = 2,
       .kernel = 3,
       .stride = 2,
       .padding = Padding2d::all(1),
       .output_padding = 1},
      {.in_channels = 3, .out_channels = 2, .kernel = 4, .stride = 4},
      {.in_channels = 3, .out_channels = 2, .kernel = 4, .stride = 2, .padding = Padding2d::all(1)},
      {.in_channels = 3, .out_channels = 2, .kernel = 5, .padding = {2, 1, 0, 2}},
      {.in_channels = 3, .out_channels = 2, .kernel = 2, .stride = 2}};
  for (const ConvTranspose2dConfig& config : configs) {
    ConvTranspose2d conv(context, config);
    for (const std::int64_t height : {1, 2, 6}) {
      check_stage(context, BandStage(conv, nullptr), conv, {}, height);
    }
  }
}

TEST_CASE("bands: every preset that can be cut equals itself on the whole image") {
  struct Case {
    const char* preset;
    NormKind norm;
    std::int64_t convs;
  };
  for (const Case& c : {Case{"deblurgan", NormKind::instance, 2}, Case{"deblurgan", NormKind::batch, 2},
                        Case{"deblurgan", NormKind::none, 2}, Case{"deblurgan", NormKind::instance, 1},
                        Case{"keras", NormKind::batch, 2}, Case{"quarter", NormKind::none, 2},
                        Case{"quarter", NormKind::instance, 2}}) {
    Context context({.threads = 1, .seed = 6});
    GeneratorOptions options = find_preset(c.preset).generator;
    options.ngf = 4;
    options.blocks = 2;
    options.norm = c.norm;
    options.convs_per_block = c.convs;
    const std::unique_ptr<Module> generator = make_generator(context, options);
    // Weights that let the signal through, so that a wrong row would show.
    init_he_normal(*generator, context.random());
    generator->eval();
    const NoGrad no_grad(context);
    const Tensor image = random_image(context, {2, 44, 24, 3});
    const Tensor whole = (*generator)(image);
    const BandNetwork bands = dynamic_cast<Banded&>(*generator).bands();
    for (const std::int64_t rows : {1, 7, 16, 1000}) {
      for (const std::int64_t keep : {std::int64_t{0}, std::int64_t{20000}, std::int64_t{1} << 40}) {
        INFO(c.preset << ", norm " << to_string(c.norm) << ", " << rows << " rows, keeps " << keep
                      << " bytes");
        const Tensor cut = forward_in_bands(bands, image, {rows, keep});
        CHECK(largest_difference(cut, whole) < 2e-4);  // measured: 5e-6
      }
    }
  }
}

TEST_CASE("bands: dropout at test is refused") {
  Context context({.threads = 1});
  GeneratorOptions options = find_preset("deblurgan").generator;
  options.ngf = 2;
  options.blocks = 1;
  options.dropout_at_test = true;
  const std::unique_ptr<Module> generator = make_generator(context, options);
  CHECK_THROWS_WITH(dynamic_cast<Banded&>(*generator).bands(), Catch::Contains("dropout is on at test"));
}

TEST_CASE("bands: the fused forward equals the layers one by one") {
  for (const char* name : {"deblurgan", "quarter", "keras"}) {
    Context context({.threads = 2, .seed = 5});
    const Preset preset = find_preset(name);
    const auto generator = make_generator(context, preset.generator);
    init_he_normal(*generator, context.random(), 0.5);  // or tanh and clamp would hide a difference
    // Large enough for Winograd's tiles in every layer of 3x3.
    const Tensor image = random_image(context, {2, 64, 48, 3});
    generator->eval();
    REQUIRE_FALSE(may_fuse(*generator, image));
    const Tensor recorded = (*generator)(image);
    const NoGrad no_grad(context);
    REQUIRE(may_fuse(*generator, image));
    INFO(name);
    // Measured: 2e-5 with instance norm, whose statistics are summed in another order; the same bits without.
    CHECK(largest_difference((*generator)(image), recorded) < 2e-4);
    generator->train();
    CHECK_FALSE(may_fuse(*generator, image));
  }
}
