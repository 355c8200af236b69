// deblurgan-info: what this build and this machine can do, as text or JSON. Exit codes: apps/common.h.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "apps/common.h"
#include "apps/conv_plan.h"
#include "apps/gpus.h"
#include "apps/option_values.h"
#include "core/context.h"
#include "kernels/check.h"

using namespace dg;
using namespace dg::apps;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kProgram = "deblurgan-info";

struct Arguments {
  bool json = false;
  PlanOptions plan;
  std::string size = "256x256";
  std::string precision = "float32";
};

// What a device says of itself; `reason` where it cannot be used.
struct DeviceReport {
  std::string name;
  std::string description;
  std::string reason;
  std::vector<std::string> precisions;
  std::vector<std::string> algorithms;  // of convolutions

  bool available() const { return reason.empty(); }
};

struct Report {
  std::string cpu;
  unsigned threads = 0;
  std::vector<std::string> instruction_sets;  // that the CPU kernels may use, the widest last
  CudaSystem cuda;
  std::vector<DeviceReport> devices;
};

// ---- looking ----

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::vector<std::string> precisions_of(const std::string& device) {
  std::vector<std::string> names;
  for (const Precision precision : {Precision::float32, Precision::tf32, Precision::bf16}) {
    try {
      const Context context({.device = device, .precision = precision, .threads = 1});
      names.emplace_back(name_of(precision));
    } catch (const Error&) {  // not on this device
    }
  }
  return names;
}

// All that a residual block's convolution and a photo's first one may take, in every tier.
std::vector<std::string> algorithms_of(const std::string& device, int number) {
  const Conv2dShape block{.n = 1, .h = 66, .w = 66, .c = 256, .k = 256, .r = 3, .s = 3};
  const Conv2dShape head{.n = 1, .h = 262, .w = 262, .c = 3, .k = 64, .r = 7, .s = 7};
  std::vector<std::string> names;
  const auto ask = [&](const Backend& backend) {
    for (const Conv2dShape& shape : {block, head}) {
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        try {
          std::string name = backend.conv2d_algorithm(ConvPass::forward, dtype, shape);
          if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
        } catch (const Error&) {  // a tier that does not take the shape or type
        }
      }
    }
  };
  if (device == "cpu") {
    ask(*make_cpu_backend(1));
    ask(*make_cpu_backend(1, CpuKernels::bf16));
    return names;
  }
  for (const CudaConvTier tier :
       {CudaConvTier::tiled, CudaConvTier::small_channels, CudaConvTier::tensor_core, CudaConvTier::cudnn}) {
    const CudaOptions options{.device = number, .tf32 = true, .conv_tier = tier};
    try {
      ask(device == "cuda-emulated" ? *make_cuda_emulated_backend(options) : *make_cuda_backend(options));
    } catch (const Error&) {  // cuDNN is not on this machine, or not for this device
    }
  }
  return names;
}

DeviceReport look_at(const std::string& device, int number = 0) {
  DeviceReport report;
  report.name = device;
  try {
    Context context({.device = device});
    report.description = context.backend().description();
  } catch (const Error& error) {
    report.reason = error.what();
    return report;
  }
  report.precisions = precisions_of(device);
  report.algorithms = algorithms_of(device, number);
  return report;
}

Report look_around() {
  Report report;
  report.cpu = cpu_name();
  report.threads = std::thread::hardware_concurrency();
  for (const CpuIsa isa : available_cpu_isas()) report.instruction_sets.emplace_back(name_of(isa));
  report.cuda = find_gpus();
  report.devices.push_back(look_at("cpu"));
  if (report.cuda.gpus.empty()) report.devices.push_back(look_at("cuda"));  // says why
  for (const Gpu& gpu : report.cuda.gpus)
    report.devices.push_back(look_at("cuda:" + std::to_string(gpu.number), gpu.number));
  report.devices.push_back(look_at("cuda-emulated"));
  return report;
}

// ---- telling ----

std::string compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}", __clang_version__);
#else
  return fmt::format("GCC {}", __VERSION__);
#endif
}

std::string build_text() {
  std::string backends = "cpu";
  if (has_cuda_kernels()) backends += ", cuda";
  if (has_cuda_emulator()) backends += ", cuda-emulated";
  return backends;
}

std::string cuda_text(const CudaSystem& cuda) {
  if (cuda.runtime_version.empty()) return "not in this build";
  return fmt::format(
      "runtime {}, {}", cuda.runtime_version,
      cuda.driver_version.empty() ? "no driver" : "driver for CUDA up to " + cuda.driver_version);
}

double mib(std::int64_t bytes) { return static_cast<double>(bytes) / 1048576.0; }

void print_text(const Report& report) {
  fmt::print("{}\n", version_line("deblurgan"));
  fmt::print("  compiler    {}\n", compiler());
  fmt::print("  backends    {}\n", build_text());
  fmt::print("  CPU         {}, {} threads, kernels for {}\n", report.cpu, report.threads,
             fmt::join(report.instruction_sets, ", "));
  fmt::print("  CUDA        {}\n", cuda_text(report.cuda));
  for (const Gpu& gpu : report.cuda.gpus) {
    fmt::print("  GPU {}       {}, sm_{}, {} multiprocessors, {:.0f} MiB\n", gpu.number, gpu.name,
               gpu.compute_capability, gpu.multiprocessors, mib(gpu.memory_bytes));
  }
  for (const DeviceReport& device : report.devices) {
    if (!device.available()) {
      fmt::print("\ndevice {}: not available\n  {}\n", device.name, device.reason);
      continue;
    }
    fmt::print("\ndevice {}\n  {}\n", device.name, device.description);
    fmt::print("  precisions    {}\n", fmt::join(device.precisions, ", "));
    fmt::print("  convolutions  {}\n", fmt::join(device.algorithms, ", "));
  }
}

Json to_json(const Report& report) {
  Json gpus = Json::array();
  for (const Gpu& gpu : report.cuda.gpus) {
    gpus.push_back({{"number", gpu.number},
                    {"name", gpu.name},
                    {"compute_capability", gpu.compute_capability},
                    {"multiprocessors", gpu.multiprocessors},
                    {"memory_MiB", mib(gpu.memory_bytes)}});
  }
  Json devices = Json::array();
  for (const DeviceReport& device : report.devices) {
    Json one{{"name", device.name}, {"available", device.available()}};
    if (device.available()) {
      one["description"] = device.description;
      one["precisions"] = device.precisions;
      one["convolutions"] = device.algorithms;
    } else {
      one["reason"] = device.reason;
    }
    devices.push_back(std::move(one));
  }
  return {
      {"version", DEBLURGAN_VERSION},
      {"compiler", compiler()},
      {"cuda_kernels", has_cuda_kernels()},
      {"cuda_emulator", has_cuda_emulator()},
      {"cpu",
       {{"name", report.cpu}, {"threads", report.threads}, {"instruction_sets", report.instruction_sets}}},
      {"cuda",
       {{"runtime", report.cuda.runtime_version}, {"driver", report.cuda.driver_version}, {"gpus", gpus}}},
      {"devices", devices}};
}

// ---- the plan ----

void print_plan(const PlanOptions& o, const std::vector<PlannedConv>& convs, const std::string& precision) {
  fmt::print("{}, {}x{}x{}, {}, {}\n", o.preset, o.batch, o.height, o.width, o.device, precision);
  const PlannedConv header{"network", "layer", "convolution", 0.0, "forward", "grad_input", "grad_weight"};
  const auto width = [&](std::string PlannedConv::*column) {
    std::size_t widest = (header.*column).size();
    for (const PlannedConv& c : convs) widest = std::max(widest, (c.*column).size());
    return widest;
  };
  const auto line = [&](const PlannedConv& c, const std::string& gflop) {
    fmt::print("{:<{}}  {:<{}}  {:<{}}  {:>8}  {:<{}}  {:<{}}  {}\n", c.network, width(&PlannedConv::network),
               c.layer, width(&PlannedConv::layer), c.shape, width(&PlannedConv::shape), gflop, c.forward,
               width(&PlannedConv::forward), c.grad_input, width(&PlannedConv::grad_input), c.grad_weight);
  };
  line(header, "GFLOP");
  for (const PlannedConv& c : convs) line(c, fmt::format("{:.2f}", c.gflop));
}

Json to_json(const PlanOptions& o, const std::vector<PlannedConv>& convs, const std::string& precision) {
  Json rows = Json::array();
  for (const PlannedConv& c : convs) {
    rows.push_back({{"network", c.network},
                    {"layer", c.layer},
                    {"convolution", c.shape},
                    {"GFLOP", c.gflop},
                    {"forward", c.forward},
                    {"grad_input", c.grad_input},
                    {"grad_weight", c.grad_weight}});
  }
  return {{"preset", o.preset}, {"batch", o.batch},       {"height", o.height},  {"width", o.width},
          {"device", o.device}, {"precision", precision}, {"convolutions", rows}};
}

// ---- arguments ----

Precision precision_named(const std::string& text) {
  try {
    return parse_precision(text);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app("Tells what this build of deblurgan and this machine can do.", kProgram);
  app.footer(
      "Examples:\n"
      "  deblurgan-info\n"
      "  deblurgan-info --json\n"
      "  deblurgan-info --plan deblurgan --size 1280x720 --device cuda --precision bf16\n"
      "\n"
      "Exit code: 0 done, 1 failed, 2 wrong arguments, 130 Ctrl-C.");
  app.set_version_flag("--version", version_line(kProgram));
  app.add_flag("--json", arguments.json, "As JSON");
  CLI::Option* plan = app.add_option("--plan", arguments.plan.preset,
                                     "Instead: the algorithm of each convolution of this preset's networks")
                          ->type_name("PRESET")
                          ->check(preset_name());
  app.add_option("--size", arguments.size, "Of the images: width and height, or one number for both")
      ->type_name("WxH")
      ->needs(plan)
      ->capture_default_str();
  app.add_option("--batch", arguments.plan.batch, "Images")
      ->needs(plan)
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--device", arguments.plan.device, "cuda:N is GPU number N")
      ->type_name("NAME:{cpu,cuda,cuda:0,cuda-emulated}")
      ->check(device_name())
      ->needs(plan)
      ->capture_default_str();
  app.add_option("--precision", arguments.precision, "That is asked about")
      ->type_name("NAME:{float32,tf32,bf16}")
      ->needs(plan)
      ->capture_default_str();
  app.add_flag("--exact", arguments.plan.exact,
               "compute as exactly as float32 allows: on the CPU without Winograd, and slower")
      ->needs(plan);
  if (const auto code = parse_command_line(app, kProgram, argc, argv)) return code;
  const PixelSize size = parse_pixel_size("--size", arguments.size, true);
  arguments.plan.height = size.height;
  arguments.plan.width = size.width;
  arguments.plan.precision = precision_named(arguments.precision);
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(kProgram, [&] {
    Arguments arguments;
    if (const auto code = parse(argc, argv, arguments)) return *code;
    if (!arguments.plan.preset.empty()) {
      const auto convs = plan_convolutions(arguments.plan);
      if (arguments.json) {
        fmt::print("{}\n", to_json(arguments.plan, convs, arguments.precision).dump(2));
      } else {
        print_plan(arguments.plan, convs, arguments.precision);
      }
      return 0;
    }
    const Report report = look_around();
    if (arguments.json) {
      fmt::print("{}\n", to_json(report).dump(2));
    } else {
      print_text(report);
    }
    return 0;
  });
}
