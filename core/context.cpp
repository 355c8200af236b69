#include "core/context.h"

namespace dg {
namespace {

std::shared_ptr<Backend> make_backend(const ContextOptions& options) {
  if (options.device == "cpu") {
    return make_cpu_backend(options.threads,
                            options.reference_kernels ? CpuKernels::reference : CpuKernels::fast);
  }
  if (options.device == "cuda" || options.device == "cuda-emulated") {
    fail("device '", options.device, "' is not part of this build; use the device 'cpu'");
  }
  fail("unknown device '", options.device, "'; expected cpu");
}

}  // namespace

Context::Context(ContextOptions options)
    : backend_(make_backend(options)),
      allocator_(std::make_shared<CachingAllocator>(backend_)),
      random_(options.seed),
      log_(std::move(options.log)) {}

Context::~Context() = default;

void Context::log(LogLevel level, std::string_view message) const {
  if (log_) log_(level, message);
}

}  // namespace dg
