// deblurgan-convert: a generator's weights from one program's format to another's. Exit codes: apps/common.h.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "apps/common.h"
#include "apps/option_values.h"
#include "core/context.h"
#include "data/keras_file.h"
#include "kernels/check.h"
#include "models/keras_weights.h"
#include "models/onnx_export.h"
#include "models/torch_export.h"
#include "models/weights.h"
#include "models/weights_listing.h"

namespace fs = std::filesystem;
using namespace dg;
using namespace dg::apps;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kProgram = "deblurgan-convert";
constexpr const char* kExamples =
    "Examples:\n"
    "  deblurgan-convert latest_net_G.pth -o generator.safetensors      PyTorch to deblurgan\n"
    "  deblurgan-convert generator.h5 -o generator.onnx                 Keras to ONNX\n"
    "  deblurgan-convert run/generator.safetensors -o g.safetensors --to torch\n"
    "  deblurgan-convert run/generator.safetensors -o generator.h5      for Keras' load_weights (preset "
    "keras)\n"
    "  deblurgan-convert unknown.bin --list\n"
    "\n"
    "What IN is, its content decides: safetensors of deblurgan or PyTorch, .pth, or Keras' .h5, .weights.h5 "
    "and "
    ".keras.\n"
    "Exit code: 0 done, 1 failed, 2 wrong arguments.";

struct Arguments {
  fs::path input;
  fs::path output;
  std::string format;  // of the output
  LoadOptions load;
  bool no_ema = false;
  bool list = false;
  bool json = false;
  bool quiet = false;
};

// ---- arguments ----

std::string format_of(const fs::path& output) {
  std::string extension = output.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (extension == ".safetensors" || extension == ".onnx") return extension.substr(1);
  if (extension == ".h5") return "keras";
  if (extension == ".pth" || extension == ".pt") {
    throw UsageError("-o " + output.string() +
                     ": pickles are read, not written; end it in .safetensors and give --to torch");
  }
  throw UsageError("-o " + output.string() +
                   ": its ending tells no format; give --to safetensors, torch, keras or onnx");
}

void check_arguments(Arguments& a) {
  if (a.list) {
    if (!a.output.empty() || !a.format.empty())
      throw UsageError("--list writes no file: leave -o and --to away");
    return;
  }
  if (a.json) throw UsageError("--json belongs to --list");
  if (a.output.empty()) throw UsageError("-o is missing: name the file to write, or give --list");
  if (a.format.empty()) a.format = format_of(a.output);
  std::error_code ignored;
  if (fs::equivalent(a.input, a.output, ignored))
    throw UsageError("-o " + a.output.string() + ": is the input itself; give another name");
}

std::optional<int> parse(int argc, char** argv, Arguments& a) {
  CLI::App app("Converts a generator's weights between deblurgan, PyTorch, Keras and ONNX.", kProgram);
  app.footer(kExamples);
  app.set_version_flag("--version", version_line(kProgram));
  app.add_option("input", a.input, "The weights")->required()->type_name("IN");
  app.add_option("-o,--output", a.output, "The file to write; an existing one is replaced")->type_name("OUT");
  app.add_option("--to", a.format,
                 "safetensors (deblurgan's own), torch (safetensors with PyTorch's names), keras or onnx; "
                 "else OUT's ending decides")
      ->check(CLI::IsMember({"safetensors", "torch", "keras", "onnx"}))
      ->type_name("FORMAT");
  app.add_option("--preset", a.load.preset, "Network of weights that name none and are not recognised")
      ->type_name(preset_words())
      ->check(preset_name());
  app.add_flag("--no-ema", a.no_ema, "Of a checkpoint: the last weights instead of their averages");
  app.add_flag("!--no-learn-residual", a.load.learn_residual,
               "The network's output is the picture itself: .pth files of programs without --learn_residual");
  app.add_flag("--list", a.list, "Instead: tell what IN holds, and which network it fits");
  app.add_flag("--json", a.json, "The list as JSON");
  app.add_flag("-q,--quiet", a.quiet, "Print errors only");
  if (const auto code = parse_command_line(app, kProgram, argc, argv)) return code;
  a.load.use_ema = !a.no_ema;
  check_arguments(a);
  return std::nullopt;
}

// ---- the list ----

struct Fit {
  std::optional<GeneratorOptions> options;
  std::string reason;  // where there are none
};

Fit find_fit(const Arguments& a) {
  try {
    Context context({.threads = 1});
    return {load_generator(context, a.input, a.load).options, {}};
  } catch (const Error& error) {
    return {std::nullopt, error.what()};
  }
}

std::string describe(const GeneratorOptions& options) {
  std::string text = fmt::format("preset {}, ngf {}", options.preset, options.ngf);
  if (options.blocks > 0) text += fmt::format(", {} blocks", options.blocks);
  return text + ", norm " + to_string(options.norm);
}

void print_list(const WeightsListing& listing, const Fit& fit) {
  fmt::print("format   {}\n", listing.format);
  fmt::print("network  {}\n", fit.options ? describe(*fit.options) : "none: " + fit.reason);
  for (const auto& [key, value] : listing.metadata) fmt::print("metadata {} = {}\n", key, value);
  for (const ListedTensor& tensor : listing.tensors)
    fmt::print("{}  {}  ({})\n", tensor.name, tensor.type, fmt::join(tensor.shape, ", "));
}

void print_json(const WeightsListing& listing, const Fit& fit) {
  Json tensors = Json::array();
  for (const ListedTensor& tensor : listing.tensors)
    tensors.push_back({{"name", tensor.name}, {"type", tensor.type}, {"shape", tensor.shape}});
  Json document{{"format", listing.format}, {"metadata", listing.metadata}, {"network", nullptr}};
  if (fit.options) {
    document["network"] = to_metadata(*fit.options);
  } else {
    document["reason"] = fit.reason;
  }
  document["tensors"] = std::move(tensors);
  // Names come from strange files: what is not UTF-8 in them is replaced.
  fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

int list(const Arguments& a) {
  const WeightsListing listing = list_weights(a.input);
  const Fit fit = find_fit(a);
  if (a.json) {
    print_json(listing, fit);
  } else {
    print_list(listing, fit);
  }
  return 0;
}

// ---- the conversion ----

// What the file says besides, such as the step of its training, stays with the weights.
Metadata native_metadata(const LoadedGenerator& generator) {
  Metadata metadata = to_metadata(generator.options);
  for (const auto& [key, value] : generator.metadata) metadata.emplace(key, value);
  return metadata;
}

void write(const Arguments& a, const LoadedGenerator& generator) {
  Module& network = *generator.network;
  if (a.format == "safetensors") save_weights(a.output, network, native_metadata(generator));
  if (a.format == "torch") save_torch_weights(a.output, network, generator.options);
  if (a.format == "onnx") save_onnx(a.output, network, generator.options);
  if (a.format == "keras") {
    const bool keras3 = a.output.filename().string().ends_with(".weights.h5");
    write_keras_file(a.output, keras_from_state(network, keras3 ? KerasFormat::keras3 : KerasFormat::keras2));
  }
}

int convert(const Arguments& a) {
  Context context({.threads = 1});
  const LoadedGenerator generator = load_generator(context, a.input, a.load);
  write(a, generator);
  if (!a.quiet) {
    fmt::print("{} -> {}: {}, as {}, {} bytes\n", a.input.string(), a.output.string(),
               describe(generator.options), a.format, fs::file_size(a.output));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    Arguments arguments;
    if (const auto code = parse(argc, argv, arguments)) return *code;
    return arguments.list ? list(arguments) : convert(arguments);
  });
}
