#include "apps/blur_arguments.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common.h"
#include "apps/option_values.h"
#include "kernels/check.h"

namespace dg::apps {
namespace {

constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-blur photos/ -o data --max-blur 30 --noise 0:3 --jpeg 70:95\n"
    "  deblurgan-blur photos/ -o data --vary 4 --count 3 --psf --split 0.9\n"
    "  deblurgan-blur video/ -o data --frames 7 --gamma 2.2     (video/SEQUENCE/000001.png ..., from "
    "ffmpeg)\n"
    "  deblurgan-blur --scenes 500 --size 512x512 -o data\n"
    "  deblurgan-train --data data --preset small --out run\n"
    "\n"
    "Writes OUT/blurred and OUT/sharp, the layout that deblurgan-train reads, OUT/manifest.jsonl with a line "
    "per "
    "pair and\n"
    "OUT/options.json. The same command again makes only what is missing. A pair follows from the seed, its "
    "name "
    "and the\n"
    "options, not from the other pictures or the number of threads. LOW:HIGH draws evenly per picture.\n"
    "Exit code: 0 all pairs are there, 1 some or all are not (each is named), 2 wrong arguments, 130 Ctrl-C.";

// What the command line says in words of its own.
struct Words {
  std::string size = "512x512";
  std::string gamma = "srgb";
  std::string anxiety = "0.0001:0.005";
  std::string photons = "0";
  std::string noise = "0";
  std::string jpeg = "0";
  std::string extension = "png";
};

// "3" or "0:5".
ValueRange parse_range(const std::string& option, const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto low = parse_number<double>(std::string_view(text).substr(0, colon));
  const auto high =
      colon == std::string::npos ? low : parse_number<double>(std::string_view(text).substr(colon + 1));
  if (!low || !high) {
    throw UsageError(option + " is '" + text + "', expected a number, or two as in 0:5");
  }
  return {*low, *high};
}

void add_source_options(CLI::App& app, BlurDatasetOptions& o, Words& words) {
  const char* group = "What is blurred";
  app.add_option("input", o.input, "Folder of sharp photographs; with --frames of folders of frames")
      ->type_name("DIR");
  CLI::Option* frames =
      app.add_option("--frames", o.frames,
                     "Average N consecutive frames of each folder; N is odd, the middle one "
                     "is the sharp picture")
          ->type_name("N")
          ->group(group);
  app.add_option("--stride", o.stride, "Frames from one average's first to the next one's; default: N")
      ->check(at_least(1))
      ->needs(frames)
      ->type_name("S")
      ->group(group);
  CLI::Option* scenes =
      app.add_option("--scenes", o.scenes, "Blur N procedural scenes, no photographs needed")
          ->excludes(frames)
          ->type_name("N")
          ->group(group);
  app.add_option("--size", words.size, "Of the scenes: width and height in pixels")
      ->needs(scenes)
      ->capture_default_str()
      ->type_name("WxH")
      ->group(group);
  app.add_option("--count", o.variants, "Blurred pictures of each photograph or scene")
      ->capture_default_str()
      ->excludes(frames)
      ->type_name("K")
      ->group(group);
}

void add_shake_options(CLI::App& app, BlurDatasetOptions& o, Words& words) {
  const char* group = "Camera shake";
  CameraShakeOptions& shake = o.blur.shake;
  std::vector<CLI::Option*> options{
      app.add_option("--min-blur", shake.min_length, "Shortest shake, pixels")->capture_default_str(),
      app.add_option("--max-blur", shake.max_length, "Longest shake, pixels")->capture_default_str(),
      app.add_option(
             "--vary", o.blur.grid,
             "N x N tiles whose shakes change across the picture, as when the camera turns; 1: the same "
             "everywhere")
          ->capture_default_str()
          ->type_name("N"),
      app.add_option("--anxiety", words.anxiety, "How jerky the hand is, LOW:HIGH; near 0: straight lines")
          ->capture_default_str()
          ->type_name("LOW:HIGH"),
      app.add_option("--shakes", shake.shake_rate, "Most impulsive shakes in an exposure")
          ->capture_default_str(),
      app.add_flag("--psf", o.psf, "Also write the PSFs as pictures: OUT/psf")};
  for (CLI::Option* option : options) option->excludes(app.get_option("--frames"))->group(group);
}

void add_camera_options(CLI::App& app, Words& words) {
  const char* group = "Camera";
  app.add_option("--gamma", words.gamma,
                 "Light of stored values: srgb, or an exponent; 2.2 as GoPro, 1: none")
      ->capture_default_str()
      ->type_name("G")
      ->group(group);
  app.add_option("--noise", words.noise, "Gaussian noise of the blurred picture, in levels of 0..255")
      ->capture_default_str()
      ->type_name("SIGMA")
      ->group(group);
  app.add_option("--photons", words.photons, "Shot noise: photons that white collects; 0: none")
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  app.add_option("--jpeg", words.jpeg, "Compress the blurred picture with this quality, 1..100; 0: do not")
      ->capture_default_str()
      ->type_name("QUALITY")
      ->group(group);
}

void add_output_options(CLI::App& app, BlurArguments& a, Words& words) {
  const char* group = "Output";
  BlurDatasetOptions& o = a.dataset;
  app.add_option("-o,--output", o.output, "Folder of the data set")
      ->required()
      ->type_name("OUT")
      ->group(group);
  app.add_option("--split", o.train_share,
                 "This share of the pictures into OUT/train, the rest into OUT/test")
      ->type_name("SHARE")
      ->group(group);
  app.add_option("--ext", words.extension, "Format of the blurred pictures: png or jpg")
      ->check(CLI::IsMember({"png", "jpg"}))
      ->capture_default_str()
      ->type_name("EXT")
      ->group(group);
  app.add_option("--seed", o.seed, "Another seed, other blur")
      ->check(at_least(0))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--overwrite", o.overwrite, "Delete the pairs of a former run in OUT and start anew")
      ->group(group);
  app.add_option("--threads", o.threads, "Pictures made at the same time; 0: as many as CPU threads")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->group(group);
  app.add_flag("--json", a.json, "Print the summary as JSON, and progress on standard error")->group(group);
  app.add_flag("-q,--quiet", a.quiet, "Print errors only")->group(group);
}

void apply(const Words& words, BlurDatasetOptions& o) {
  const PixelSize size = parse_pixel_size("--size", words.size, true);
  o.scene_width = size.width;
  o.scene_height = size.height;
  const ValueRange anxiety = parse_range("--anxiety", words.anxiety);
  o.blur.shake.min_anxiety = anxiety.low;
  o.blur.shake.max_anxiety = anxiety.high;
  CaptureOptions& capture = o.blur.capture;
  capture.noise = parse_range("--noise", words.noise);
  capture.photons = parse_range("--photons", words.photons);
  capture.jpeg = parse_range("--jpeg", words.jpeg);
  if (words.gamma != "srgb") {
    const auto gamma = parse_number<double>(words.gamma);
    if (!gamma || !(*gamma > 0.0)) {
      throw UsageError("--gamma is '" + words.gamma + "', expected srgb or a number above 0, such as 2.2");
    }
    capture.gamma = *gamma;
  }
  if (words.extension == "jpg") o.format = ImageFormat::jpeg;
}

}  // namespace

std::optional<int> parse_blur_arguments(int argc, char** argv, BlurArguments& arguments) {
  CLI::App app("Makes pairs of blurred and sharp pictures for deblurgan-train and deblurgan-eval.",
               kBlurProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kBlurProgram));
  Words words;
  BlurDatasetOptions& o = arguments.dataset;
  add_source_options(app, o, words);
  add_shake_options(app, o, words);
  add_camera_options(app, words);
  add_output_options(app, arguments, words);
  if (const auto code = parse_command_line(app, kBlurProgram, argc, argv)) return code;

  const bool scenes = app.get_option("--scenes")->count() > 0;
  if (scenes != o.input.empty()) {
    throw UsageError(scenes ? "--scenes needs no pictures, but the folder " + o.input.string() +
                                  " is given; drop one of them"
                            : "nothing to blur: give a folder of sharp pictures, or --scenes N");
  }
  if (app.get_option("--frames")->count() > 0) o.source = BlurSource::frames;
  if (scenes) o.source = BlurSource::scenes;
  if (app.get_option("--split")->count() > 0 && !(o.train_share > 0.0 && o.train_share < 1.0)) {
    throw UsageError("--split is the share of the training pictures, above 0 and below 1, such as 0.9");
  }
  apply(words, o);
  try {
    check_options(o);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
  return std::nullopt;
}

}  // namespace dg::apps
