// The networks and training objectives by name, as the papers and programs have them;
// makers for both networks; and the text form of a generator's options, which a weight file carries so
// that it rebuilds its network.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/conv_norm.h"
#include "models/vgg.h"

namespace dg {

// ---- generators ----

enum class GeneratorFamily : std::uint8_t { resnet, unet, keras, quarter };

// Options that a family does not have (a U-Net's blocks, the Keras generator's norm) are not looked at.
struct GeneratorOptions {
  std::string preset = "deblurgan";
  std::int64_t ngf = 64;             // channels at full resolution, 1..1024
  std::int64_t blocks = 9;           // residual blocks, 0..256
  std::int64_t convs_per_block = 2;  // 1 or 2
  NormKind norm = NormKind::instance;
  double dropout = 0.5;          // rate in [0, 1) of the residual blocks or inner levels
  bool dropout_at_test = false;  // a choice of the run, not of the network: not written to weight files
  bool learn_residual = true;    // clamp(image + net(image), -1, 1); false: net(image)

  bool operator==(const GeneratorOptions&) const = default;
};

// ---- discriminators ----

enum class DiscriminatorFamily : std::uint8_t { patch, keras };

struct DiscriminatorOptions {
  DiscriminatorFamily family = DiscriminatorFamily::patch;
  std::int64_t ndf = 64;               // 1..1024
  int layers = 3;                      // patch: strided convolutions
  NormKind norm = NormKind::instance;  // patch
  bool sigmoid = false;                // patch
  std::int64_t height = 256;           // keras: the size of the images that it will judge
  std::int64_t width = 256;

  bool operator==(const DiscriminatorOptions&) const = default;
};

// ---- training ----

// What a preset trains with unless told otherwise. Names are those of the command line.
struct TrainingDefaults {
  std::string gan_type = "wgan-gp";  // wgan-gp, wgan, lsgan, gan
  double penalty_weight = 10.0;      // lambda of the gradient penalty
  int critic_updates = 5;            // per update of the generator, on the same batch
  double adversarial_weight = 1.0;
  std::string content = "perceptual";  // perceptual, l1, mse, charbonnier, psnr
  double content_weight = 100.0;
  VggOptions vgg = {};
  double learning_rate = 1e-4;
  double beta1 = 0.5;
  double beta2 = 0.999;
  std::string schedule = "linear";  // linear: constant, then a straight line to 0; constant
  int epochs = 150;                 // at the constant rate
  int decay_epochs = 150;           // of the straight line
  std::string preprocess = "crop";  // crop, resize, resize_and_crop, none
  std::int64_t crop_size = 256;     // pixels, of the images that the networks see
  std::int64_t batch_size = 1;
};

// ---- presets ----

struct Preset {
  std::string name;
  std::string summary;  // one line for --help
  GeneratorFamily family = GeneratorFamily::resnet;
  int unet_downs = 0;              // U-Nets: halvings
  std::int64_t size_multiple = 4;  // the generator's height and width are multiples of this ...
  std::int64_t minimum_size = 8;   // ... and at least this; pad other images
  GeneratorOptions generator;
  DiscriminatorOptions discriminator;
  TrainingDefaults training;
};

std::vector<Preset> all_presets();
// Throws Error with the list of names for one that is not in it.
Preset find_preset(std::string_view name);

// ---- makers: random weights from the context's generator ----

// N(0, 0.02), DeblurGAN's; Glorot-uniform for `keras`. Without normalisation He's rule instead, and a last
// convolution of almost 0: N(0, 0.02) would let the signal die, and the network starts as the identity where
// it learns a residual. Throws Error for options out of range.
std::unique_ptr<Module> make_generator(Context& context, const GeneratorOptions& options);
std::unique_ptr<Module> make_discriminator(Context& context, const DiscriminatorOptions& options);

// ---- text form ----

using Metadata = std::map<std::string, std::string>;

// Keys preset, ngf, blocks, convs_per_block, norm, dropout, learn_residual.
Metadata to_metadata(const GeneratorOptions& options);
// Other keys are ignored, missing ones are the preset's. Throws Error without a preset,
// or for a value that is none.
GeneratorOptions generator_options(const Metadata& metadata);

}  // namespace dg
