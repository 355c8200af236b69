// The convolutions of the networks, one by one: forward, gradient of the input, gradient of the weight, without bias and
// activation. Each kernel is first compared with the CPU's on a crop, then, on a GPU, with the tiled kernel on the whole.
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "bench/conv_shapes.h"
#include "bench/device_array.h"
#include "bench/session.h"

namespace dg::bench {
namespace {

const char* name_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward: return "forward";
    case ConvPass::grad_input: return "grad_input";
    case ConvPass::grad_weight: return "grad_weight";
  }
  return "unknown";
}

std::int64_t left_numel(ConvPass pass, const Conv2dShape& s) {
  return pass == ConvPass::grad_input ? s.output_numel() : s.input_numel();
}
std::int64_t right_numel(ConvPass pass, const Conv2dShape& s) {
  return pass == ConvPass::grad_weight ? s.output_numel() : s.weight_numel();
}
std::int64_t out_numel(ConvPass pass, const Conv2dShape& s) {
  return pass == ConvPass::forward      ? s.output_numel()
         : pass == ConvPass::grad_input ? s.input_numel()
                                        : s.weight_numel();
}

// "1x66x66x256 -> 256, 3x3, stride 2, padding 0 0 1 1": rows and columns above, left, below, right.
std::string text_of(const Conv2dShape& s) {
  std::string text = std::to_string(s.n) + "x" + std::to_string(s.h) + "x" + std::to_string(s.w) + "x" +
                     std::to_string(s.c) + " -> " + std::to_string(s.k) + ", " + std::to_string(s.r) + "x" +
                     std::to_string(s.s);
  if (s.stride_h > 1) text += ", stride " + std::to_string(s.stride_h);
  const Padding2d& p = s.padding;
  if (p.top + p.left + p.bottom + p.right > 0) {
    text += ", padding " + std::to_string(p.top) + " " + std::to_string(p.left) + " " +
            std::to_string(p.bottom) + " " + std::to_string(p.right);
  }
  return text;
}

void convolve(BenchDevice& device, const ConvKernel& kernel, ConvPass pass, const Conv2dShape& shape,
              const ConvOperands& o) {
  switch (pass) {
    case ConvPass::forward: return device.conv2d(kernel, o.left, o.right, o.out, shape);
    case ConvPass::grad_input: return device.conv2d_grad_input(kernel, o.left, o.right, o.out, shape);
    case ConvPass::grad_weight: return device.conv2d_grad_weight(kernel, o.left, o.right, o.out, shape);
  }
}

void convolve(Backend& backend, ConvPass pass, const Conv2dShape& shape, const ConvOperands& o) {
  switch (pass) {
    case ConvPass::forward: return backend.conv2d(o.left, o.right, {}, o.out, shape, {});
    case ConvPass::grad_input: return backend.conv2d_grad_input(o.left, o.right, {}, o.out, shape);
    case ConvPass::grad_weight: return backend.conv2d_grad_weight(o.left, o.right, o.out, shape);
  }
}

// One convolution in one pass; what its kernels have in common.
struct ConvCase {
  std::string name;
  ConvPass pass = ConvPass::forward;
  Conv2dShape shape;
  bool transposed = false;  // the layer's forward is this convolution's gradient of the input
  Arithmetic arithmetic = Arithmetic::float32;
};

// The operands of a case on the device that is measured.
struct Operands {
  DeviceArray left, right, out;

  Operands(Backend& b, const ConvCase& c, const Conv2dShape& s)
      : left(b, storage(c.arithmetic), left_numel(c.pass, s), 1),
        right(b, storage(c.arithmetic), right_numel(c.pass, s), 2),
        out(b, storage(c.arithmetic), out_numel(c.pass, s), 3) {
    out.poison();
    b.synchronize();
  }
  ConvOperands arrays() const { return {left.array(), right.array(), out.array()}; }
};

class ConvCases {
 public:
  explicit ConvCases(Session& session) : session_(session), device_(*session.device) {}

  void add(const std::string& network, const ImageBatch& images, const std::vector<NamedConv>& convs);

 private:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t,
                         std::int64_t, std::int64_t, bool>;

  void add_kernels(const ConvCase& c);
  void run_kernel(benchmark::State& state, const ConvCase& c, const ConvKernel& kernel, bool automatic);
  void run_cudnn(benchmark::State& state, const ConvCase& c);
  void verify_on_crop(const ConvCase& c, const ConvKernel& kernel);
  void verify_against_tiled(const ConvCase& c, const Conv2dShape& shape, const Operands& o);
  void report_speed(benchmark::State& state, const ConvCase& c, const Conv2dShape& shape,
                    const Timing& timing);

  Session& session_;
  BenchDevice& device_;
  std::unique_ptr<Backend> reference_ = make_cpu_backend();
  std::unique_ptr<Backend> plain_ = make_cpu_backend(0, CpuKernels::reference);
  std::set<Key> known_;
  std::set<std::string> verified_;
  std::map<std::string, double> cudnn_seconds_;
};

void ConvCases::add(const std::string& network, const ImageBatch& images,
                    const std::vector<NamedConv>& convs) {
  for (const NamedConv& conv : convs) {
    Conv2dShape s = conv.shape;
    if (device_.emulated()) s = crop(s, 13, 14);
    // Networks share layers; the first to come measures them.
    if (!known_.insert({s.n, s.h, s.w, s.c, s.k, s.r, s.stride_h, s.padding.top, conv.transposed}).second)
      continue;
    for (const ConvPass seen : {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight}) {
      // A transposed layer's forward is the gradient of the input, and the other way round.
      const ConvPass pass = !conv.transposed               ? seen
                            : seen == ConvPass::forward    ? ConvPass::grad_input
                            : seen == ConvPass::grad_input ? ConvPass::forward
                                                           : seen;
      for (const Arithmetic arithmetic : session_.arithmetics) {
        add_kernels({.name = "conv/" + network + "/" + images.text() + "/" + conv.name + "/" + name_of(seen) +
                             "/" + bench::name_of(arithmetic),
                     .pass = pass,
                     .shape = s,
                     .transposed = conv.transposed,
                     .arithmetic = arithmetic});
      }
    }
  }
}

// The rival first: our rows then tell how they compare.
void ConvCases::add_kernels(const ConvCase& c) {
  if (session_.cudnn) {
    add_case(session_, c.name + "/cudnn", [this, c](benchmark::State& state) { run_cudnn(state, c); });
  }
  const auto automatic = device_.conv2d_algorithm({.arithmetic = c.arithmetic}, c.pass, c.shape);
  std::vector<CudaConvTier> tiers = device_.tiers();
  if (tiers.empty()) tiers.push_back(CudaConvTier::automatic);
  for (const CudaConvTier tier : tiers) {
    const ConvKernel kernel{tier, c.arithmetic};
    const auto algorithm = device_.conv2d_algorithm(kernel, c.pass, c.shape);
    if (!algorithm) continue;
    const bool picked = algorithm == automatic;
    add_case(session_, c.name + "/" + *algorithm,
             [this, c, kernel, picked](benchmark::State& state) { run_kernel(state, c, kernel, picked); });
  }
}

void ConvCases::run_kernel(benchmark::State& state, const ConvCase& c, const ConvKernel& kernel,
                           bool automatic) {
  verify_on_crop(c, kernel);
  const Operands o(device_.backend(), c, c.shape);
  const Timing timing =
      device_.time(session_.sampling, [&] { convolve(device_, kernel, c.pass, c.shape, o.arrays()); });
  if (kernel.tier != CudaConvTier::tiled && !device_.tiers().empty()) verify_against_tiled(c, c.shape, o);
  report_speed(state, c, c.shape, timing);
  state.SetLabel(text_of(c.shape) + (c.transposed ? ", transposed" : ""));
  state.counters["automatic"] = automatic ? 1.0 : 0.0;
  if (const auto rival = cudnn_seconds_.find(c.name); rival != cudnn_seconds_.end())
    state.counters["cudnn_percent"] = 1e2 * rival->second / timing.median;
}

void ConvCases::run_cudnn(benchmark::State& state, const ConvCase& c) {
  const Conv2dShape shape = cuda::Cudnn::symmetric(c.shape);
  const Operands o(device_.backend(), c, shape);
  Cudnn::Result result;
  try {
    result = session_.cudnn->run(session_.sampling, c.pass, c.arithmetic, shape, o.arrays());
  } catch (const Error& error) {  // what cuDNN cannot do is no failure of ours
    state.SkipWithError(error.what());
    return;
  }
  verify_against_tiled(c, shape, o);
  cudnn_seconds_[c.name] = result.timing.median;
  report_speed(state, c, shape, result.timing);
  state.SetLabel(text_of(shape) + ", algorithm " + std::to_string(result.algorithm));
}

// The same kernel on a corner of the image against the CPU: the plain loops, or, for a GPU, what the tests have compared
// with them. Sizes share corners.
void ConvCases::verify_on_crop(const ConvCase& c, const ConvKernel& kernel) {
  const Conv2dShape shape = crop(c.shape, 13, 26);
  const std::string key = text_of(shape) + name_of(c.pass) + bench::name_of(c.arithmetic) +
                          std::to_string(static_cast<int>(kernel.tier)) + std::to_string(shape.padding.top);
  if (!verified_.insert(key).second) return;
  Backend& backend = device_.backend();
  const DType dtype = storage(c.arithmetic);
  const DeviceArray left(backend, dtype, left_numel(c.pass, shape), 1);
  const DeviceArray right(backend, dtype, right_numel(c.pass, shape), 2);
  const DeviceArray out(backend, dtype, out_numel(c.pass, shape), 3);
  out.poison();
  const std::vector<float> left_values = left.values();
  const std::vector<float> right_values = right.values();
  convolve(device_, kernel, c.pass, shape, {left.array(), right.array(), out.array()});
  device_.wait();

  Backend& cpu = device_.tiers().empty() ? *plain_ : *reference_;
  const DeviceArray expected(cpu, DType::float32, out.numel(), 3);
  convolve(cpu, c.pass, shape, {{left_values.data()}, {right_values.data()}, expected.array()});
  require_close("the CPU's result", relative_error(out.values(), expected.values()), c.arithmetic);
}

void ConvCases::verify_against_tiled(const ConvCase& c, const Conv2dShape& shape, const Operands& o) {
  const DeviceArray expected(device_.backend(), storage(c.arithmetic), out_numel(c.pass, shape), 4);
  device_.backend().synchronize();
  convolve(device_, {CudaConvTier::tiled, c.arithmetic}, c.pass, shape,
           {o.left.array(), o.right.array(), expected.array()});
  device_.wait();
  require_close("the tiled kernel's result", relative_error(o.out, expected), c.arithmetic);
}

void ConvCases::report_speed(benchmark::State& state, const ConvCase& c, const Conv2dShape& shape,
                             const Timing& timing) {
  report(state, session_, timing);
  const double flops = 2.0 * static_cast<double>(shape.multiply_adds()) / timing.median;
  report_rate(state, "TFLOP/s", 1e12, flops, device_.peak_flops(c.arithmetic));
}

}  // namespace

void add_conv_cases(Session& session) {
  // The registered cases refer to it as long as the program runs.
  static ConvCases cases(session);
  for (const ImageBatch& images : {ImageBatch{1, 256, 256}, {16, 256, 256}, {1, 720, 1280}}) {
    cases.add("deblurgan", images, resnet_generator_convs(images, 64));
    cases.add("keras", images, keras_generator_convs(images));
    cases.add("deblurgan_critic", images, patch_discriminator_convs(images, 64));
    cases.add("keras_critic", images, keras_discriminator_convs(images));
    cases.add("vgg19", images, vgg19_convs(images));
  }
  const ImageBatch small{4, 128, 128};
  cases.add("small", small, resnet_generator_convs(small, 16));
  cases.add("small_critic", small, patch_discriminator_convs(small, 16));
}

}  // namespace dg::bench
