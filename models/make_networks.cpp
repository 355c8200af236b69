// Networks from their options, with first weights.
#include <cmath>

#include "core/random.h"
#include "kernels/check.h"
#include "layers/init.h"
#include "models/keras_gan.h"
#include "models/patch_discriminator.h"
#include "models/presets.h"
#include "models/quarter_generator.h"
#include "models/resnet_generator.h"
#include "models/unet_generator.h"

namespace dg {

namespace {

void check_range(const char* option, std::int64_t value, std::int64_t low, std::int64_t high) {
  check(value >= low && value <= high, option, ": got ", value, ", give a number between ", low, " and ",
        high);
}

void check_options(const GeneratorOptions& options) {
  check_range("ngf", options.ngf, 1, 1024);
  check_range("blocks", options.blocks, 0, 256);
  check_range("convs_per_block", options.convs_per_block, 1, 2);
  check(options.dropout >= 0.0 && options.dropout < 1.0, "dropout: got ", options.dropout,
        ", give a rate of at least 0 and below 1");
}

// A millionth of the variance that N(0, 0.02) weights would give:
// the first pictures are the inputs to a grey level.
constexpr double kAlmostZero = 1e-4;

void init_without_norm(Module& module, Generator& random, std::string_view last) {
  init_he_normal(module, random);
  for (const NamedTensor& parameter : module.parameters()) {
    if (parameter.name == last) fill_normal(parameter.tensor, random, 0.0, kAlmostZero);
  }
}

std::unique_ptr<Module> make_resnet(Context& context, const GeneratorOptions& options) {
  auto network = std::make_unique<ResnetGenerator>(
      context, ResnetGeneratorConfig{.ngf = options.ngf,
                                     .blocks = options.blocks,
                                     .convs_per_block = static_cast<int>(options.convs_per_block),
                                     .norm = options.norm,
                                     .dropout = options.dropout,
                                     .dropout_at_test = options.dropout_at_test,
                                     .learn_residual = options.learn_residual});
  if (options.norm == NormKind::none) {
    init_without_norm(*network, context.random(), "tail.conv.weight");
  } else {
    init_normal(*network, context.random());
  }
  return network;
}

std::unique_ptr<Module> make_unet(Context& context, const GeneratorOptions& options, int downs) {
  auto network =
      std::make_unique<UnetGenerator>(context, UnetGeneratorConfig{.downs = downs,
                                                                   .ngf = options.ngf,
                                                                   .norm = options.norm,
                                                                   .dropout = options.dropout,
                                                                   .dropout_at_test = options.dropout_at_test,
                                                                   .learn_residual = options.learn_residual});
  if (options.norm == NormKind::none) {
    init_without_norm(*network, context.random(), "up1.conv.weight");
  } else {
    init_normal(*network, context.random());
  }
  return network;
}

// Blocks start almost as the identity: eight of them with He's variance would amplify sixteenfold.
constexpr double kBlockGain = 0.1;

std::unique_ptr<Module> make_quarter(Context& context, const GeneratorOptions& options) {
  auto network = std::make_unique<QuarterGenerator>(
      context, QuarterGeneratorConfig{.ngf = options.ngf,
                                      .blocks = options.blocks,
                                      .norm = options.norm,
                                      .dropout = options.dropout,
                                      .dropout_at_test = options.dropout_at_test,
                                      .learn_residual = options.learn_residual});
  if (options.norm != NormKind::none) {
    init_normal(*network, context.random());
    return network;
  }
  init_without_norm(*network, context.random(), "tail.conv.weight");
  for (const NamedTensor& parameter : network->parameters()) {
    if (!parameter.name.ends_with("conv2.weight")) continue;
    const double he = std::sqrt(2.0 / static_cast<double>(9 * options.ngf));
    fill_normal(parameter.tensor, context.random(), 0.0, kBlockGain * he);
  }
  return network;
}

std::unique_ptr<Module> make_keras(Context& context, const GeneratorOptions& options) {
  auto network = std::make_unique<KerasGenerator>(
      context, KerasGeneratorConfig{.ngf = options.ngf,
                                    .blocks = options.blocks,
                                    .dropout = options.dropout,
                                    .dropout_at_test = options.dropout_at_test});
  init_glorot_uniform(*network, context.random());
  return network;
}

}  // namespace

std::unique_ptr<Module> make_generator(Context& context, const GeneratorOptions& options) {
  const Preset preset = find_preset(options.preset);
  check_options(options);
  switch (preset.family) {
    case GeneratorFamily::resnet: return make_resnet(context, options);
    case GeneratorFamily::unet: return make_unet(context, options, preset.unet_downs);
    case GeneratorFamily::keras: return make_keras(context, options);
    case GeneratorFamily::quarter: return make_quarter(context, options);
  }
  fail("preset ", preset.name, ": its family is outside the enumeration, use one of its names");
}

std::unique_ptr<Module> make_discriminator(Context& context, const DiscriminatorOptions& options) {
  check_range("ndf", options.ndf, 1, 1024);
  if (options.family == DiscriminatorFamily::keras) {
    auto network = std::make_unique<KerasDiscriminator>(
        context,
        KerasDiscriminatorConfig{.ndf = options.ndf, .height = options.height, .width = options.width});
    init_glorot_uniform(*network, context.random());
    return network;
  }
  auto network = std::make_unique<PatchDiscriminator>(
      context,
      PatchDiscriminatorConfig{
          .ndf = options.ndf, .layers = options.layers, .norm = options.norm, .sigmoid = options.sigmoid});
  if (options.norm == NormKind::none) {
    init_he_normal(*network, context.random());
  } else {
    init_normal(*network, context.random());
  }
  return network;
}

}  // namespace dg
