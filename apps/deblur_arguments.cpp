#include "apps/deblur_arguments.h"

#include <CLI/CLI.hpp>
#include <unistd.h>

#include "apps/common.h"
#include "apps/option_values.h"

namespace dg::apps {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-deblur --weights run/generator.safetensors photo.jpg -o restored.png\n"
    "  deblurgan-deblur --weights run/generator.safetensors holidays/ -o restored/ --ext keep\n"
    "  deblurgan-deblur --weights run/generator.safetensors 'gopro/test/*/blur' -o out --json\n"
    "  deblurgan-deblur --weights run/generator.safetensors test/blur -o out --sharp test/sharp --compare\n"
    "  deblurgan-deblur --weights run/generator.safetensors panorama.png -o out --max-memory 2G --dry-run\n"
    "  curl -s https://example.org/a.jpg | deblurgan-deblur --weights w.safetensors - -o - > a.png\n"
    "  ffmpeg -i in.mp4 -f yuv4mpegpipe -pix_fmt yuv420p - |\n"
    "    deblurgan-deblur --weights w.safetensors - -o - | ffmpeg -i - out.mp4\n"
    "\n"
    "Folders are searched recursively for .png, .jpg, .jpeg, .bmp and .tga files; the results keep their "
    "places, sizes,\n"
    "bit depths, grey, alpha, EXIF and colour profile. Results of an earlier run are replaced, inputs only "
    "with --overwrite.\n"
    "Exit code: 0 all pictures restored, 1 some or all were not (each is named), 2 wrong arguments, 130 "
    "Ctrl-C, 141 whoever\n"
    "read standard output has closed it.";

// What the command line says in words of its own.
struct Words {
  std::string raw;
  std::string max_memory;
  bool no_ema = false;
};

void add_files(CLI::App& app, PlanOptions& plan) {
  app.add_option(
         "input", plan.inputs,
         "Pictures, folders of pictures, patterns (* ? [a-c] **); - is standard input; or one film, .y4m")
      ->required()
      ->type_name("INPUT");
  app.add_option("-o,--output", plan.output,
                 "A folder, or the result's name for a single picture; - is standard output")
      ->required()
      ->type_name("OUT");
  app.add_option("--ext", plan.extension, "Format of the results: png, jpg, bmp, tga, or keep")
      ->check(CLI::IsMember({"png", "jpg", "bmp", "tga", "keep"}))
      ->capture_default_str()
      ->type_name("EXT");
  app.add_flag("--overwrite", plan.overwrite, "Allow results to replace their inputs");
  app.add_flag("--compare", plan.compare, "Also write <name>_compare.png: blurred | restored (| sharp)");
  app.add_option("--sharp", plan.sharp, "Folder of sharp pictures of the same names: print PSNR and SSIM")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

void add_network(CLI::App& app, DeblurArguments& a, Words& words) {
  const char* group = "Network";
  app.add_option("-w,--weights", a.weights,
                 "Weights or a checkpoint, .safetensors; PyTorch's .pth; Keras' .h5, .weights.h5 or .keras")
      ->required()
      ->type_name("FILE")
      ->group(group);
  app.add_option("--preset", a.load.preset, "Network of weights that name none")
      ->type_name(preset_words())
      ->check(preset_name())
      ->group(group);
  app.add_flag("--no-ema", words.no_ema, "Of a checkpoint: the last weights instead of their averages")
      ->group(group);
  app.add_flag("!--no-learn-residual", a.load.learn_residual,
               "The network's output is the picture itself: .pth files of programs without --learn_residual")
      ->group(group);
  CLI::Option* dropout = app.add_flag("--dropout-at-test", a.load.dropout_at_test,
                                      "Keep dropout on, as for DeblurGAN's published pictures")
                             ->group(group);
  app.add_option("--seed", a.seed, "Of that dropout; the same for every picture")
      ->needs(dropout)
      ->capture_default_str()
      ->group(group);
}

void add_restoration(CLI::App& app, DeblurArguments& a, Words& words) {
  const char* group = "Restoration";
  app.add_option("--tile", a.restorer.tile_rows,
                 "Work in bands of about N rows, with the result of the whole picture; chosen where the "
                 "memory asks for it")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 28))
      ->type_name("N")
      ->group(group);
  app.add_option("--max-memory", words.max_memory,
                 "Stay below, as 6G or 800M; without it: below what the device has free")
      ->type_name("SIZE")
      ->group(group);
  app.add_flag("--self-ensemble", a.restorer.self_ensemble,
               "Mean over the 8 views of a picture, turned and mirrored: 8 times the time")
      ->group(group);
  app.add_option("--blend", a.restorer.blend, "1: the restored picture, 0: the blurred one, or between")
      ->check(CLI::Range(0.0, 1.0))
      ->check(no_nan())
      ->capture_default_str()
      ->group(group);
  app.add_option("--batch", a.batch, "Neighbours of one size that go through the network together")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  app.add_option("--quality", a.jpeg_quality, "Of JPEG results")
      ->check(CLI::Range(1, 100))
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  app.add_flag("--video", a.video, "The input is a film in Y4M; seen by itself at a .y4m file and in a pipe")
      ->group(group);
  app.add_option("--raw", words.raw, "The input is a film of rgb24 frames of this size, and so is the result")
      ->type_name("WxH")
      ->group(group);
}

void add_machine(CLI::App& app, DeblurArguments& a) {
  const char* group = "Machine";
  app.add_option("--device", a.device, "cuda:N is GPU number N")
      ->type_name(kDeviceWords)
      ->check(device_name())
      ->capture_default_str()
      ->group(group);
  app.add_option_function<std::string>(
         "--precision", [&a](const std::string& name) { a.precision = parse_precision(name); },
         "float32, tf32 (GPU) or bf16")
      ->type_name("NAME")
      ->check(CLI::IsMember({"float32", "tf32", "bf16"}))
      ->group(group);
  app.add_flag("--exact", a.exact,
               "compute as exactly as float32 allows: on the CPU without Winograd, and slower")
      ->group(group);
  app.add_option_function<std::string>(
         "--conv-backend", [&a](const std::string& name) { a.conv_backend = parse_conv_backend(name); },
         "Convolutions of a GPU: own, or cudnn (NVIDIA's library, where the machine has it)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"own", "cudnn"}))
      ->group(group);
  app.add_option("--threads", a.threads, "CPU threads of the network; 0: as many as there are")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
}

void add_report(CLI::App& app, DeblurArguments& a) {
  const char* group = "Report";
  app.add_flag("--dry-run", a.dry_run, "Only tell what would be done, with the memory that it would take")
      ->group(group);
  app.add_flag("--json", a.json, "Print one JSON document; progress goes to standard error")->group(group);
  app.add_flag("-q,--quiet", a.quiet, "Print errors and mean scores only")->group(group);
}

void check_together(const DeblurArguments& a) {
  const bool to_stdout = a.plan.output == kStandardStream;
  if (to_stdout && a.json && !a.dry_run)
    throw UsageError("--json prints to standard output, which carries the result; name a file with -o");
  if (to_stdout && !a.dry_run && ::isatty(STDOUT_FILENO) != 0)
    throw UsageError("-o -: standard output is a terminal; send it to a file or a program");
  if (a.load.dropout_at_test && a.batch > 1)
    throw UsageError("--dropout-at-test draws a mask per picture; leave --batch away");
}

}  // namespace

std::optional<int> parse_deblur_arguments(int argc, char** argv, DeblurArguments& arguments) {
  CLI::App app("Restores blurred pictures with a generator that deblurgan-train has trained.",
               kDeblurProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kDeblurProgram));
  Words words;
  add_files(app, arguments.plan);
  add_network(app, arguments, words);
  add_restoration(app, arguments, words);
  add_machine(app, arguments);
  add_report(app, arguments);
  if (const auto code = parse_command_line(app, kDeblurProgram, argc, argv)) return code;
  arguments.plan.extension_given = app.get_option("--ext")->count() > 0;
  arguments.load.use_ema = !words.no_ema;
  if (!words.max_memory.empty())
    arguments.restorer.max_memory = parse_memory_size("--max-memory", words.max_memory);
  if (!words.raw.empty()) arguments.raw = parse_pixel_size("--raw", words.raw, false);
  check_together(arguments);
  return std::nullopt;
}

}  // namespace dg::apps
