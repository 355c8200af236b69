// The table of presets.
#include "models/presets.h"

#include "kernels/check.h"

namespace dg {

namespace {

// Kupyn et al. 2017, section 4.2 and the program's options.
Preset deblurgan() {
  Preset preset;
  preset.name = "deblurgan";
  preset.summary =
      "the paper's network: 9 blocks of two convolutions, instance norm; WGAN-GP and VGG19 conv3_3";
  return preset;
}

Preset deblurgan_head() {
  Preset preset = deblurgan();
  preset.name = "deblurgan-head";
  preset.summary = "the repository as it stands: one convolution per block";
  preset.generator.convs_per_block = 1;
  return preset;
}

Preset resnet_6blocks() {
  Preset preset = deblurgan();
  preset.name = "resnet_6blocks";
  preset.summary = "deblurgan with 6 blocks";
  preset.generator.blocks = 6;
  return preset;
}

Preset unet(const char* name, const char* summary, int downs) {
  Preset preset = deblurgan();
  preset.name = name;
  preset.summary = summary;
  preset.family = GeneratorFamily::unet;
  preset.unet_downs = downs;
  preset.size_multiple = std::int64_t{1} << downs;
  preset.minimum_size = preset.size_multiple;
  preset.generator.blocks = 0;
  return preset;
}

// Without normalisation: instance norm cost 0.7 dB at this scale in a trial of four minutes on two cores.
Preset small() {
  Preset preset = deblurgan();
  preset.name = "small";
  preset.summary = "deblurgan with 16 channels, 3 blocks and no norm, for CPUs and trials";
  preset.generator.ngf = 16;
  preset.generator.blocks = 3;
  preset.generator.norm = NormKind::none;
  preset.generator.dropout = 0.0;
  preset.discriminator.ndf = 16;
  preset.training.gan_type = "lsgan";  // one cheap update of the discriminator a step, no second derivatives
  preset.training.content = "l1";
  preset.training.critic_updates = 1;
  preset.training.crop_size = 128;
  preset.training.batch_size = 4;
  preset.training.learning_rate = 1e-3;
  preset.training.beta1 = 0.9;
  return preset;
}

// Ours: what two cores can carry on photographs. docs/results.md shows what it reached, without the discriminator.
Preset quarter() {
  Preset preset = small();
  preset.name = "quarter";
  preset.summary = "8 residual blocks of 64 channels at a quarter of the resolution, for photographs on CPUs";
  preset.family = GeneratorFamily::quarter;
  preset.generator.ngf = 64;
  preset.generator.blocks = 8;
  preset.training.learning_rate = 5e-4;
  preset.training.batch_size = 8;
  return preset;
}

// RaphaelMeudec/deblur-gan, deblurgan/model.py and scripts/train.py. Its Wasserstein loss has no penalty, and
// its rate never decays.
Preset keras() {
  Preset preset;
  preset.name = "keras";
  preset.summary = "the Keras program: batch norm, upsampling, (net + image) / 2; Wasserstein loss and VGG16";
  preset.family = GeneratorFamily::keras;
  preset.generator.norm = NormKind::batch;
  preset.discriminator.family = DiscriminatorFamily::keras;
  preset.discriminator.norm = NormKind::batch;
  preset.training.gan_type = "wgan";
  preset.training.vgg = {.depth = VggDepth::vgg16, .layer = "block3_conv3", .after_relu = true};
  preset.training.beta1 = 0.9;
  preset.training.schedule = "constant";
  preset.training.epochs = 4;
  preset.training.decay_epochs = 0;
  preset.training.preprocess = "resize";
  return preset;
}

}  // namespace

std::vector<Preset> all_presets() {
  std::vector<Preset> presets{
      keras(),
      deblurgan(),
      deblurgan_head(),
      small(),
      quarter(),
      resnet_6blocks(),
      unet("unet_128", "pix2pix's U-Net with 7 levels, sizes in multiples of 128", 7),
      unet("unet_256", "pix2pix's U-Net with 8 levels, sizes in multiples of 256", 8)};
  for (Preset& preset : presets) preset.generator.preset = preset.name;
  return presets;
}

Preset find_preset(std::string_view name) {
  std::string names;
  for (Preset& preset : all_presets()) {
    if (preset.name == name) return std::move(preset);
    names += (names.empty() ? "" : ", ") + preset.name;
  }
  fail("preset: got '", name, "', expected one of ", names);
}

}  // namespace dg
