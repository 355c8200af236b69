// deblurgan-bench-conv: every convolution of the networks, norms, losses and Adam on one device, next to cuDNN on a GPU.
// Options of Google Benchmark follow ours (--benchmark_filter, --benchmark_out); docs/benchmarks.md tells how to read it.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "bench/session.h"

namespace {

using namespace dg;
using namespace dg::bench;

struct Options {
  std::string device = "cpu";
  std::vector<std::string> dtypes;
  std::string cudnn;
  bool no_cudnn = false;
  Sampling sampling;
};

Session make_session(const Options& o) {
  Session session;
  session.device = make_bench_device(o.device);
  for (const std::string& name : o.dtypes) session.arithmetics.push_back(parse_arithmetic(name));
  if (session.arithmetics.empty()) session.arithmetics.push_back(Arithmetic::float32);
  session.sampling = o.sampling;
  return session;
}

// The rival, or why there is none.
std::string add_rival(Session& session, const Options& o) {
  if (session.device->stream() == nullptr) return "not compared: it runs on GPUs only";
  if (o.no_cudnn) return "not compared: --no-cudnn";
  try {
    session.cudnn = std::make_unique<Cudnn>(o.cudnn, *session.device);
    return session.cudnn->version();
  } catch (const Error& error) {
    return std::string("not compared: ") + error.what();
  }
}

void describe(Session& session, const std::string& rival) {
  for (const auto& [key, value] : session.device->facts()) benchmark::AddCustomContext(key, value);
  benchmark::AddCustomContext("cudnn", rival);
  BenchDevice& device = *session.device;
  for (const Arithmetic a : session.arithmetics) {
    if (const double peak = device.peak_flops(a); peak > 0.0)
      benchmark::AddCustomContext(std::string("peak_TFLOP/s_") + name_of(a), std::to_string(peak * 1e-12));
  }
  if (const double peak = device.peak_bandwidth(); peak > 0.0)
    benchmark::AddCustomContext("peak_GB/s", std::to_string(peak * 1e-9));
  // Right after the products: the clock under load.
  if (const double mhz = device.clock_mhz(); mhz > 0.0)
    benchmark::AddCustomContext("clock_MHz", std::to_string(mhz));
}

int run(int argc, char** argv) {
  Options o;
  CLI::App app("Measures the kernels of deblurgan, one by one.", "deblurgan-bench-conv");
  app.allow_extras();
  app.footer("Other options go to Google Benchmark: --benchmark_filter=REGEX, --benchmark_out=FILE, ...");
  app.add_option("--device", o.device, "cpu, cuda, cuda:N or cuda-emulated")->capture_default_str();
  app.add_option("--dtype", o.dtypes, "float32 (default), tf32, bf16; several, separated by commas")
      ->delimiter(',');
  app.add_option("--cudnn", o.cudnn,
                 "cuDNN's library; default: $DEBLURGAN_CUDNN, else where the loader finds it");
  app.add_flag("--no-cudnn", o.no_cudnn, "do not measure cuDNN beside our kernels");
  app.add_option("--samples", o.sampling.at_most, "most measurements of a case")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--seconds", o.sampling.seconds, "of measuring a case")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  o.sampling.at_least = std::min(o.sampling.at_least, o.sampling.at_most);

  Session session = make_session(o);
  const std::string rival = add_rival(session, o);
  add_conv_cases(session);
  add_memory_cases(session);

  std::vector<std::string> words = app.remaining();
  words.insert(words.begin(), argv[0]);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;
  describe(session, rival);
  std::fprintf(stderr, "cuDNN: %s\n", rival.c_str());
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return session.failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "deblurgan-bench-conv: %s\n", error.what());
    return 1;
  }
}
