// deblurgan-draw: pictures and tables of a network. Exit codes: apps/common.h.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/common.h"
#include "apps/option_values.h"
#include "core/context.h"
#include "data/drawing_io.h"
#include "kernels/check.h"
#include "layers/summary.h"
#include "models/architecture/graph.h"
#include "models/architecture/views.h"
#include "models/presets.h"
#include "models/weights.h"

namespace fs = std::filesystem;
using namespace dg;
using namespace dg::apps;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kProgram = "deblurgan-draw";
constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-draw --preset keras -o generator.svg\n"
    "  deblurgan-draw --preset keras --discriminator --view lenet -o discriminator.png\n"
    "  deblurgan-draw --preset unet_256 --view functional -o unet.svg -o unet.pdf\n"
    "  deblurgan-draw --weights run/generator.safetensors --view graph --ignore Pad,ReLU -o net.svg\n"
    "  deblurgan-draw --preset deblurgan --summary --size 1280x720\n"
    "\n"
    "Kinds for --ignore are those of the legend and of the summary, in any case: Pad, Dropout, ReLU, "
    "InstanceNorm2d, ...\n"
    "Exit code: 0 done, 1 failed, 2 wrong arguments.";

struct Arguments {
  std::string preset;
  fs::path weights;
  bool generator = false;
  bool discriminator = false;
  std::string size = "256x256";
  PixelSize image = {};
  std::vector<fs::path> outputs;
  ArchitectureViewOptions view;
  DrawingWriteOptions write;
  bool summary = false;
  bool json = false;
};

// ---- arguments ----

void check_arguments(const Arguments& arguments) {
  const auto demand = [](bool condition, const char* sentence) {
    if (!condition) throw UsageError(sentence);
  };
  demand(!arguments.preset.empty() || !arguments.weights.empty(),
         "give the network: --preset NAME or --weights FILE");
  demand(!arguments.discriminator || arguments.weights.empty(),
         "--weights holds a generator; give --discriminator with --preset");
  demand(arguments.summary || !arguments.json, "--json is for --summary");
  demand(arguments.summary || !arguments.outputs.empty(), "give the picture's name with -o, or --summary");
  for (const fs::path& output : arguments.outputs) {
    try {
      drawing_format_of(output);
    } catch (const Error& error) {
      throw UsageError(std::string("-o ") + error.what());
    }
  }
}

std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app("Draws the networks of deblurgan, and tells what they consist of.", kProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kProgram));
  ArchitectureViewOptions& view = arguments.view;

  CLI::Option* preset = app.add_option("--preset", arguments.preset, "The network by name")
                            ->type_name(preset_words())
                            ->check(preset_name());
  app.add_option("-w,--weights", arguments.weights, "The generator of these weights or this checkpoint")
      ->excludes(preset)
      ->type_name("FILE");
  CLI::Option* discriminator =
      app.add_flag("--discriminator", arguments.discriminator, "The preset's discriminator");
  app.add_flag("--generator", arguments.generator, "Its generator, as without this option")
      ->excludes(discriminator);
  app.add_option("--size", arguments.size, "Of the images: width and height, or one number for both")
      ->capture_default_str()
      ->type_name("WxH");
  app.add_option("-o,--output", arguments.outputs,
                 "Picture to write: .svg, .png or .pdf; may be given several times")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option_function<std::string>(
         "--view", [&](const std::string& name) { view.view = parse_architecture_view(name); },
         "layered, graph, lenet or functional; default layered")
      ->type_name("NAME")
      ->check(CLI::IsMember({"layered", "graph", "lenet", "functional"}));
  app.add_flag("--flat", view.flat, "Layered and functional: faces instead of volumes");
  app.add_option("--scale", view.scale, "Size of the volumes, not of the text")
      ->check(CLI::Range(0.1, 10.0))
      ->check(no_nan())
      ->capture_default_str();
  app.add_option("--spacing", view.spacing, "Least gap between the volumes; default: what suits the view")
      ->check(CLI::Range(0.0, 1000.0))
      ->check(no_nan())
      ->type_name("UNITS");
  app.add_option_function<std::string>(
         "--repeats", [&](const std::string& name) { view.repeats = parse_repeat_style(name); },
         "Equal blocks in a row: fold them into one volume, frame the first, or draw all; default auto")
      ->type_name("HOW")
      ->check(CLI::IsMember({"auto", "fold", "frame", "all"}));
  app.add_option("--ignore", view.ignore, "Kinds of layers that are not drawn")
      ->delimiter(',')
      ->type_name("KIND,...")
      ->allow_extra_args(false);
  app.add_flag("!--no-legend", view.legend, "No legend");
  app.add_flag("!--no-labels", view.labels, "No names and sizes");
  app.add_option("--dpi", arguments.write.dpi, "Of PNG; 96 is a pixel per unit")
      ->check(CLI::Range(24.0, 1200.0))
      ->check(no_nan())
      ->capture_default_str();
  app.add_flag("--summary", arguments.summary,
               "Print a table: output, parameters, multiply-adds and memory of each layer");
  app.add_flag("--json", arguments.json, "The table as JSON");
  if (const auto code = parse_command_line(app, kProgram, argc, argv)) return code;
  arguments.image = parse_pixel_size("--size", arguments.size, true);
  check_arguments(arguments);
  return std::nullopt;
}

// ---- the network ----

std::unique_ptr<Module> make_network(Context& context, const Arguments& arguments) {
  if (!arguments.weights.empty()) return load_generator(context, arguments.weights).network;
  const Preset preset = find_preset(arguments.preset);
  if (!arguments.discriminator) return make_generator(context, preset.generator);
  DiscriminatorOptions options = preset.discriminator;
  options.height = arguments.image.height;
  options.width = arguments.image.width;
  return make_discriminator(context, options);
}

// ---- the table ----

Json to_json(const Shape& shape) { return std::vector<std::int64_t>(shape.begin(), shape.end()); }

Json to_json(const Summary& table) {
  Json rows = Json::array();
  for (const SummaryRow& row : table.rows) {
    rows.push_back({{"name", row.name},
                    {"kind", row.kind},
                    {"details", row.details},
                    {"depth", row.depth},
                    {"calls", row.calls},
                    {"output", row.calls > 0 ? to_json(row.output) : Json(nullptr)},
                    {"parameters", row.parameters},
                    {"multiply_adds", row.multiply_adds},
                    {"output_bytes", row.output_bytes}});
  }
  return {{"input", to_json(table.input)},
          {"parameters", table.parameters},
          {"trained", table.trained},
          {"not_trained", table.not_trained},
          {"multiply_adds", table.multiply_adds},
          {"state_bytes", table.state_bytes},
          {"output_bytes", table.output_bytes},
          {"layers", rows}};
}

int draw(const Arguments& arguments) {
  watch_interrupts();
  Context context;
  const std::unique_ptr<Module> network = make_network(context, arguments);
  const Shape input{1, arguments.image.height, arguments.image.width, 3};
  if (arguments.summary) {
    const Summary table = summary(*network, input);
    if (arguments.json) {
      fmt::print("{}\n", to_json(table).dump(2));
    } else {
      fmt::print("{}", to_string(table));
    }
  }
  if (arguments.outputs.empty()) return 0;
  const Drawing drawing = draw_architecture(trace_architecture(*network, input), arguments.view);
  for (const fs::path& output : arguments.outputs) {
    if (interrupted()) throw Interrupted("interrupted");
    write_drawing(output, drawing, arguments.write);
    if (!arguments.json) fmt::print("{}: {:.0f} x {:.0f}\n", output.string(), drawing.width, drawing.height);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    Arguments arguments;
    if (const auto code = parse(argc, argv, arguments)) return *code;
    return draw(arguments);
  });
}
