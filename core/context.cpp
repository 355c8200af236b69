#include "core/context.h"

#include <charconv>

namespace dg {
namespace {

// "cuda:1" -> 1.
int device_number(const std::string& device) {
  const auto colon = device.find(':');
  if (colon == std::string::npos) return 0;
  const std::string digits = device.substr(colon + 1);
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  check(error == std::errc() && end == digits.data() + digits.size() && number >= 0, "device '", device,
        "': expected a number after the colon, such as cuda:0");
  return number;
}

bool is_gpu(std::string_view device) { return device == "cuda" || device.starts_with("cuda:"); }

std::shared_ptr<Backend> make_backend(const ContextOptions& options) {
  check_conv_backend(options.conv_backend, options.device);
  if (options.device == "cpu") {
    check(options.precision != Precision::tf32,
          "precision tf32 is for GPUs; use float32 on the device 'cpu'");
    return make_cpu_backend(options.threads, options.reference_kernels              ? CpuKernels::reference
                                             : options.exact                        ? CpuKernels::exact
                                             : options.precision == Precision::bf16 ? CpuKernels::bf16
                                                                                    : CpuKernels::fast);
  }
  const CudaOptions cuda{.device = device_number(options.device),
                         .tf32 = options.precision == Precision::tf32,
                         .conv_tier = options.conv_backend == ConvBackend::cudnn ? CudaConvTier::cudnn
                                                                                 : CudaConvTier::automatic};
  if (is_gpu(options.device)) return make_cuda_backend(cuda);
  if (options.device == "cuda-emulated") return make_cuda_emulated_backend(cuda);
  fail("unknown device '", options.device, "'; expected cpu, cuda, cuda:N or cuda-emulated");
}

}  // namespace

const char* name_of(Precision precision) {
  switch (precision) {
    case Precision::float32: return "float32";
    case Precision::tf32: return "tf32";
    case Precision::bf16: return "bf16";
  }
  return "unknown";
}

Precision parse_precision(std::string_view name) {
  for (const Precision p : {Precision::float32, Precision::tf32, Precision::bf16}) {
    if (name == name_of(p)) return p;
  }
  fail("unknown precision '", name, "'; expected float32, tf32 or bf16");
}

const char* name_of(ConvBackend backend) {
  switch (backend) {
    case ConvBackend::own: return "own";
    case ConvBackend::cudnn: return "cudnn";
  }
  return "unknown";
}

ConvBackend parse_conv_backend(std::string_view name) {
  for (const ConvBackend b : {ConvBackend::own, ConvBackend::cudnn}) {
    if (name == name_of(b)) return b;
  }
  fail("unknown conv backend '", name, "'; expected own or cudnn");
}

void check_conv_backend(ConvBackend backend, std::string_view device) {
  check(backend != ConvBackend::cudnn || is_gpu(device),
        "--conv-backend cudnn needs a GPU, and the device is '", device,
        "'; use --device cuda, or --conv-backend own");
}

Context::Context(ContextOptions options)
    : backend_(make_backend(options)),
      allocator_(std::make_shared<CachingAllocator>(backend_)),
      random_(options.seed),
      log_(std::move(options.log)),
      precision_(options.precision) {}

Context::~Context() = default;

void Context::log(LogLevel level, std::string_view message) const {
  if (log_) log_(level, message);
}

}  // namespace dg
