// Options start from the preset (--preset) or from a file (--config), then the rest of the command line is laid over
// them. The spellings of DeblurGAN, pix2pix and the Keras program are accepted beside ours.
#include "apps/train_arguments.h"

#include <CLI/CLI.hpp>
#include <filesystem>

#include "apps/common.h"
#include "apps/option_values.h"
#include "data/input_file.h"

namespace dg::apps {
namespace {

constexpr const char* kProgram = "deblurgan-train";

constexpr const char* kDescription = "Trains a GAN to remove motion blur from photographs.";
constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-train --data procedural --preset small --out runs/first --minutes 3\n"
    "  deblurgan-train --data GOPRO_Large --preset deblurgan --vgg-weights vgg19.safetensors --out "
    "runs/gopro\n"
    "  deblurgan-train --data pairs:0.4 --data sharp_photos:0.6 --content l1 --preset small --out "
    "runs/mixed\n"
    "  deblurgan-train --data GOPRO_Large --check-data\n"
    "  deblurgan-train --resume runs/gopro\n"
    "  deblurgan-train --report runs/gopro\n"
    "\n"
    "Exit code: 0 done, 1 failed, 2 wrong arguments, 130 Ctrl-C: the run can be resumed.";

// What decides the defaults of everything else.
struct Base {
  std::string preset;
  std::string config;
};

// --preset, its old spellings, and --config, read before the options that depend on them.
Base find_base(int argc, char** argv) {
  Base base;
  const auto value = [&](int& i, const std::string& argument,
                         const std::string& name) -> std::optional<std::string> {
    if (argument == name && i + 1 < argc) return argv[++i];
    if (argument.starts_with(name + "=")) return argument.substr(name.size() + 1);
    return std::nullopt;
  };
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (auto preset = value(i, argument, "--preset")) {
      base.preset = *preset;
    } else if (auto file = value(i, argument, "--config")) {
      base.config = *file;
    } else if (auto netG = value(i, argument, "--which_model_netG");
               netG || (netG = value(i, argument, "--netG"))) {
      base.preset = *netG == "resnet_9blocks" ? "deblurgan" : *netG;
    }
  }
  return base;
}

TrainOptions base_options(const Base& base) {
  if (base.config.empty())
    return train_options_for(find_preset(base.preset.empty() ? "deblurgan" : base.preset));
  const auto bytes = read_file(base.config);
  TrainOptions options = train_options_from_json({bytes.begin(), bytes.end()}, base.config);
  if (!base.preset.empty() && base.preset != options.generator.preset) {
    throw UsageError("--preset " + base.preset + " contradicts " + base.config +
                     ", which is for the preset " + options.generator.preset + "; drop one of them");
  }
  return options;
}

// "folder" or "folder:0.4".
WeightedSpec parse_weighted(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || std::filesystem::exists(text)) return {text, 1.0};
  try {
    std::size_t used = 0;
    const double weight = std::stod(text.substr(colon + 1), &used);
    if (used == text.size() - colon - 1 && weight > 0.0) return {text.substr(0, colon), weight};
  } catch (const std::exception&) {  // not a number: part of the name
  }
  return {text, 1.0};
}

// An option given by a word that `parse` understands; `words` are those it knows, separated by commas.
template <typename T, typename Parse>
CLI::Option* add_word(CLI::App& app, const std::string& names, T& target, Parse parse,
                      const std::string& words, const std::string& help) {
  return app
      .add_option_function<std::string>(
          names, [&target, parse](const std::string& s) { target = parse(s); }, help)
      ->type_name("NAME:{" + words + "}");
}

void add_data_options(CLI::App& app, TrainOptions& o) {
  app.add_option_function<std::vector<std::string>>(
         "--data,--dataroot,--image_dir",
         [&o](const std::vector<std::string>& list) {
           o.data.clear();
           for (const auto& s : list) o.data.push_back(parse_weighted(s));
         },
         "folder of pairs or sharp pictures, or 'procedural'; several with shares: DIR:0.4 DIR2:0.6")
      ->type_name("DIR")
      ->group("Data");
  app.add_option_function<std::vector<std::string>>(
         "--val",
         [&o](const std::vector<std::string>& list) {
           o.validation_data.clear();
           for (const auto& s : list) o.validation_data.push_back(parse_weighted(s));
         },
         "held-out data; default: the val or test part of --data")
      ->type_name("DIR")
      ->group("Data");
  add_word(
      app, "--layout,--dataset_mode", o.layout,
      [](const std::string& s) {
        if (s == "automatic") return DatasetLayout::automatic;
        if (s == "aligned") return DatasetLayout::aligned;
        if (s == "sharp-only" || s == "single") return DatasetLayout::sharp_only;
        fail("--layout is '", s, "', expected automatic, aligned (A|B strips) or sharp-only");
      },
      "automatic,aligned,sharp-only", "aligned: A|B strips; sharp-only: synthesise the blur")
      ->group("Data");
  app.add_option("--blur-key,--blur_key", o.blur_key, "blur or blur_gamma, of a GOPRO_Large folder")
      ->group("Data");
  app.add_option("--min-blur", o.min_blur, "shortest synthesised shake, pixels")->group("Data");
  app.add_option("--max-blur", o.max_blur, "longest synthesised shake, pixels")->group("Data");
  app.add_option("--noise", o.noise, "most sensor noise of synthesised pictures, 0..1")->group("Data");
  app.add_option("--batch-size,--batch_size,--batchSize", o.batch_size, "images a step")->group("Data");
  add_word(app, "--preprocess,--resize_or_crop", o.augment.preprocess, parse_preprocess,
           "crop,resize,resize_and_crop,none", "what becomes of frames that are larger than the crops")
      ->group("Data");
  app.add_option("--crop-size,--crop_size,--fineSize", o.augment.crop_size,
                 "side of the training crops, pixels")
      ->group("Data");
  app.add_option_function<std::int64_t>(
         "--load-size,--load_size",
         [&o](const std::int64_t& s) { o.augment.load_width = o.augment.load_height = s; },
         "both sides of resized frames, pixels")
      ->group("Data");
  app.add_option("--load-width,--loadSizeX", o.augment.load_width, "width of resized frames")->group("Data");
  app.add_option("--load-height,--loadSizeY", o.augment.load_height, "height of resized frames")
      ->group("Data");
  app.add_flag("--flip,!--no-flip,!--no_flip", o.augment.flip_horizontal,
               "mirror half of the examples (default)")
      ->group("Data");
  app.add_flag("--flip-vertical", o.augment.flip_vertical, "also upside down")->group("Data");
  app.add_flag("--rot90", o.augment.rot90, "also by quarter turns")->group("Data");
  app.add_option("--workers,--nThreads,--num_threads", o.workers, "threads that prepare batches")
      ->group("Data");
}

void add_network_options(CLI::App& app, TrainOptions& o, std::string& preset) {
  app.add_option("--preset,--which_model_netG,--netG", preset,
                 "networks and the defaults of everything below; default deblurgan")
      ->type_name(preset_words())
      ->group("Networks");
  app.add_option("--ngf", o.generator.ngf, "generator channels at full resolution")->group("Networks");
  app.add_option("--blocks", o.generator.blocks, "residual blocks")->group("Networks");
  app.add_option("--ndf", o.discriminator.ndf, "discriminator channels of the first layer")
      ->group("Networks");
  app.add_option("--n-layers-D,--n_layers_D", o.discriminator.layers, "strided layers of the PatchGAN")
      ->group("Networks");
  add_word(app, "--norm", o.generator.norm, parse_norm, "instance,batch,none", "of the generator")
      ->group("Networks");
  add_word(app, "--norm-D", o.discriminator.norm, parse_norm, "instance,batch,none", "of the PatchGAN")
      ->group("Networks");
  app.add_option("--dropout", o.generator.dropout, "rate inside the generator")->group("Networks");
  app.add_flag_callback(
         "--no-dropout,--no_dropout", [&o] { o.generator.dropout = 0.0; }, "the same as --dropout 0")
      ->group("Networks");
  app.add_flag("--learn-residual,--learn_residual,!--no-learn-residual", o.generator.learn_residual,
               "add the input to the output (default)")
      ->group("Networks");
}

void add_objective_options(CLI::App& app, TrainOptions& o) {
  const auto group = "Objective";
  add_word(app, "--gan-type,--gan_type,--gan_mode", o.objective.gan_type, parse_gan_type,
           "wgan-gp,wgan,lsgan,gan", "the adversarial objective")
      ->group(group);
  app.add_option("--adversarial-weight", o.objective.adversarial_weight, "0: no discriminator at all")
      ->group(group);
  add_word(app, "--content", o.objective.content, parse_content_loss, "perceptual,l1,mse,charbonnier,psnr",
           "the content loss")
      ->group(group);
  app.add_option("--content-weight,--lambda_A", o.objective.content_weight, "of the content loss")
      ->group(group);
  app.add_option("--penalty-weight", o.objective.penalty.lambda, "lambda of the gradient penalty")
      ->group(group);
  add_word(app, "--penalty-mode", o.objective.penalty.mode, parse_penalty_mode, "per-sample,per-pixel",
           "as in the paper, or as in the repository")
      ->group(group);
  app.add_option("--critic-updates,--critic_updates", o.critic_updates, "discriminator updates a step")
      ->group(group);
  app.add_option(
         "--weight-clip", o.weight_clip,
         "keep the discriminator's weights in -C..C; 0: off. Default: 0.01 with --gan-type wgan, else 0; "
         "the preset keras does not clip, as its reference")
      ->type_name("C")
      ->group(group);
  app.add_option("--init-weights", o.init_weights, "start the generator from this weight file")
      ->type_name("FILE")
      ->group("Networks");
  app.add_option("--gan-start", o.gan_start, "steps of content loss alone before the discriminator joins")
      ->group(group);
  app.add_option("--vgg-weights,--vgg_weights", o.vgg_weights, "safetensors, Keras or torchvision names")
      ->type_name("FILE")
      ->group(group);
  add_word(app, "--vgg", o.vgg.depth, parse_vgg_depth, "vgg16,vgg19", "network of the perceptual loss")
      ->group(group);
  app.add_option("--vgg-layer", o.vgg.layer, "features of this layer")->group(group);
  app.add_flag("--vgg-after-relu,!--vgg-before-relu", o.vgg.after_relu, "features behind its ReLU")
      ->group(group);
  add_word(app, "--vgg-input", o.vgg.input, parse_vgg_input,
           "as-is,imagenet,imagenet-torchvision,imagenet-keras",
           "normalisation of its input; as-is: none, as both papers' programs do")
      ->group(group);
}

void add_optimisation_options(CLI::App& app, TrainOptions& o) {
  const auto group = "Optimisation";
  app.add_option("--steps", o.steps, "generator updates; 0: from the epochs")->group(group);
  app.add_option("--minutes", o.minutes, "as many steps as fit")->group(group);
  app.add_option("--epochs,--niter,--n_epochs,--epoch_num", o.epochs, "at the constant learning rate")
      ->group(group);
  app.add_option("--decay-epochs,--niter_decay,--n_epochs_decay", o.decay_epochs, "on a straight line to 0")
      ->group(group);
  add_word(app, "--schedule", o.schedule, parse_schedule, "constant,linear,cosine", "of the learning rate")
      ->group(group);
  app.add_option("--lr", o.learning_rate, "learning rate of Adam")->group(group);
  app.add_option("--beta1", o.beta1, "of Adam")->group(group);
  app.add_option("--beta2", o.beta2, "of Adam")->group(group);
  app.add_option("--ema", o.ema_decay, "decay of the generator's averaged weights; 0: off")->group(group);
  app.add_option("--seed", o.seed, "of every random choice")->check(CLI::NonNegativeNumber)->group(group);
}

void add_report_options(CLI::App& app, TrainOptions& o, TrainArguments& a) {
  const auto group = "Reports";
  app.add_option("--log-every,--print_freq", o.log_every, "steps between rows of metrics.csv")->group(group);
  app.add_flag("--tensorboard,!--no-tensorboard", o.tensorboard,
               "write event files to OUT/tensorboard (default)")
      ->group(group);
  app.add_option("--validate-every", o.validate_every, "steps between validations; 0: never")->group(group);
  app.add_option("--checkpoint-every,--save_latest_freq", o.checkpoint_every, "steps between checkpoints")
      ->group(group);
  app.add_option("--keep-checkpoints", o.keep_checkpoints, "newest checkpoints that stay")->group(group);
  app.add_option("--validation-images", o.validation_images, "held-out pairs to score, at most")
      ->group(group);
  app.add_option("--validation-crop", o.validation_crop, "their centred window, pixels; 0: the crop size")
      ->group(group);
  app.add_option("--divergence-limit", o.divergence_limit, "a loss beyond this stops the run")->group(group);
  app.add_flag("--export-validation", a.export_validation, "write the held-out pairs to OUT/held-out")
      ->group(group);
  app.add_flag("-q,--quiet", a.quiet, "print errors only")->group(group);
}

void add_machine_options(CLI::App& app, TrainOptions& o) {
  app.add_option("--device", o.device, "cuda:N is GPU number N; cuda-emulated is for tests")
      ->type_name("NAME:{cpu,cuda,cuda:0,cuda-emulated}")
      ->check(device_name())
      ->group("Machine");
  add_word(app, "--precision", o.precision, parse_precision, "float32,tf32,bf16",
           "tf32: products with a 10-bit mantissa, GPUs only; bf16: activations as bfloat16")
      ->group("Machine");
  add_word(app, "--conv-backend", o.conv_backend, parse_conv_backend, "own,cudnn",
           "convolutions of a GPU; cudnn: NVIDIA's library, where the machine has it")
      ->group("Machine");
  app.add_flag("--exact", o.exact,
               "compute as exactly as float32 allows: on the CPU without Winograd, and slower")
      ->group("Machine");
  app.add_flag("--cuda-graph", o.cuda_graph, "record a training step once and replay it (GPU)")
      ->group("Machine");
  app.add_option("--threads", o.threads, "CPU threads of the engine; 0: all")->group("Machine");
  app.add_option_function<std::string>(
         "--gpu-ids,--gpu_ids",
         [&o](const std::string& ids) { o.device = ids.starts_with("-1") ? "cpu" : "cuda"; },
         "-1: CPU, as in the old programs")
      ->group("Machine");
}

}  // namespace

std::optional<int> parse_train_arguments(int argc, char** argv, TrainArguments& a) {
  try {
    a.options = base_options(find_base(argc, argv));
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  CLI::App app(kDescription);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kProgram));
  app.option_defaults()->always_capture_default();  // --help shows them
  std::string preset;
  std::string config;
  std::string name;
  std::string checkpoints_dir = "checkpoints";
  bool continue_train = false;
  app.add_option("-o,--out,--log_dir", a.out, "run folder; must not hold a run yet")->type_name("DIR");
  app.add_option("--resume", a.resume, "continue the run in this folder")->type_name("DIR");
  app.add_option("--report", a.report, "write report.html of the run in this folder anew, do not train")
      ->type_name("DIR");
  app.add_option("--config", config, "options from a file, such as a run's config.json")->type_name("FILE");
  app.add_option("--name", name, "with --checkpoints-dir: the same as --out DIR/NAME");
  app.add_option("--checkpoints-dir,--checkpoints_dir", checkpoints_dir, "parent of --name")
      ->type_name("DIR");
  app.add_flag("--continue-train,--continue_train", continue_train, "the same as --resume OUT");
  app.add_flag("--check-data", a.check_data, "look at every file of the data, report problems, do not train");
  app.add_flag("--summary", a.summary, "print the layers of both networks, do not train");
  add_data_options(app, a.options);
  add_network_options(app, a.options, preset);
  add_objective_options(app, a.options);
  add_optimisation_options(app, a.options);
  add_report_options(app, a.options, a);
  add_machine_options(app, a.options);
  try {
    if (auto code = parse_command_line(app, kProgram, argc, argv)) return code;
  } catch (const Error& error) {  // a word that its option does not know
    throw UsageError(error.what());
  }

  if (a.out.empty() && !name.empty()) a.out = (std::filesystem::path(checkpoints_dir) / name).string();
  if (continue_train && a.resume.empty()) a.resume = a.out;
  if (!a.resume.empty()) {
    if (!continue_train && !a.out.empty() && a.out != a.resume) {
      throw UsageError("--out " + a.out + " contradicts --resume " + a.resume +
                       ": a run goes on in its own folder; drop --out");
    }
    // Only what does not change the run's result may differ.
    for (const CLI::Option* option : app.get_options()) {
      const std::string option_name = option->get_single_name();
      static const std::vector<std::string> kAllowed{"resume",  "steps",           "threads",
                                                     "workers", "quiet",           "out",
                                                     "name",    "checkpoints-dir", "continue-train"};
      if (option->count() > 0 && std::find(kAllowed.begin(), kAllowed.end(), option_name) == kAllowed.end()) {
        throw UsageError("--" + option_name +
                         " cannot change when a run is resumed; only --steps, --threads and " +
                         "--workers can");
      }
    }
    if (app.get_option("--steps")->count() > 0) a.overrides.steps = a.options.steps;
    if (app.get_option("--threads")->count() > 0) a.overrides.threads = a.options.threads;
    if (app.get_option("--workers")->count() > 0) a.overrides.workers = a.options.workers;
    return std::nullopt;
  }
  if (!a.report.empty()) return std::nullopt;
  if (!a.check_data && !a.summary && a.out.empty()) {
    throw UsageError("no run folder given; pass --out DIR (or --resume DIR to continue one)");
  }
  if (!a.check_data && !a.summary) {
    try {
      check_options(a.options);
    } catch (const Error& error) {
      throw UsageError(error.what());
    }
  }
  return std::nullopt;
}

}  // namespace dg::apps
