// deblurgan-deblur: restores pictures with a trained generator. Exit codes: apps/common.h; 1 also where some pictures
// failed and the others were restored.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fmt/core.h>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/common.h"
#include "apps/deblur_plan.h"
#include "core/context.h"
#include "data/atomic_file.h"
#include "data/image.h"
#include "data/image_io.h"
#include "data/metrics.h"
#include "kernels/check.h"
#include "models/restorer.h"
#include "models/weights.h"

namespace fs = std::filesystem;
using namespace dg;
using namespace dg::apps;

namespace {

constexpr const char* kProgram = "deblurgan-deblur";
constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-deblur --weights run/generator.safetensors photo.jpg -o restored.png\n"
    "  deblurgan-deblur --weights run/generator.safetensors holidays/ -o restored/\n"
    "  deblurgan-deblur --weights run/generator.safetensors test/blur -o out --sharp test/sharp --compare\n"
    "\n"
    "Folders are searched recursively for .png, .jpg, .jpeg, .bmp and .tga files; the results keep their "
    "places, sizes,\n"
    "bit depths, grey and alpha. Results of an earlier run are replaced, inputs only with --overwrite.\n"
    "Exit code: 0 all pictures restored, 1 some or all were not (each is named), 2 wrong arguments, 130 "
    "Ctrl-C.";

struct Arguments {
  fs::path weights;
  LoadOptions load;
  PlanOptions plan;
  std::string device = "cpu";
  Precision precision = Precision::float32;
  ConvBackend conv_backend = ConvBackend::own;
  int threads = 0;
  std::uint64_t seed = 0;
  bool no_ema = false;
  bool quiet = false;
};

struct Score {
  double psnr = 0.0;
  std::optional<double> ssim;  // none for pictures smaller than its window
};

struct Comparison {
  Score blurred;
  Score restored;
};

std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app("Restores blurred pictures with a generator that deblurgan-train has trained.", kProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kProgram));
  PlanOptions& plan = arguments.plan;
  app.add_option("input", plan.inputs, "Pictures and folders of pictures")->required()->type_name("INPUT");
  app.add_option("-o,--output", plan.output, "A folder, or the result's name for a single picture")
      ->required()
      ->type_name("OUT");
  app.add_option("-w,--weights", arguments.weights,
                 "Weights or a checkpoint, .safetensors; PyTorch's .pth; Keras' .h5, .weights.h5 or .keras")
      ->required()
      ->type_name("FILE");
  CLI::Option* extension =
      app.add_option("--ext", plan.extension, "Format of the results: png, jpg, bmp, tga, or keep")
          ->check(CLI::IsMember({"png", "jpg", "bmp", "tga", "keep"}))
          ->capture_default_str()
          ->type_name("EXT");
  app.add_flag("--overwrite", plan.overwrite, "Allow results to replace their inputs");
  app.add_flag("--compare", plan.compare, "Also write <name>_compare.png: blurred | restored (| sharp)");
  app.add_option("--sharp", plan.sharp, "Folder of sharp pictures of the same names: print PSNR and SSIM")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  app.add_option("--preset", arguments.load.preset,
                 "Network of weights that name none, see deblurgan-train --help")
      ->type_name("NAME");
  app.add_flag("--no-ema", arguments.no_ema, "Of a checkpoint: the last weights instead of their averages");
  app.add_flag("!--no-learn-residual", arguments.load.learn_residual,
               "The network's output is the picture itself: .pth files of programs without --learn_residual");
  CLI::Option* dropout = app.add_flag("--dropout-at-test", arguments.load.dropout_at_test,
                                      "Keep dropout on, as for DeblurGAN's published pictures");
  app.add_option("--seed", arguments.seed, "Of that dropout; the same for every picture")
      ->needs(dropout)
      ->capture_default_str();
  app.add_option("--device", arguments.device, "cpu, cuda or cuda:N (GPU number N)")->capture_default_str();
  app.add_option_function<std::string>(
         "--precision", [&](const std::string& name) { arguments.precision = parse_precision(name); },
         "float32, tf32 (GPU) or bf16")
      ->type_name("NAME")
      ->check(CLI::IsMember({"float32", "tf32", "bf16"}));
  app.add_option_function<std::string>(
         "--conv-backend",
         [&](const std::string& name) { arguments.conv_backend = parse_conv_backend(name); },
         "Convolutions of a GPU: own, or cudnn (NVIDIA's library, where the machine has it)")
      ->type_name("NAME")
      ->check(CLI::IsMember({"own", "cudnn"}));
  app.add_option("--threads", arguments.threads, "CPU threads; 0: as many as there are")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_flag("-q,--quiet", arguments.quiet, "Print errors and mean scores only");
  if (const auto code = parse_command_line(app, kProgram, argc, argv)) return code;
  plan.extension_given = extension->count() > 0;
  arguments.load.use_ema = !arguments.no_ema;
  return std::nullopt;
}

// ---- scores ----

FloatImage to_rgb_float(const Image& image) { return to_rgb(to_float(image)); }

Score score(const FloatImage& image, const FloatImage& sharp) {
  constexpr std::int64_t kWindow = 11;
  Score result{.psnr = psnr(image, sharp), .ssim = std::nullopt};
  if (std::min(image.width, image.height) >= kWindow) result.ssim = ssim_gauss2d_valid(image, sharp);
  return result;
}

std::string text_of(const Comparison& scores) {
  std::string text = fmt::format("PSNR {:.2f} -> {:.2f} dB", scores.blurred.psnr, scores.restored.psnr);
  if (scores.blurred.ssim && scores.restored.ssim) {
    text += fmt::format(", SSIM {:.4f} -> {:.4f}", *scores.blurred.ssim, *scores.restored.ssim);
  }
  return text;
}

// The mean of the pictures' values; SSIM over those that have one.
Comparison mean_of(const std::vector<Comparison>& all) {
  const auto mean = [&](Score Comparison::*side) {
    Score sum;
    double ssim = 0.0;
    double count = 0.0;
    for (const Comparison& one : all) {
      sum.psnr += (one.*side).psnr / static_cast<double>(all.size());
      if (!(one.*side).ssim) continue;
      ssim += *(one.*side).ssim;
      count += 1.0;
    }
    if (count > 0.0) sum.ssim = ssim / count;
    return sum;
  };
  return {mean(&Comparison::blurred), mean(&Comparison::restored)};
}

// ---- files ----

// The disk said no: the pictures that follow would fare no better.
class CannotWrite : public Error {
 public:
  using Error::Error;
};

void write(const fs::path& path, const Image& image) {
  std::vector<std::uint8_t> bytes;
  try {
    bytes = encode_image(image, image_format_of(path));
  } catch (const Error& error) {
    fail(path.string(), ": ", error.what());
  }
  if (interrupted()) throw Interrupted("interrupted");
  try {
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    write_file_atomically(path, std::as_bytes(std::span(bytes)));
  } catch (const Error& error) {
    throw CannotWrite(error.what());
  } catch (const fs::filesystem_error& error) {
    throw CannotWrite(path.string() + ": its folder cannot be created: " + error.code().message() +
                      "; choose another -o");
  }
}

// The sharp picture as RGB, of the size of `image`.
FloatImage read_sharp(const fs::path& path, const Image& image) {
  const Image sharp = read_image(path);
  check(sharp.width == image.width && sharp.height == image.height, path.string(), ": has ", sharp.width, "x",
        sharp.height, " pixels, the blurred picture has ", image.width, "x", image.height,
        "; give the sharp picture of the same size");
  return to_rgb_float(sharp);
}

// Restores, writes, compares. Nothing if there is no sharp picture to compare with.
std::optional<Comparison> process(const DeblurJob& job, const fs::path& sharp_folder, Restorer& restorer) {
  const Image blurred = read_image(job.input);
  Image restored;
  try {
    restored = restorer.restore_image(blurred);
  } catch (const Error& error) {
    fail(job.input.string(), ": ", error.what());
  }
  write(job.output, restored);
  std::vector<FloatImage> strip{to_rgb_float(blurred), to_rgb_float(restored)};
  std::optional<Comparison> scores;
  if (!sharp_folder.empty()) {
    strip.push_back(read_sharp(sharp_partner(job, sharp_folder), blurred));
    scores = Comparison{score(strip[0], strip[2]), score(strip[1], strip[2])};
  }
  if (!job.compare.empty()) write(job.compare, to_integer(side_by_side(strip)));
  return scores;
}

// ---- the run ----

std::string describe(const LoadedGenerator& generator) {
  std::string text = "preset " + generator.options.preset;
  const auto step = generator.metadata.find("step");
  if (step != generator.metadata.end()) text += ", step " + step->second;
  if (generator.from_checkpoint) text += generator.from_ema ? ", averaged weights" : ", last weights";
  return text;
}

int deblur(const Arguments& arguments) {
  const std::vector<DeblurJob> jobs = plan_deblurring(arguments.plan);
  watch_interrupts();
  Context context({.device = arguments.device,
                   .precision = arguments.precision,
                   .conv_backend = arguments.conv_backend,
                   .threads = arguments.threads});
  const LoadedGenerator generator = load_generator(context, arguments.weights, arguments.load);
  check(!arguments.load.dropout_at_test || generator.options.dropout > 0.0, arguments.weights.string(),
        ": its network has no dropout; leave --dropout-at-test away");
  const Preset preset = find_preset(generator.options.preset);
  Restorer restorer(*generator.network,
                    {.size_multiple = preset.size_multiple, .minimum_size = preset.minimum_size});
  // A large picture takes minutes: Ctrl-C is heard between layers.
  context.set_module_observer([](const Module&, const Tensor&, const Tensor&) {
    if (interrupted()) throw Interrupted("interrupted");
  });
  if (!arguments.quiet) fmt::print("{}: {}\n", arguments.weights.string(), describe(generator));

  std::size_t done = 0;
  std::vector<Comparison> scores;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    context.random().set_state(
        {arguments.seed, 0});  // a picture's dropout does not depend on those before it
    std::optional<Comparison> result;
    try {
      if (interrupted()) throw Interrupted("interrupted");
      result = process(jobs[i], arguments.plan.sharp, restorer);
    } catch (const Interrupted&) {
      throw Interrupted(
          fmt::format("interrupted after {} of {} pictures; none is half written", done, jobs.size()));
    } catch (const CannotWrite&) {
      throw;
    } catch (const Error& error) {
      tell(kProgram, error.what());
      continue;
    } catch (const std::bad_alloc&) {
      tell(kProgram,
           jobs[i].input.string() + ": not enough memory; close other programs or make the picture smaller");
      continue;
    }
    ++done;
    if (result) scores.push_back(*result);
    if (arguments.quiet) continue;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print("[{}/{}] {} -> {}  {:.2f} s{}\n", i + 1, jobs.size(), jobs[i].input.string(),
               jobs[i].output.string(), seconds.count(), result ? "  " + text_of(*result) : "");
    std::fflush(stdout);
  }
  if (!scores.empty()) {
    fmt::print("mean of {} pictures, blurred -> restored (psnr:rgb, ssim:gauss2d-valid): {}\n", scores.size(),
               text_of(mean_of(scores)));
  }
  if (done == jobs.size()) return 0;
  if (jobs.size() > 1) {
    tell(kProgram, fmt::format("{} of {} pictures failed, see above", jobs.size() - done, jobs.size()));
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    Arguments arguments;
    if (const auto code = parse(argc, argv, arguments)) return *code;
    return deblur(arguments);
  });
}
