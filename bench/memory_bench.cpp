// Kernels that are bound by memory: GB/s counts each operand once, read or written. Two sizes: a feature map of the
// `small` preset, which stays in a cache, and one of the paper's generator, which does not.
#include <functional>

#include "bench/bench_support.h"

namespace dg::bench {
namespace {

// The feature map (images, pixels, channels) and four arrays of its size.
struct Arrays {
  Backend& backend;
  NormShape shape;
  DeviceFloats x, y, z, out, mean, variance, dgamma, dbeta;

  Arrays(Backend& b, const NormShape& s)
      : backend(b),
        shape(s),
        x(b, numel(), 1),
        y(b, numel(), 2),
        z(b, numel(), 3),
        out(b, numel(), 4),
        mean(b, s.channels * s.groups, 5),
        variance(b, s.channels * s.groups, 6),
        dgamma(b, s.channels * s.groups, 7),
        dbeta(b, s.channels * s.groups, 8) {
    backend.unary(UnaryOp::square, x.array(), z.array(), numel(), 0, 0);  // Adam's second moment
    backend.fill(variance.array(), s.channels * s.groups, 1.0);
  }
  std::int64_t numel() const { return shape.groups * shape.pixels * shape.channels; }
  BroadcastShape flat() const { return {{1, 1, 1, numel()}, {0, 0, 0, 1}, {0, 0, 0, 1}}; }
};

struct Kernel {
  const char* name;
  int arrays;  // read or written per element
  std::function<void(Arrays&)> run;
};

void unary(Arrays& a, UnaryOp op) { a.backend.unary(op, a.x.array(), a.out.array(), a.numel(), 0.2, 0.0); }

void binary(Arrays& a, BinaryOp op) {
  a.backend.binary(op, a.x.array(), a.y.array(), a.out.array(), a.flat(), 0.2, 0.0);
}

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all{
      {"affine", 2, [](Arrays& a) { unary(a, UnaryOp::affine); }},
      {"leaky_relu", 2, [](Arrays& a) { unary(a, UnaryOp::leaky_relu); }},
      {"tanh", 2, [](Arrays& a) { unary(a, UnaryOp::tanh); }},
      {"add", 3, [](Arrays& a) { binary(a, BinaryOp::add); }},
      {"leaky_relu_grad", 3, [](Arrays& a) { binary(a, BinaryOp::leaky_relu_grad); }},
      {"sum_pixels", 1,
       [](Arrays& a) {
         a.backend.sum(a.x.array(), a.mean.array(), {a.shape.groups, a.shape.pixels, a.shape.channels});
       }},
      {"norm", 2,
       [](Arrays& a) {
         a.backend.norm(a.x.array(), {}, {}, a.out.array(), a.mean.array(), a.variance.array(), 1e-5,
                        a.shape);
       }},
      {"norm_grad", 3,
       [](Arrays& a) {
         a.backend.norm_grad(a.y.array(), a.x.array(), a.mean.array(), a.variance.array(), {}, a.out.array(),
                             a.dgamma.array(), a.dbeta.array(), 1e-5, a.shape);
       }},
      {"adam", 7,  // reads four arrays, writes three
       [](Arrays& a) {
         const AdamTensor tensor{a.out.array(), a.x.array(), a.y.array(), a.z.array(), a.numel()};
         a.backend.adam({&tensor, 1}, {});
       }},
  };
  return all;
}

// The fast normalisation against the plain loops; the rest has only one implementation, which the tests check.
void verify_norm() {
  const auto fast = make_cpu_backend();
  const auto plain = make_cpu_backend(1, CpuKernels::reference);
  std::vector<std::vector<float>> results;
  for (Backend* backend : {fast.get(), plain.get()}) {
    Arrays a(*backend, {2, 1000, 48});
    backend->norm(a.x.array(), {}, {}, a.out.array(), a.mean.array(), a.variance.array(), 1e-5, a.shape);
    results.push_back(a.out.values());
  }
  require_correct("norm", relative_difference(results[0], results[1]), 1e-5);
}

const int kRegistered = [] {
  const std::pair<const char*, NormShape> sizes[] = {{"4x64x64x32", {4, 64 * 64, 32}},
                                                     {"1x256x256x64", {1, 256 * 256, 64}}};
  for (const auto& [size, shape] : sizes) {
    for (const Kernel& kernel : kernels()) {
      const std::string name = std::string(kernel.name) + "/" + size;
      auto* b = benchmark::RegisterBenchmark(name.c_str(), [&kernel, shape = shape](benchmark::State& state) {
        verify_norm();
        const auto backend = make_cpu_backend();
        Arrays arrays(*backend, shape);
        kernel.run(arrays);
        for (auto _ : state) {
          kernel.run(arrays);
          backend->synchronize();
        }
        state.SetLabel(backend->description());
        state.counters["GB/s"] = per_second(4e-9 * kernel.arrays * static_cast<double>(arrays.numel()));
      });
      report_median(b, 5)->MinTime(0.05);
    }
  }
  return 0;
}();

}  // namespace
}  // namespace dg::bench
