#include "apps/eval_arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/common.h"
#include "apps/option_values.h"
#include "data/blur_maker.h"
#include "data/metrics.h"
#include "kernels/check.h"

namespace dg::apps {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-eval GOPRO_Large --weights run/generator.safetensors -o eval --protocol gopro\n"
    "  deblurgan-eval pairs --weights generator.h5 -o eval --protocol keras-256\n"
    "  deblurgan-eval pairs --restored results -o eval --metrics psnr:rgb,ms-ssim --json\n"
    "\n"
    "Writes metrics.json, metrics.csv and report.html into the output folder; after Ctrl-C what was measured "
    "so far.\n"
    "Protocols:\n"
    "  full       whole pictures, rounded to 8 bits, every metric\n"
    "  gopro      whole pictures, rounded to 8 bits: psnr:rgb, ssim:matlab3d, ssim:gauss2d-valid\n"
    "  keras-256  both pictures resized to 256x256 as Pillow does, results cut off to 8 bits: psnr:rgb,\n"
    "             ssim:uniform7, ssim:gauss2d-valid\n"
    "Exit code: 0 all pairs measured, 1 some or all were not (each is named), 2 wrong arguments, 130 Ctrl-C.";

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// What the command line says in words of its own.
struct Words {
  std::string protocol = "full";
  std::vector<std::string> metrics;
  std::string resize;
  std::string layout;
  std::string split = "test";
  std::string precision = "float32";
  double noise = 0.0;
  bool no_ema = false;
};

void add_data_options(CLI::App& app, EvalArguments& a, Words& words) {
  const char* group = "Data";
  app.add_option("data", a.data, "Folder of pairs, in the layouts of deblurgan-train; or procedural")
      ->required()
      ->type_name("DATA");
  app.add_option("--split", words.split, "train, val or test, where the folder has splits")
      ->check(CLI::IsMember({"train", "val", "test"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--layout", words.layout, "aligned: side-by-side strips; sharp-only: synthesise the blur")
      ->check(CLI::IsMember({"aligned", "sharp-only"}))
      ->group(group);
  app.add_option("--blur-key", a.dataset.blur_key, "blur or blur_gamma, of a GOPRO_Large folder")
      ->check(CLI::IsMember({"blur", "blur_gamma"}))
      ->capture_default_str()
      ->group(group);
  app.add_option("--images", a.evaluation.images, "Measure the first N pairs only; 0: all (procedural: 100)")
      ->check(at_least(0))
      ->type_name("N")
      ->group(group);
  app.add_option("--min-blur", a.dataset.synthesis.shake.min_length, "Shortest synthesised shake, pixels")
      ->group(group);
  app.add_option("--max-blur", a.dataset.synthesis.shake.max_length, "Longest synthesised shake, pixels")
      ->group(group);
  app.add_option("--noise", words.noise, "Most sensor noise of synthesised pictures, 0..1")
      ->check(CLI::Range(0.0, 1.0))
      ->check(no_nan())
      ->group(group);
  app.add_option("--seed", a.evaluation.seed,
                 "Of synthesised blur and procedural scenes, and of dropout at test")
      ->check(at_least(0))
      ->capture_default_str()
      ->group(group);
}

void add_restoration_options(CLI::App& app, EvalArguments& a, Words& words) {
  const char* group = "What restores";
  CLI::Option* weights =
      app.add_option("-w,--weights", a.weights, "Weights, a checkpoint, or a file of PyTorch or Keras")
          ->type_name("FILE")
          ->group(group);
  app.add_option("--restored", a.restored, "Score the pictures of this folder instead, by name")
      ->excludes(weights)
      ->type_name("DIR")
      ->group(group);
  app.add_option("--preset", a.load.preset, "Network of weights that name none")
      ->needs(weights)
      ->type_name(preset_words())
      ->check(preset_name())
      ->group(group);
  app.add_flag("--no-ema", words.no_ema, "Of a checkpoint: the last weights instead of their averages")
      ->needs(weights)
      ->group(group);
  app.add_flag("!--no-learn-residual", a.load.learn_residual,
               "The network's output is the picture itself: .pth files of programs without --learn_residual")
      ->needs(weights)
      ->group(group);
  app.add_flag("--dropout-at-test", a.load.dropout_at_test,
               "Keep dropout on, as for DeblurGAN's published pictures")
      ->needs(weights)
      ->group(group);
  app.add_option("--save", a.save, "Also write the restored pictures, as PNG")
      ->needs(weights)
      ->type_name("DIR")
      ->group(group);
}

void add_measure_options(CLI::App& app, Words& words) {
  const char* group = "What is measured";
  app.add_option("--protocol", words.protocol, "Size, rounding and metrics, see below")
      ->check(CLI::IsMember(protocol_names()))
      ->capture_default_str()
      ->type_name("NAME")
      ->group(group);
  app.add_option("--metrics", words.metrics, "These instead, with commas between: " + joined(metric_names()))
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("LIST")
      ->group(group);
  app.add_option("--resize", words.resize,
                 "Filter of keras-256: bicubic, Pillow's default since 7.0, or nearest, the default before")
      ->check(CLI::IsMember({"nearest", "bicubic"}))
      ->type_name("NAME")
      ->group(group);
}

void add_machine_options(CLI::App& app, EvalArguments& a, Words& words) {
  const char* group = "Machine and output";
  app.add_option("-o,--output", a.output, "Folder of metrics.json, metrics.csv and report.html")
      ->required()
      ->type_name("DIR")
      ->group(group);
  app.add_flag("--json", a.json, "Print the summary as JSON, and progress on standard error")->group(group);
  app.add_flag("-q,--quiet", a.quiet, "No progress")->group(group);
  app.add_option("--device", a.device, "cuda:N is GPU number N")
      ->type_name(kDeviceWords)
      ->check(device_name())
      ->capture_default_str()
      ->group(group);
  app.add_option("--precision", words.precision, "float32, tf32 (GPU) or bf16")
      ->check(CLI::IsMember({"float32", "tf32", "bf16"}))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--exact", a.exact,
               "compute as exactly as float32 allows: on the CPU without Winograd, and slower")
      ->group(group);
  app.add_option("--threads", a.threads, "CPU threads; 0: as many as there are")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
}

void check_metrics(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    try {
      metric_minimum_side(name);
    } catch (const Error& error) {
      throw UsageError("--metrics: " + std::string(error.what()));
    }
    if (std::count(names.begin(), names.end(), name) > 1)
      throw UsageError("--metrics: '" + name + "' is given twice; once is enough");
  }
}

void check_blur(const CameraShakeOptions& shake) {
  try {
    check_options(BlurOptions{.shake = shake});
  } catch (const Error& error) {
    throw UsageError("--min-blur, --max-blur: " + std::string(error.what()));
  }
}

void apply(const Words& words, EvalArguments& a) {
  EvaluationProtocol& protocol = a.evaluation.protocol;
  protocol = find_protocol(words.protocol);
  check_metrics(words.metrics);
  check_blur(a.dataset.synthesis.shake);
  if (!words.metrics.empty()) protocol.metrics = words.metrics;
  if (!words.resize.empty()) {
    if (protocol.width == 0)
      throw UsageError("--resize: the protocol '" + protocol.name + "' resizes nothing");
    protocol.filter = parse_pillow_filter(words.resize);
  }
  a.load.use_ema = !words.no_ema;
  a.precision = parse_precision(words.precision);
  a.evaluation.score_in_parallel = a.threads != 1;

  a.dataset.split = parse_split(words.split);
  if (words.layout == "aligned") a.dataset.layout = DatasetLayout::aligned;
  if (words.layout == "sharp-only") a.dataset.layout = DatasetLayout::sharp_only;
  a.dataset.synthesis.max_noise = {words.noise, words.noise};
  a.dataset.procedural.seed = a.evaluation.seed;
  if (a.data == kProceduralSpec) {
    if (a.evaluation.images == 0) a.evaluation.images = 100;
    a.dataset.procedural.size = a.evaluation.images;
  }
  a.dataset.cache_bytes =
      0;  // each picture is read once, and the seconds of decoding are to be those of decoding
}

}  // namespace

std::optional<int> parse_eval_arguments(int argc, char** argv, EvalArguments& arguments) {
  CLI::App app("Measures a generator, or pictures that are already restored, against sharp pictures.",
               kEvalProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kEvalProgram));
  Words words;
  add_data_options(app, arguments, words);
  add_restoration_options(app, arguments, words);
  add_measure_options(app, words);
  add_machine_options(app, arguments, words);
  if (const auto code = parse_command_line(app, kEvalProgram, argc, argv)) return code;
  if (arguments.weights.empty() && arguments.restored.empty())
    throw UsageError("nothing restores the pictures: give --weights FILE, or --restored DIR");
  apply(words, arguments);
  return std::nullopt;
}

}  // namespace dg::apps
