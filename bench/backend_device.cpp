// The CPU and the emulated GPU as devices to be measured, through their backends, by wall time.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <unistd.h>

#include "bench/bench_device.h"

namespace dg::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_of(const std::function<void()>& body) {
  const Clock::time_point start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Enough to leave nothing of before in the last cache, up to where that would take longer than what is measured: a guest
// may be told of a cache that it has a small share of. bench/rival_worker.py does the same.
std::size_t flush_bytes() {
  constexpr std::size_t kMost = std::size_t{128} << 20;
  const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return cache > 0 ? std::min(2 * static_cast<std::size_t>(cache), kMost) : std::size_t{64} << 20;
}

class BackendDevice : public BenchDevice {
 public:
  Backend& backend() override { return convolution({}); }

  void conv2d(const ConvKernel& kernel, ConstArray x, ConstArray weight, Array y,
              const Conv2dShape& shape) override {
    convolution(kernel).conv2d(x, weight, {}, y, shape, {});
  }
  void conv2d_grad_input(const ConvKernel& kernel, ConstArray dy, ConstArray weight, Array dx,
                         const Conv2dShape& shape) override {
    convolution(kernel).conv2d_grad_input(dy, weight, {}, dx, shape);
  }
  void conv2d_grad_weight(const ConvKernel& kernel, ConstArray x, ConstArray dy, Array dw,
                          const Conv2dShape& shape) override {
    convolution(kernel).conv2d_grad_weight(x, dy, dw, shape);
  }
  void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a) override {
    backend().unary(op, x, y, n, a, 0.0);
  }
  void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, std::int64_t n, double a) override {
    backend().binary(op, p, q, y, {{1, 1, 1, n}, {0, 0, 0, 1}, {0, 0, 0, 1}}, a, 0.0);
  }
  void sum(ConstArray x, Array y, const ReduceShape& shape) override { backend().sum(x, y, shape); }
  void norm(ConstArray x, ConstArray residual, Array y, Array mean, Array variance, const NormShape& shape,
            const Epilogue& epilogue) override {
    backend().norm(x, {}, {}, residual, y, mean, variance, 1e-5, shape, epilogue);
  }
  void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, Array dx, Array dgamma,
                 Array dbeta, const NormShape& shape, const Epilogue& epilogue) override {
    backend().norm_grad(dy, x, mean, variance, {}, {}, dx, dgamma, dbeta, 1e-5, shape, epilogue);
  }
  void adam(std::span<const AdamTensor> tensors) override { backend().adam(tensors, {}); }

  std::optional<std::string> conv2d_algorithm(const ConvKernel& kernel, ConvPass pass,
                                              const Conv2dShape& shape) override {
    try {
      return convolution(kernel).conv2d_algorithm(pass, storage(kernel.arithmetic), shape);
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  void wait() override {
    for (auto& [key, backend] : backends_) backend->synchronize();
  }
  Timing time(const Sampling& sampling, const std::function<void()>& body) override {
    const auto run = [&] {
      body();
      wait();
    };
    run();
    return collect(sampling, [&] {
      flush();
      return seconds_of(run);
    });
  }

 protected:
  virtual std::unique_ptr<Backend> make_backend(const ConvKernel& kernel) const = 0;

 private:
  void flush() {
    cache_.resize(flush_bytes());
    std::memset(cache_.data(), ++flushes_, cache_.size());
  }
  // One backend for each way to convolve.
  Backend& convolution(const ConvKernel& kernel) {
    auto& backend = backends_[{kernel.tier, kernel.arithmetic == Arithmetic::tf32}];
    if (backend == nullptr) backend = make_backend(kernel);
    return *backend;
  }

  std::map<std::pair<CudaConvTier, bool>, std::unique_ptr<Backend>> backends_;
  std::vector<unsigned char> cache_;
  unsigned char flushes_ = 0;
};

class CpuDevice final : public BackendDevice {
 public:
  explicit CpuDevice(CpuKernels kernels) : kernels_(kernels) {}

  double peak_flops(Arithmetic arithmetic) override {
    if (arithmetic != Arithmetic::float32) return 0.0;
    if (flops_ == 0.0) flops_ = measure_flops();
    return flops_;
  }
  double peak_bandwidth() override {
    if (bandwidth_ == 0.0) bandwidth_ = measure_bandwidth();
    return bandwidth_;
  }
  std::vector<std::pair<std::string, std::string>> facts() override {
    return {{"device", backend().description()}};
  }

 private:
  std::unique_ptr<Backend> make_backend(const ConvKernel& kernel) const override {
    check(kernel.arithmetic != Arithmetic::tf32, "tf32 is for GPUs; use --dtype float32 on the device cpu");
    return make_cpu_backend(0, kernels_);
  }
  double measure_flops() {
    constexpr std::int64_t kSize = 1024;
    Backend& b = backend();
    const std::vector<float> ones(kSize * kSize, 1.0F);
    std::vector<float> product(kSize * kSize);
    const Timing timing = time({}, [&] {
      b.matmul({ones.data()}, {ones.data()}, {product.data()}, {.m = kSize, .n = kSize, .k = kSize});
    });
    return 2.0 * kSize * kSize * kSize / timing.fastest;
  }
  double measure_bandwidth() {
    constexpr std::int64_t kBytes = std::int64_t{256} << 20;
    Backend& b = backend();
    void* from = b.allocate(kBytes);
    void* to = b.allocate(kBytes);
    b.fill({from}, kBytes / 4, 1.0);
    const Timing timing = time({}, [&] { b.copy(to, from, kBytes, CopyDirection::device_to_device); });
    b.deallocate(from, kBytes);
    b.deallocate(to, kBytes);
    return 2.0 * static_cast<double>(kBytes) / timing.fastest;
  }

  CpuKernels kernels_;
  double flops_ = 0.0;
  double bandwidth_ = 0.0;
};

// Its times say nothing about a GPU: it is there so that the benchmarks themselves can be tried without one.
class EmulatedDevice final : public BackendDevice {
 public:
  bool emulated() const override { return true; }
  std::vector<CudaConvTier> tiers() const override {
    return {CudaConvTier::tiled, CudaConvTier::small_channels, CudaConvTier::tensor_core};
  }
  double peak_flops(Arithmetic /*arithmetic*/) override { return 0.0; }
  double peak_bandwidth() override { return 0.0; }
  std::vector<std::pair<std::string, std::string>> facts() override {
    return {{"device", backend().description()},
            {"note", "emulated: shapes are cropped, times mean nothing"}};
  }

 private:
  std::unique_ptr<Backend> make_backend(const ConvKernel& kernel) const override {
    return make_cuda_emulated_backend(
        {.tf32 = kernel.arithmetic == Arithmetic::tf32, .conv_tier = kernel.tier});
  }
};

}  // namespace

const char* name_of(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::float32: return "float32";
    case Arithmetic::tf32: return "tf32";
    case Arithmetic::bf16: return "bf16";
  }
  return "unknown";
}

Arithmetic parse_arithmetic(const std::string& name) {
  for (const Arithmetic a : {Arithmetic::float32, Arithmetic::tf32, Arithmetic::bf16}) {
    if (name == name_of(a)) return a;
  }
  fail("--dtype is '", name, "', expected float32, tf32 or bf16");
}

std::unique_ptr<BenchDevice> make_bench_device(const std::string& name) {
  if (name == "cpu") return std::make_unique<CpuDevice>(CpuKernels::fast);
  if (name == "cuda-emulated") {
    auto device = std::make_unique<EmulatedDevice>();
    device->backend();  // fails here if the build has none
    return device;
  }
  if (name == "cuda" || name.starts_with("cuda:")) {
#if defined(DEBLURGAN_HAS_CUDA)
    const std::string number = name.size() > 5 ? name.substr(5) : "0";
    check(!number.empty() && number.find_first_not_of("0123456789") == std::string::npos && number.size() < 4,
          "--device is '", name, "', expected a number after the colon, such as cuda:0");
    return make_cuda_bench_device(std::stoi(number));
#else
    make_cuda_backend();  // says what is missing
#endif
  }
  fail("--device is '", name, "', expected cpu, cuda, cuda:N or cuda-emulated");
}

std::unique_ptr<BenchDevice> make_plain_bench_device() {
  return std::make_unique<CpuDevice>(CpuKernels::reference);
}

}  // namespace dg::bench
