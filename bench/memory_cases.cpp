// Kernels that are bound by memory: activations, norms, losses, Adam. GB/s counts each operand once, read or written,
// so a kernel that reads one of them twice cannot reach the bandwidth of a copy.
#include <functional>

#include "bench/conv_shapes.h"
#include "bench/device_array.h"
#include "bench/session.h"

namespace dg::bench {
namespace {

constexpr double kSlope = 0.2;
constexpr Epilogue kReLU{.activation = Activation::leaky_relu, .slope = 0.0};

// A feature map (images, pixels, channels), others of its size, and statistics, which stay float32. Every kernel writes
// its result to `out`.
struct Arrays {
  NormShape shape;
  DeviceArray x, y, difference, term, out, mean, variance, dgamma, dbeta;

  Arrays(Backend& b, const NormShape& s, DType dtype)
      : shape(s),
        x(b, dtype, numel(), 1),
        y(b, dtype, numel(), 2),
        difference(b, dtype, numel(), 3),
        term(b, dtype, numel(), 4),
        out(b, dtype, numel(), 5),
        mean(b, DType::float32, statistics(), 6),
        variance(b, DType::float32, statistics(), 7),
        dgamma(b, DType::float32, statistics(), 8),
        dbeta(b, DType::float32, statistics(), 9) {
    b.fill(variance.array(), statistics(), 1.0);
    out.poison();
    b.synchronize();
  }
  std::int64_t numel() const { return shape.groups * shape.pixels * shape.channels; }
  std::int64_t statistics() const { return shape.groups * shape.channels; }
};

enum class ResultSize : std::uint8_t { feature_map, channel_sums, scalar };

struct Kernel {
  const char* name;
  int arrays;  // read or written per element
  std::function<void(BenchDevice&, const Arrays&)> run;
  ResultSize result = ResultSize::feature_map;

  std::size_t result_numel(const Arrays& a) const {
    return static_cast<std::size_t>(result == ResultSize::feature_map    ? a.numel()
                                    : result == ResultSize::channel_sums ? a.statistics()
                                                                         : 1);
  }
};

Kernel unary(const char* name, UnaryOp op) {
  return {name, 2, [=](BenchDevice& d, const Arrays& a) {
            d.unary(op, a.x.array(), a.out.array(), a.numel(), kSlope);
          }};
}

Kernel binary(const char* name, BinaryOp op) {
  return {name, 3, [=](BenchDevice& d, const Arrays& a) {
            d.binary(op, a.x.array(), a.y.array(), a.out.array(), a.numel(), kSlope);
          }};
}

Kernel norm(const char* name, bool residual, const Epilogue& epilogue) {
  return {name, residual ? 3 : 2, [=](BenchDevice& d, const Arrays& a) {
            d.norm(a.x.array(), residual ? ConstArray(a.y.array()) : ConstArray{}, a.out.array(),
                   a.mean.array(), a.variance.array(), a.shape, epilogue);
          }};
}

Kernel norm_grad(const char* name, const Epilogue& epilogue) {
  return {name, 3, [=](BenchDevice& d, const Arrays& a) {
            d.norm_grad(a.y.array(), a.x.array(), a.mean.array(), a.variance.array(), a.out.array(),
                        a.dgamma.array(), a.dbeta.array(), a.shape, epilogue);
          }};
}

// The sum of f(x - y), as layers/losses composes it: a difference, f, a sum. Six arrays go by.
Kernel loss(const char* name, UnaryOp f) {
  return {name, 6,
          [=](BenchDevice& d, const Arrays& a) {
            d.binary(BinaryOp::subtract, a.x.array(), a.y.array(), a.difference.array(), a.numel(), 0.0);
            d.unary(f, a.difference.array(), a.term.array(), a.numel(), 0.0);
            d.sum(a.term.array(), a.out.array(), {1, a.numel(), 1});
          },
          ResultSize::scalar};
}

std::vector<Kernel> kernels() {
  return {unary("leaky_relu", UnaryOp::leaky_relu),
          unary("tanh", UnaryOp::tanh),
          binary("add", BinaryOp::add),
          binary("leaky_relu_grad", BinaryOp::leaky_relu_grad),
          {"sum_pixels", 1,
           [](BenchDevice& d, const Arrays& a) {
             d.sum(a.x.array(), a.out.array(), {a.shape.groups, a.shape.pixels, a.shape.channels});
           },
           ResultSize::channel_sums},
          norm("norm", false, {}),
          norm("norm_relu", false, kReLU),
          norm("norm_residual", true, {}),
          norm_grad("norm_grad", {}),
          norm_grad("norm_relu_grad", kReLU),
          loss("l1_loss", UnaryOp::abs),
          loss("mse_loss", UnaryOp::square)};
}

// On a small feature map, against the plain loops.
void verify(BenchDevice& device, const Kernel& kernel, Arithmetic arithmetic) {
  const NormShape shape{2, device.emulated() ? 60 : 1000, 48};
  const auto plain = make_plain_bench_device();
  const auto result_on = [&](BenchDevice& on) {
    const Arrays arrays(on.backend(), shape, storage(arithmetic));
    kernel.run(on, arrays);
    on.wait();
    std::vector<float> values = arrays.out.values();
    values.resize(kernel.result_numel(arrays));
    return values;
  };
  require_close("the plain loops' result", relative_error(result_on(device), result_on(*plain)), arithmetic);
}

void run(benchmark::State& state, Session& session, const Kernel& kernel, const NormShape& shape,
         Arithmetic arithmetic) {
  BenchDevice& device = *session.device;
  verify(device, kernel, arithmetic);
  const Arrays arrays(device.backend(), shape, storage(arithmetic));
  const Timing timing = device.time(session.sampling, [&] { kernel.run(device, arrays); });
  report(state, session, timing);
  const auto bytes = static_cast<double>(kernel.arrays * arrays.numel() * size_of(storage(arithmetic)));
  report_rate(state, "GB/s", 1e9, bytes / timing.median, device.peak_bandwidth());
}

// ---- Adam, over all parameters of a network in one call ----

struct AdamArrays {
  AdamArrays(Backend& b, std::int64_t n)
      : param(b, DType::float32, n, 1),
        grad(b, DType::float32, n, 2),
        m(b, DType::float32, n, 3),
        v(b, DType::float32, n, 4) {
    b.unary(UnaryOp::square, m.array(), v.array(), n, 0.0, 0.0);  // a second moment is not negative
  }
  AdamTensor tensor() const { return {param.array(), grad.array(), m.array(), v.array(), param.numel()}; }

  DeviceArray param, grad, m, v;
};

void adam(BenchDevice& device, const std::vector<std::unique_ptr<AdamArrays>>& parameters) {
  std::vector<AdamTensor> tensors;
  for (const auto& p : parameters) tensors.push_back(p->tensor());
  device.adam(tensors);
}

std::vector<std::unique_ptr<AdamArrays>> make_parameters(Backend& backend,
                                                         const std::vector<std::int64_t>& sizes) {
  std::vector<std::unique_ptr<AdamArrays>> parameters;
  for (const std::int64_t size : sizes) parameters.push_back(std::make_unique<AdamArrays>(backend, size));
  backend.synchronize();
  return parameters;
}

void verify_adam(BenchDevice& device) {
  const auto plain = make_plain_bench_device();
  const auto result_on = [](BenchDevice& on) {
    const auto parameters = make_parameters(on.backend(), {1, 300, 4097});
    adam(on, parameters);
    on.wait();
    return parameters.back()->param.values();
  };
  require_close("the plain loops' result", relative_error(result_on(device), result_on(*plain)),
                Arithmetic::float32);
}

// Weights and biases of the generator `deblurgan`: 48 tensors, 11,378,179 numbers.
std::vector<std::int64_t> deblurgan_parameters() {
  std::vector<std::int64_t> sizes;
  for (const NamedConv& conv : resnet_generator_convs({}, 64)) {
    for (int copies = conv.name == "block" ? 18 : 1; copies > 0; --copies) {
      sizes.push_back(conv.shape.weight_numel());
      sizes.push_back(conv.transposed ? conv.shape.c : conv.shape.k);
    }
  }
  return sizes;
}

void run_adam(benchmark::State& state, Session& session) {
  BenchDevice& device = *session.device;
  verify_adam(device);
  const auto parameters = make_parameters(device.backend(), deblurgan_parameters());
  const Timing timing = device.time(session.sampling, [&] { adam(device, parameters); });
  report(state, session, timing);
  std::int64_t numel = 0;
  for (const auto& p : parameters) numel += p->param.numel();
  constexpr double kArrays = 7.0;  // reads four, writes three
  report_rate(state, "GB/s", 1e9, 4.0 * kArrays * static_cast<double>(numel) / timing.median,
              device.peak_bandwidth());
  state.SetLabel(std::to_string(numel) + " numbers in " + std::to_string(parameters.size()) + " tensors");
}

struct Size {
  const char* name;
  NormShape shape;
};

// Feature maps of the presets `small` (which stays in a cache) and `deblurgan`, at full and at a quarter of the
// resolution.
std::vector<Size> sizes(bool emulated) {
  if (emulated) return {{"1x8x8x32", {1, 64, 32}}};
  return {{"4x64x64x32", {4, 64 * 64, 32}},
          {"1x256x256x64", {1, 256 * 256, 64}},
          {"16x256x256x64", {16, 256 * 256, 64}},
          {"16x64x64x256", {16, 64 * 64, 256}},
          {"1x720x1280x64", {1, 720 * 1280, 64}}};
}

}  // namespace

void add_memory_cases(Session& session) {
  for (const Size& size : sizes(session.device->emulated())) {
    for (const Kernel& kernel : kernels()) {
      for (const Arithmetic arithmetic : session.arithmetics) {
        if (arithmetic == Arithmetic::tf32) continue;  // nothing here multiplies matrices
        const std::string name =
            std::string("memory/") + size.name + "/" + kernel.name + "/" + name_of(arithmetic);
        add_case(session, name, [&session, kernel, shape = size.shape, arithmetic](benchmark::State& state) {
          run(state, session, kernel, shape, arithmetic);
        });
      }
    }
  }
  if (!session.device->emulated()) {
    add_case(session, "memory/deblurgan/adam/float32",
             [&session](benchmark::State& state) { run_adam(state, session); });
  }
}

}  // namespace dg::bench
