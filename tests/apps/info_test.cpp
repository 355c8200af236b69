// deblurgan-info as a user runs it: what it tells of the build and the machine, and the plan of a preset.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "kernels/backend.h"
#include "tests/apps/program.h"

using namespace dg;
using namespace dg::test;
using nlohmann::json;

namespace {

ProgramResult info(const std::string& arguments) {
  const TempFolder folder;
  return run_in(folder, "'" DG_INFO_PROGRAM "' " + arguments);
}

json parsed(const std::string& arguments) {
  const ProgramResult result = info(arguments);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return json::parse(result.out);
}

const json& device_named(const json& report, const std::string& name) {
  const json& devices = report["devices"];
  const auto found = std::find_if(devices.begin(), devices.end(), [&](const json& d) {
    return d["name"].get<std::string>().substr(0, d["name"].get<std::string>().find(':')) == name;
  });
  REQUIRE(found != devices.end());
  return *found;
}

void check_error(const std::string& arguments, int code, const std::string& part) {
  const ProgramResult result = info(arguments);
  INFO(result.err);
  CHECK(result.code == code);
  CHECK(result.out.empty());
  CHECK_THAT(result.err, Catch::StartsWith("deblurgan-info: ") && Catch::Contains(part));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
}

}  // namespace

TEST_CASE("info: version, compiler, and the CPU with its precisions and convolutions") {
  const json report = parsed("--json");
  CHECK_THAT(info("--version").out, Catch::Contains(report["version"].get<std::string>()));
  CHECK_FALSE(report["compiler"].get<std::string>().empty());
  CHECK(report["cpu"]["threads"].get<int>() >= 1);
  const json& cpu = device_named(report, "cpu");
  CHECK(cpu["available"] == true);
  CHECK(cpu["precisions"] == json({"float32", "bf16"}));
  json convolutions = {"winograd", "direct"};
  const std::string bf16 = make_cpu_backend(1, CpuKernels::bf16)->description();
  if (bf16.find("bf16 products") != std::string::npos) convolutions.push_back("winograd_bf16");
  CHECK(cpu["convolutions"] == convolutions);
  const auto sets = report["cpu"]["instruction_sets"].get<std::vector<std::string>>();
  REQUIRE_FALSE(sets.empty());
  CHECK(sets.front() == "baseline");
  CHECK_THAT(cpu["description"].get<std::string>(), Catch::Contains(sets.back()));
}

TEST_CASE("info: the CUDA devices are what the build has, and an absent one says why") {
  const json report = parsed("--json");
  CHECK(report["cuda_kernels"] == has_cuda_kernels());
  CHECK(report["cuda_emulator"] == has_cuda_emulator());
  CHECK(report["cuda"]["runtime"].get<std::string>().empty() == !has_cuda_kernels());

  const json& cuda = device_named(report, "cuda");
  const bool usable = cuda["available"].get<bool>();
  if (usable) CHECK_FALSE(report["cuda"]["gpus"].empty());
  if (!usable) CHECK_THAT(cuda["reason"].get<std::string>(), Catch::Contains("device 'cuda'"));

  const json& emulated = device_named(report, "cuda-emulated");
  CHECK(emulated["available"] == has_cuda_emulator());
  if (has_cuda_emulator()) {
    CHECK(emulated["precisions"] == json({"float32", "tf32", "bf16"}));
    const std::set<std::string> tiers = emulated["convolutions"];
    CHECK(tiers ==
          std::set<std::string>{"tiled", "small_channels", "implicit_gemm_bf16", "implicit_gemm_tf32"});
  }
}

TEST_CASE("info: the text says the same as the JSON") {
  const ProgramResult text = info("");
  CHECK(text.code == 0);
  CHECK(text.err.empty());
  const json report = parsed("--json");
  CHECK_THAT(text.out, Catch::StartsWith("deblurgan " + report["version"].get<std::string>()));
  for (const json& device : report["devices"]) {
    const std::string key = device["available"].get<bool>() ? "description" : "reason";
    CHECK_THAT(text.out, Catch::Contains(device[key].get<std::string>()));
  }
}

TEST_CASE("info: the plan lists each convolution with its shape and algorithms") {
  const json plan = parsed("--plan deblurgan --size 96x64 --json");
  CHECK(plan["height"] == 64);
  CHECK(plan["width"] == 96);
  const json& convs = plan["convolutions"];
  CHECK(convs.size() == 24 + 5 + 7);  // generator, discriminator, VGG19 up to conv3_3
  CHECK(convs[0]["layer"] == "head.conv");
  CHECK(convs[0]["convolution"] == "1x70x102x3 -> 64, 7x7");
  CHECK(convs[0]["GFLOP"].get<double>() == Approx(2e-9 * 64 * 96 * 64 * 49 * 3));
  // The 7x7 layers are direct on the CPU, the residual blocks Winograd's.
  CHECK(convs[0]["forward"] == "direct");
  CHECK(convs[5]["layer"] == "blocks.1.conv1");
  CHECK(convs[5]["forward"] == "winograd");
  CHECK_THAT(info("--plan deblurgan --size 64").out, Catch::Contains("blocks.8.conv2"));
}

TEST_CASE("info: on an emulated GPU the plan follows the precision") {
  if (!has_cuda_emulator()) {
    WARN("this build has no emulator, so there is only the CPU's plan");
    return;
  }
  const auto algorithms = [](const std::string& precision) {
    const json plan =
        parsed("--plan deblurgan --size 64 --device cuda-emulated --json --precision " + precision);
    std::set<std::string> names;
    for (const json& conv : plan["convolutions"]) names.insert(conv["forward"].get<std::string>());
    return names;
  };
  CHECK(algorithms("bf16").contains("implicit_gemm_bf16"));
  CHECK(algorithms("tf32").contains("implicit_gemm_tf32"));
  CHECK(algorithms("float32").contains("tiled"));
}

TEST_CASE("info: wrong arguments are told in a sentence") {
  check_error("--plan nothing", 2, "expected one of keras, deblurgan");
  check_error("--plan small --size 7x", 2, "--size is '7x'");
  check_error("--plan small --precision half", 2, "expected float32, tf32 or bf16");
  check_error("--plan small --precision tf32", 1, "tf32 is for GPUs");
  check_error("--plan small --size 30", 1, "multiples of 4");
  check_error("--plan small --device tpu", 2, "unknown device 'tpu'");
  check_error("--size 64", 2, "--plan");
}
