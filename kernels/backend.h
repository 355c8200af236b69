// What a device can do. Every kernel of the engine is one function here; cpu/ implements them,
// and a GPU backend arrives as another implementation, without a change to any layer.
//
// Contract for all kernels: arrays are dense and belong to this backend's memory;
// shapes have been checked by the caller (core/); outputs are overwritten, never accumulated into;
// input and output must not overlap unless stated. Calls are asynchronous in principle: they are ordered
// on the backend's stream, and `synchronize` waits for them. A backend serves one thread at a time.
// Results are bit-equal from run to run, whatever the number of threads. Storage type T is float32,
// bfloat16 (arithmetic in float) or float64; all floating arrays of a call share it unless stated.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/philox.h"
#include "kernels/shapes.h"
#include "kernels/types.h"

namespace dg {

// y = op(x), parameters a and b.
enum class UnaryOp : std::uint8_t {
  affine,  // a * x + b
  exp,
  log,
  sqrt,
  reciprocal,
  square,
  abs,
  sign,  // -1, 0, 1
  tanh,
  sigmoid,
  softplus,    // log(1 + exp(x)), without overflow
  leaky_relu,  // x > 0 ? x : a * x       (a = 0: ReLU)
  clamp,       // min(max(x, a), b); NaN stays NaN
};

// y = op(p, q), parameters a and b. The *_grad entries take the incoming gradient first.
enum class BinaryOp : std::uint8_t {
  add,
  subtract,
  multiply,
  divide,
  leaky_relu_grad,  // q > 0 ? p : a * p
  clamp_grad,       // a < q && q < b ? p : 0
  tanh_grad,        // p * (1 - q^2), q = tanh(x)
  sigmoid_grad,     // p * q * (1 - q), q = sigmoid(x)
};

enum class CopyDirection : std::uint8_t { host_to_device, device_to_host, device_to_device };

// One parameter of an optimizer step. param, m and v share their shape; float32 or float64, as the gradient.
struct AdamTensor {
  Array param;
  ConstArray grad;
  Array m;
  Array v;
  std::int64_t numel = 0;
};

// Kingma and Ba 2015, algorithm 1:  m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2,
//   param -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps).
struct AdamOptions {
  double learning_rate = 1e-4;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::int64_t step = 1;  // t, counted from 1
};

// average = decay * average + (1 - decay) * value.
struct EmaTensor {
  Array average;
  ConstArray value;
  std::int64_t numel = 0;
};

enum class ConvPass : std::uint8_t { forward, grad_input, grad_weight };

// What a backend may fuse with a convolution: the normalisation before it and the statistics of the one behind it.
struct ConvFusion {
  // (N, C), both or none: the input is activation(x * scale + shift), the activation none or leaky_relu.
  ConstArray scale = {};
  ConstArray shift = {};
  Epilogue activation = {};
  PadMode border = PadMode::zero;  // how the shape's padding goes on from there: zero or reflect
  // (N, K), both or none: mean and biased variance of y per image and channel.
  Array mean = {};
  Array variance = {};
};

// What changes from one replay of a captured graph to the next.
struct ReplayInputs {
  std::uint64_t random_shift = 0;     // added to the offset of every random number that was captured
  std::span<const AdamOptions> adam;  // for the captured optimizer steps, in their order
};

class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  // ---- the device ----
  virtual std::string name() const = 0;         // "cpu", "cuda", "cuda-emulated"
  virtual std::string description() const = 0;  // a line for logs: device, threads, instruction set

  // Uninitialised memory, 64-byte aligned. Throws Error where the device has none left.
  virtual void* allocate(std::int64_t bytes) = 0;
  virtual void deallocate(void* memory, std::int64_t bytes) noexcept = 0;
  virtual void copy(void* target, const void* source, std::int64_t bytes, CopyDirection direction) = 0;
  virtual void synchronize() = 0;
  // Scratch memory that kernels hold beside what was allocated, in bytes.
  virtual std::int64_t workspace_bytes() const = 0;
  // What the device's memory still has room for; the largest number where nothing is known.
  virtual std::int64_t available_bytes() const = 0;

  // ---- elementwise ----
  virtual void fill(Array y, std::int64_t n, double value) = 0;
  virtual void cast(ConstArray x, Array y, std::int64_t n) = 0;  // element types may differ
  virtual void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b) = 0;
  virtual void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape, double a,
                      double b) = 0;
  virtual void copy_2d(ConstArray x, Array y, const Copy2dShape& shape) = 0;

  // ---- reductions: sums in fixed order ----
  virtual void sum(ConstArray x, Array y, const ReduceShape& shape) = 0;  // y (outer, inner)
  virtual void expand(ConstArray x, Array y,
                      const ReduceShape& shape) = 0;  // x (outer, inner), y (outer, reduce, inner)

  // ---- matrix product and convolution ----
  virtual void matmul(ConstArray a, ConstArray b, Array y, const MatmulShape& shape) = 0;
  // y = activation(conv(x, weight) + bias); bias (K) may be null.
  virtual void conv2d(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape,
                      const Epilogue& epilogue) = 0;
  // dx (N,H,W,C) from dy (N,P,Q,K). This is also the transposed convolution's forward; bias (C) may be null.
  virtual void conv2d_grad_input(ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                                 const Conv2dShape& shape) = 0;
  virtual void conv2d_grad_weight(ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) = 0;
  // y = conv(padded(activation(x * scale + shift)), weight) + bias and its statistics, where the backend has it: for
  // inference. All arrays are float32.
  virtual bool has_conv2d_fused(DType /*dtype*/) const { return false; }
  // Whether inference in bfloat16 leaves maps in float32 and narrows products only.
  virtual bool infers_in_float32() const { return false; }
  virtual void conv2d_fused(ConstArray /*x*/, ConstArray /*weight*/, ConstArray /*bias*/, Array /*y*/,
                            const Conv2dShape& /*shape*/, const ConvFusion& /*fusion*/) {
    fail("device '", name(), "' has no fused convolution");
  }
  // Mean and biased variance of x (groups, channels), where there is conv2d_fused.
  virtual void moments(ConstArray /*x*/, Array /*mean*/, Array /*variance*/, const NormShape& /*shape*/) {
    fail("device '", name(), "' has no fused convolution");
  }
  // y = activation(x * scale + shift) + residual, where there is conv2d_fused; scale and shift (groups, channels),
  // residual may be null. y may be x.
  virtual void scale_shift(ConstArray /*x*/, ConstArray /*scale*/, ConstArray /*shift*/,
                           ConstArray /*residual*/, Array /*y*/, const NormShape& /*shape*/,
                           const Epilogue& /*epilogue*/) {
    fail("device '", name(), "' has no fused convolution");
  }
  // The name of the algorithm that a pass takes for this shape: "direct", "tiled", "implicit_gemm_bf16", ...
  virtual std::string conv2d_algorithm(ConvPass pass, DType dtype, const Conv2dShape& shape) const = 0;
  // The scratch memory that a pass needs beside its arrays, as far as it grows with the image.
  virtual std::int64_t conv2d_scratch_bytes(ConvPass /*pass*/, DType /*dtype*/,
                                            const Conv2dShape& /*shape*/) const {
    return 0;
  }
  virtual std::int64_t conv2d_fused_scratch_bytes(const Conv2dShape& /*shape*/,
                                                  const ConvFusion& /*fusion*/) const {
    return 0;
  }

  // ---- resampling ----
  virtual void pad2d(ConstArray x, Array y, const Pad2dShape& shape) = 0;
  virtual void pad2d_grad(ConstArray dy, Array dx, const Pad2dShape& shape) = 0;  // its adjoint
  virtual void upsample_nearest(ConstArray x, Array y, const Upsample2dShape& shape) = 0;
  virtual void upsample_nearest_grad(ConstArray dy, Array dx, const Upsample2dShape& shape) = 0;
  // indices (N,P,Q,C): position h * W + w of each window's first maximum (a NaN counts as the largest).
  virtual void max_pool2d(ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& shape) = 0;
  virtual void max_pool2d_scatter(ConstArray dy, const std::int32_t* indices, Array dx,
                                  const Pool2dShape& shape) = 0;
  virtual void max_pool2d_gather(ConstArray x, const std::int32_t* indices, Array y,
                                 const Pool2dShape& shape) = 0;

  // ---- normalisation ----
  // y = activation((x - mean) * rstd * gamma + beta) + residual with rstd = 1 / sqrt(variance + eps), the variance
  // biased (divided by pixels). gamma, beta (channels) and residual (as x) may be null; mean, variance
  // (groups, channels). The activation is none or leaky_relu.
  // x, y, residual are T; gamma, beta, mean, variance are float32 where T is bfloat16, else T.
  virtual void norm(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
                    Array variance, double eps, const NormShape& shape, const Epilogue& epilogue) = 0;
  // With h = (x - mean) * rstd and g = dy * activation'(h * gamma + beta), per group and channel:
  //   dbeta = sum g,  dgamma = sum g * h,  dx = gamma * rstd * (g - dbeta / pixels - h * dgamma / pixels).
  // dgamma, dbeta (groups, channels); types as for norm.
  virtual void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, ConstArray gamma,
                         ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps,
                         const NormShape& shape, const Epilogue& epilogue) = 0;

  // ---- random numbers: element i is a function of (state, i) alone ----
  virtual void random_uniform(PhiloxState state, Array y, std::int64_t n) = 0;  // in (0, 1)
  virtual void random_normal(PhiloxState state, Array y, std::int64_t n) = 0;   // mean 0, variance 1
  // y_i = u_i < rate ? 0 : x_i / (1 - rate), u uniform. Linear in x and its own adjoint.
  virtual void dropout(PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate) = 0;

  // ---- optimizer: all parameters in one call ----
  virtual void adam(std::span<const AdamTensor> tensors, const AdamOptions& options) = 0;
  virtual void ema(std::span<const EmaTensor> tensors, double decay) = 0;

  // ---- pixels: uint8 0..255 <-> float -1..1, rounded to nearest and clamped on the way back ----
  virtual void image_to_float(const std::uint8_t* x, Array y, std::int64_t n) = 0;
  virtual void float_to_image(ConstArray x, std::uint8_t* y, std::int64_t n) = 0;

  // ---- graphs: calls recorded once and started again as one ----
  // Between begin_capture and end_capture calls are recorded, not executed; copies between host and device and
  // synchronize are refused. What the recorded calls use must stay allocated while the graph lives. A random kernel
  // is replayed with its captured offset plus inputs.random_shift, an optimizer step with the options given.
  // Throws Error where the device has no graphs.
  class Graph {
   public:
    virtual ~Graph() = default;
  };
  virtual bool has_graphs() const { return false; }
  virtual void begin_capture() { fail("device '", name(), "' cannot capture graphs"); }
  virtual std::unique_ptr<Graph> end_capture() { fail("device '", name(), "' cannot capture graphs"); }
  virtual void replay(Graph& /*graph*/, const ReplayInputs& /*inputs*/) {
    fail("device '", name(), "' cannot replay graphs");
  }
};

// Which implementation of a kernel the CPU backend uses.
enum class CpuKernels : std::uint8_t {
  fast,       // blocked and vectorised
  exact,      // the same without Winograd's convolutions, which round more
  bf16,       // fast, and Winograd's convolutions of float32 maps multiply bfloat16 where the processor can
  reference,  // the plain loops that specify each kernel
};

// The instruction sets that the CPU kernels are compiled for.
enum class CpuIsa : std::uint8_t {
  automatic,  // what the environment variable DEBLURGAN_CPU_ISA names, else the last of those available
  baseline,   // what the compiler's flags allow: SSE2 on x86-64, NEON on 64-bit ARM
  avx2,       // x86-64-v3: AVX2 and fused products
  avx512,     // x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

const char* name_of(CpuIsa isa);
CpuIsa parse_cpu_isa(std::string_view name);  // Error for an unknown name
// Those that this build has and this machine runs, the widest last.
std::vector<CpuIsa> available_cpu_isas();

// Which of the CUDA convolution kernels a launcher may pick from.
enum class CudaConvTier : std::uint8_t {
  automatic,       // the fastest for the shape
  tiled,           // float32 arithmetic, every shape
  small_channels,  // few input or output channels; refuses other shapes
  tensor_core,     // bfloat16, or float32 with tf32 products; refuses other types and shapes
  cudnn,           // NVIDIA's library, loaded at run time; refuses float64, and shapes that it has no way for
};

struct CudaOptions {
  int device = 0;
  bool tf32 = false;  // float32 convolutions on tensor cores, factors rounded to tf32 (10-bit mantissa)
  CudaConvTier conv_tier = CudaConvTier::automatic;
  std::uint64_t emulator_seed = 0;  // of the emulated device's schedule
  // The emulated device runs only the first and the last block in x of kernels that have more than a thousand, and leaves
  // new memory untouched: to follow the addresses in an image that is too large to be computed.
  bool emulator_corners = false;
};

// Whether this build has the devices cuda and cuda-emulated; the machine may still lack a GPU.
bool has_cuda_kernels();
bool has_cuda_emulator();

// The GPU, and the same kernels on the host. Throw Error where the build or the machine has no such device.
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options = {});
std::unique_ptr<Backend> make_cuda_emulated_backend(const CudaOptions& options = {});

// threads = 0: as many as the process may use. Throws Error for an instruction set that is not available.
std::unique_ptr<Backend> make_cpu_backend(int threads = 0, CpuKernels kernels = CpuKernels::fast,
                                          CpuIsa isa = CpuIsa::automatic);

}  // namespace dg
