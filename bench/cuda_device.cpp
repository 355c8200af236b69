// A GPU as a device to be measured. The kernels are launched here, below the Backend, since events belong on their stream.
#include <cuda_runtime.h>

#include "bench/bench_device.h"
#include "bench/cublas.h"
#include "bench/nvml.h"
#include "kernels/cuda/cuda_kernels.h"

namespace dg::bench {
namespace {

void succeed(cudaError_t error, const char* what) {
  check(error == cudaSuccess, "cuda: ", what, " failed: ", cudaGetErrorString(error));
}

// Device memory of this file's own: what the last cache is emptied with, and the operands of the peaks.
class Memory {
 public:
  explicit Memory(std::size_t bytes) : bytes_(bytes) {
    succeed(cudaMalloc(&data_, bytes), "allocating memory for measurements");
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { cudaFree(data_); }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  void* data_ = nullptr;
};

class Event {
 public:
  Event() { succeed(cudaEventCreate(&event_), "creating an event"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { cudaEventDestroy(event_); }

  void record(cudaStream_t stream) const { succeed(cudaEventRecord(event_, stream), "recording an event"); }
  double seconds_since(const Event& start) const {
    succeed(cudaEventSynchronize(event_), "a measured kernel");
    float milliseconds = 0.0F;
    succeed(cudaEventElapsedTime(&milliseconds, start.event_, event_), "reading an event");
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  succeed(cudaGetDeviceProperties(&properties, device), "reading the device's properties");
  return properties;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

class CudaDevice final : public BenchDevice {
 public:
  explicit CudaDevice(int number)
      : number_(number),
        backend_(make_cuda_backend({.device = number})),
        runtime_(cuda::make_runtime({.device = number})),
        machine_(*runtime_, {.device = number}),
        flush_(flush_bytes(properties_of(number))) {
    char bus_id[32] = {};
    succeed(cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, number), "reading the device's address");
    try {
      nvml_ = std::make_unique<Nvml>(bus_id);
    } catch (const Error&) {  // then there are no clocks to report, and facts() says so
    }
  }
  ~CudaDevice() override { cudaStreamSynchronize(runtime_->stream()); }

  Backend& backend() override { return *backend_; }

  void conv2d(const ConvKernel& kernel, ConstArray x, ConstArray weight, Array y,
              const Conv2dShape& shape) override {
    cuda::conv2d(machine(kernel), x, weight, {}, y, shape, {});
  }
  void conv2d_grad_input(const ConvKernel& kernel, ConstArray dy, ConstArray weight, Array dx,
                         const Conv2dShape& shape) override {
    cuda::conv2d_grad_input(machine(kernel), dy, weight, {}, dx, shape);
  }
  void conv2d_grad_weight(const ConvKernel& kernel, ConstArray x, ConstArray dy, Array dw,
                          const Conv2dShape& shape) override {
    cuda::conv2d_grad_weight(machine(kernel), x, dy, dw, shape);
  }
  void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a) override {
    cuda::unary(machine_, op, x, y, n, a, 0.0);
  }
  void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, std::int64_t n, double a) override {
    cuda::binary(machine_, op, p, q, y, {{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}}, a, 0.0);
  }
  void sum(ConstArray x, Array y, const ReduceShape& shape) override { cuda::sum(machine_, x, y, shape); }
  void norm(ConstArray x, ConstArray residual, Array y, Array mean, Array variance, const NormShape& shape,
            const Epilogue& epilogue) override {
    cuda::norm(machine_, x, {}, {}, residual, y, mean, variance, 1e-5, shape, epilogue);
  }
  void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, Array dx, Array dgamma,
                 Array dbeta, const NormShape& shape, const Epilogue& epilogue) override {
    cuda::norm_grad(machine_, dy, x, mean, variance, {}, {}, dx, dgamma, dbeta, 1e-5, shape, epilogue);
  }
  void adam(std::span<const AdamTensor> tensors) override { cuda::adam(machine_, tensors, {}); }

  std::optional<std::string> conv2d_algorithm(const ConvKernel& kernel, ConvPass pass,
                                              const Conv2dShape& shape) override {
    try {
      return cuda::conv2d_algorithm(machine(kernel), pass, storage(kernel.arithmetic), shape);
    } catch (const Error&) {  // a tier that refuses the shape
      return std::nullopt;
    }
  }
  std::vector<CudaConvTier> tiers() const override {
    return {CudaConvTier::tiled, CudaConvTier::small_channels, CudaConvTier::tensor_core};
  }

  // The flush is still running when the kernel is launched, so the events enclose the kernel and no waiting for the host.
  Timing time(const Sampling& sampling, const std::function<void()>& body) override {
    const cudaStream_t stream = runtime_->stream();
    for (int warm_up = 0; warm_up < 2; ++warm_up) body();
    runtime_->synchronize();
    return collect(sampling, [&] {
      succeed(cudaMemsetAsync(flush_.data(), ++flushes_, flush_.bytes(), stream), "emptying the cache");
      start_.record(stream);
      body();
      stop_.record(stream);
      return stop_.seconds_since(start_);
    });
  }
  void wait() override { runtime_->synchronize(); }
  void* stream() override { return runtime_->stream(); }

  double peak_flops(Arithmetic arithmetic) override;
  double peak_bandwidth() override;
  std::vector<std::pair<std::string, std::string>> facts() override;
  double clock_mhz() override { return nvml_ ? nvml_->multiprocessor_clock() : 0.0; }

 private:
  static std::size_t flush_bytes(const cudaDeviceProp& p) {
    return std::max(std::size_t{256} << 20, 4 * static_cast<std::size_t>(p.l2CacheSize));
  }
  cuda::Machine& machine(const ConvKernel& kernel) {
    machine_.options.conv_tier = kernel.tier;
    machine_.options.tf32 = kernel.arithmetic == Arithmetic::tf32;
    return machine_;
  }

  int number_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<cuda::Runtime> runtime_;
  cuda::Machine machine_;
  Memory flush_;
  int flushes_ = 0;
  Event start_, stop_;
  std::unique_ptr<Nvml> nvml_;
  std::optional<double> flops_[3];
  double bandwidth_ = 0.0;
};

double CudaDevice::peak_flops(Arithmetic arithmetic) {
  std::optional<double>& peak = flops_[static_cast<int>(arithmetic)];
  if (peak) return *peak;
  constexpr int kSize = 8192;
  constexpr std::int64_t kElements = std::int64_t{kSize} * kSize;
  const auto bytes = static_cast<std::size_t>(kElements * size_of(storage(arithmetic)));
  const Memory a(bytes), b(bytes), c(bytes);
  // Products of zeros draw less power and run faster.
  backend_->random_normal({1, 0}, {a.data(), storage(arithmetic)}, kElements);
  backend_->random_normal({2, 0}, {b.data(), storage(arithmetic)}, kElements);
  backend_->synchronize();
  try {
    const Cublas cublas(stream());
    const Timing timing = time({}, [&] { cublas.multiply(arithmetic, a.data(), b.data(), c.data(), kSize); });
    peak = 2.0 * kSize * static_cast<double>(kElements) / timing.fastest;
  } catch (const Error&) {
    peak = 0.0;  // no cuBLAS: shares of the peak are left out
  }
  return *peak;
}

double CudaDevice::peak_bandwidth() {
  if (bandwidth_ != 0.0) return bandwidth_;
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  const Memory from(kBytes), to(kBytes);
  backend_->random_normal({3, 0}, {from.data()}, static_cast<std::int64_t>(kBytes / 4));
  backend_->synchronize();
  const Timing timing = time({}, [&] {
    succeed(cudaMemcpyAsync(to.data(), from.data(), kBytes, cudaMemcpyDeviceToDevice, runtime_->stream()),
            "copying");
  });
  bandwidth_ = 2.0 * static_cast<double>(kBytes) / timing.fastest;
  return bandwidth_;
}

std::vector<std::pair<std::string, std::string>> CudaDevice::facts() {
  const cudaDeviceProp p = properties_of(number_);
  int runtime = 0;
  int driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  std::vector<std::pair<std::string, std::string>> facts{
      {"device", backend_->description()},
      {"memory_MiB", std::to_string(p.totalGlobalMem >> 20)},
      {"L2_MiB", std::to_string(p.l2CacheSize >> 20)},
      {"cuda_runtime", version_text(runtime)},
      {"cuda_driver", version_text(driver)}};
  if (nvml_) {
    facts.emplace_back("driver", nvml_->driver());
    facts.emplace_back("clock_MHz_highest", std::to_string(nvml_->highest_multiprocessor_clock()));
    facts.emplace_back("clock_MHz_memory", std::to_string(nvml_->memory_clock()));
  } else {
    facts.emplace_back("driver", "unknown: libnvidia-ml.so.1 was not found, so no clocks either");
  }
  return facts;
}

}  // namespace

std::unique_ptr<BenchDevice> make_cuda_bench_device(int number) {
  return std::make_unique<CudaDevice>(number);
}

}  // namespace dg::bench
