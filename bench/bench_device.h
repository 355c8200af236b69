// A device to be measured: its kernels, a clock for them, a way to empty its cache, and what it can do at best.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/timing.h"
#include "kernels/backend.h"

namespace dg::bench {

// How a kernel computes: float32; float32 with products rounded to tf32; bfloat16 storage.
enum class Arithmetic : std::uint8_t { float32, tf32, bf16 };

inline DType storage(Arithmetic arithmetic) {
  return arithmetic == Arithmetic::bf16 ? DType::bfloat16 : DType::float32;
}
const char* name_of(Arithmetic arithmetic);
Arithmetic parse_arithmetic(const std::string& name);

// The kernel of one convolution. The CPU has one tier, automatic.
struct ConvKernel {
  CudaConvTier tier = CudaConvTier::automatic;
  Arithmetic arithmetic = Arithmetic::float32;
};

class BenchDevice {
 public:
  BenchDevice() = default;
  BenchDevice(const BenchDevice&) = delete;
  BenchDevice& operator=(const BenchDevice&) = delete;
  virtual ~BenchDevice() = default;

  virtual Backend& backend() = 0;  // memory, values, copies; synchronise before a kernel below uses them
  virtual bool emulated() const { return false; }

  // ---- the kernels that are measured; contracts are those of Backend ----
  virtual void conv2d(const ConvKernel& kernel, ConstArray x, ConstArray weight, Array y,
                      const Conv2dShape& shape) = 0;
  virtual void conv2d_grad_input(const ConvKernel& kernel, ConstArray dy, ConstArray weight, Array dx,
                                 const Conv2dShape& shape) = 0;
  virtual void conv2d_grad_weight(const ConvKernel& kernel, ConstArray x, ConstArray dy, Array dw,
                                  const Conv2dShape& shape) = 0;
  virtual void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a) = 0;
  virtual void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, std::int64_t n, double a) = 0;
  virtual void sum(ConstArray x, Array y, const ReduceShape& shape) = 0;
  virtual void norm(ConstArray x, ConstArray residual, Array y, Array mean, Array variance,
                    const NormShape& shape, const Epilogue& epilogue) = 0;
  virtual void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, Array dx,
                         Array dgamma, Array dbeta, const NormShape& shape, const Epilogue& epilogue) = 0;
  virtual void adam(std::span<const AdamTensor> tensors) = 0;

  // The algorithm's name; nothing if the tier refuses the shape.
  virtual std::optional<std::string> conv2d_algorithm(const ConvKernel& kernel, ConvPass pass,
                                                      const Conv2dShape& shape) = 0;
  // The tiers that there are beside automatic; none on the CPU.
  virtual std::vector<CudaConvTier> tiers() const { return {}; }

  // ---- clock ----
  // Warms up, then measures `body` with a cold cache each time: events on the stream of a GPU, else wall time.
  virtual Timing time(const Sampling& sampling, const std::function<void()>& body) = 0;
  virtual void wait() = 0;  // for everything that was begun
  // A stream for other libraries (cudaStream_t), null on the host. `time` measures what is put on it, too.
  virtual void* stream() { return nullptr; }

  // ---- the roofline, measured once: operations and bytes per second; 0: not known ----
  virtual double peak_flops(Arithmetic arithmetic) = 0;
  virtual double peak_bandwidth() = 0;  // of a large copy, bytes read and written

  // What a reader of the results has to know: device, driver, clocks.
  virtual std::vector<std::pair<std::string, std::string>> facts() = 0;
  virtual double clock_mhz() { return 0.0; }  // of the multiprocessors, now; 0: not known
};

// "cpu", "cuda", "cuda:1", "cuda-emulated". Throws Error for others, and for those that build or machine lack.
std::unique_ptr<BenchDevice> make_bench_device(const std::string& name);
std::unique_ptr<BenchDevice> make_plain_bench_device();           // the CPU's plain loops, to compare with
std::unique_ptr<BenchDevice> make_cuda_bench_device(int number);  // cuda_device.cpp, in builds with CUDA

}  // namespace dg::bench
