// The other kernels: fast against reference, threads against one thread, adjoints against their definition.
#include <numeric>

#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

const DType kDTypes[] = {DType::float32, DType::bfloat16, DType::float64};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// A normalisation with parameters and residual, and its gradient.
struct NormCase {
  enum Result : std::uint8_t { output, mean, variance, dx, dgamma, dbeta };

  NormCase(const NormShape& norm_shape, DType element, const Epilogue& activation)
      : shape(norm_shape),
        dtype(element),
        epilogue(activation),
        elements(shape.groups * shape.pixels * shape.channels),
        x(test_values(elements, 1, dtype)),
        dy(test_values(elements, 4, dtype)),
        residual(test_values(elements, 5, dtype)),
        gamma(test_values(shape.channels, 2)),
        beta(test_values(shape.channels, 3)) {}

  DType statistics(DType element) const { return element == DType::bfloat16 ? DType::float32 : element; }
  DType stored_type(Result r) const { return r == output || r == dx ? dtype : statistics(dtype); }
  std::int64_t numel(Result r) const {
    return r == output || r == dx ? elements : shape.groups * shape.channels;
  }

  double worst_forward(Result wanted) const {
    return worst_difference(stored_type(wanted), numel(wanted), [&](Backend& b, DType t, Array out) {
      const Arrays a(*this, b, t);
      const auto target = [&](Result r, const DeviceArray& own) { return r == wanted ? out : own.array(); };
      b.norm(a.x.array(), a.gamma.array(), a.beta.array(), a.residual.array(), target(output, a.y),
             target(mean, a.mean), target(variance, a.variance), 1e-5, shape, epilogue);
    });
  }

  // The statistics come from the same backend's norm; the reference's gradient is the same code in float64.
  double worst_backward(Result wanted) const {
    return worst_difference(stored_type(wanted), numel(wanted), [&](Backend& b, DType t, Array out) {
      const Arrays a(*this, b, t);
      const DeviceArray grad(b, a.element, dy);
      const auto target = [&](Result r, const DeviceArray& own) { return r == wanted ? out : own.array(); };
      b.norm(a.x.array(), a.gamma.array(), a.beta.array(), {}, a.y.array(), a.mean.array(),
             a.variance.array(), 1e-5, shape, epilogue);
      const DeviceArray sums1(b, a.statistic, numel(dgamma)), sums2(b, a.statistic, numel(dbeta));
      b.norm_grad(grad.array(), a.x.array(), a.mean.array(), a.variance.array(), a.gamma.array(),
                  a.beta.array(), target(dx, a.y), target(dgamma, sums1), target(dbeta, sums2), 1e-5, shape,
                  epilogue);
    });
  }

  struct Arrays {
    Arrays(const NormCase& c, Backend& b, DType t)
        : element(t == DType::float64 ? t : c.dtype),
          statistic(c.statistics(element)),
          x(b, element, c.x),
          residual(b, element, c.residual),
          gamma(b, statistic, c.gamma),
          beta(b, statistic, c.beta),
          y(b, element, c.elements),
          mean(b, statistic, c.numel(NormCase::mean)),
          variance(b, statistic, c.numel(NormCase::variance)) {}
    DType element, statistic;
    DeviceArray x, residual, gamma, beta, y, mean, variance;
  };

  NormShape shape;
  DType dtype;
  Epilogue epilogue;
  std::int64_t elements;
  std::vector<double> x, dy, residual, gamma, beta;
};

}  // namespace

TEST_CASE("matmul kernel: equals the reference for all storages and ragged blocks") {
  for (const MatmulShape& shape :
       {MatmulShape{1, 1, 1}, MatmulShape{5, 130, 7}, MatmulShape{129, 3, 200}, MatmulShape{130, 131, 33}}) {
    for (const DType dtype : kDTypes) {
      for (int storage = 0; storage < 4; ++storage) {
        MatmulShape s = shape;
        s.transpose_a = (storage & 1) != 0;
        s.transpose_b = (storage & 2) != 0;
        const auto a = test_values(s.m * s.k, 1, dtype);
        const auto b = test_values(s.k * s.n, 2, dtype);
        INFO(s.m << "x" << s.n << "x" << s.k << " storage " << storage << " " << name_of(dtype));
        CHECK(worst_difference(dtype, s.m * s.n, [&](Backend& backend, DType t, Array y) {
                const DeviceArray left(backend, t, a), right(backend, t, b);
                backend.matmul(left.array(), right.array(), y, s);
              }) < tolerance(dtype));
      }
    }
  }
}

TEST_CASE("norm kernels: outputs, statistics and gradients equal the reference, with every epilogue") {
  const Epilogue epilogues[] = {{}, {Activation::leaky_relu, 0.0}, {Activation::leaky_relu, 0.2}};
  for (const NormShape& s :
       {NormShape{1, 1, 1}, NormShape{2, 77, 3}, NormShape{3, 700, 64}, NormShape{1, 9, 513}}) {
    for (const DType dtype : kDTypes) {
      for (const Epilogue& epilogue : epilogues) {
        const NormCase c(s, dtype, epilogue);
        INFO(s.groups << "x" << s.pixels << "x" << s.channels << " " << name_of(dtype) << " slope "
                      << (epilogue.activation == Activation::none ? 1.0 : epilogue.slope));
        for (const NormCase::Result result : {NormCase::output, NormCase::mean, NormCase::variance}) {
          CHECK(c.worst_forward(result) < 4 * tolerance(c.stored_type(result)));
        }
        for (const NormCase::Result result : {NormCase::dx, NormCase::dgamma, NormCase::dbeta}) {
          CHECK(c.worst_backward(result) < 8 * tolerance(c.stored_type(result)));
        }
      }
    }
  }
}

TEST_CASE("sum kernel: equals a plain sum, the same for any number of threads") {
  for (const ReduceShape& s : {ReduceShape{1, 100'003, 1}, ReduceShape{3, 17, 5}, ReduceShape{7, 1, 11},
                               ReduceShape{2, 40'000, 3}}) {
    const auto x = test_values(s.outer * s.reduce * s.inner, 4);
    std::vector<double> want(static_cast<std::size_t>(s.outer * s.inner), 0.0);
    for (std::int64_t i = 0; i < s.outer * s.reduce * s.inner; ++i) {
      want[static_cast<std::size_t>(i / (s.reduce * s.inner) * s.inner + i % s.inner)] +=
          x[static_cast<std::size_t>(i)];
    }
    std::vector<std::vector<double>> got;
    for (auto& b : fast_backends()) {
      const DeviceArray in(*b, DType::float32, x);
      const DeviceArray y(*b, DType::float32, s.outer * s.inner);
      b->sum(in.array(), y.array(), s);
      got.push_back(y.values());
      for (std::size_t i = 0; i < want.size(); ++i)
        CHECK(got.back()[i] == Approx(want[i]).epsilon(1e-6).margin(1e-6));
    }
    CHECK(got[0] == got[1]);
  }
}

TEST_CASE("linear kernels: <A x, y> equals <x, A^T y>") {
  for (auto& backend : fast_backends()) {
    Backend& b = *backend;
    const auto check = [&](std::int64_t n_in, std::int64_t n_out, const auto& forward, const auto& adjoint) {
      const DeviceArray x(b, DType::float64, test_values(n_in, 1, DType::float64));
      const DeviceArray y(b, DType::float64, test_values(n_out, 2, DType::float64));
      const DeviceArray ax(b, DType::float64, n_out);
      const DeviceArray aty(b, DType::float64, n_in);
      forward(x.array(), ax.array());
      adjoint(y.array(), aty.array());
      CHECK(dot(ax.values(), y.values()) == Approx(dot(x.values(), aty.values())).epsilon(1e-12));
    };
    for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
      const Pad2dShape s{2, 5, 6, 3, {4, 2, 1, 5}, mode};
      check(
          2 * 5 * 6 * 3, 2 * s.padded_h() * s.padded_w() * 3, [&](Array x, Array y) { b.pad2d(x, y, s); },
          [&](Array y, Array x) { b.pad2d_grad(y, x, s); });
    }
    const Upsample2dShape up{2, 3, 4, 5, 3};
    check(
        2 * 3 * 4 * 5, 2 * 9 * 12 * 5, [&](Array x, Array y) { b.upsample_nearest(x, y, up); },
        [&](Array y, Array x) { b.upsample_nearest_grad(y, x, up); });
    const ReduceShape reduce{3, 700, 5};
    check(
        3 * 700 * 5, 15, [&](Array x, Array y) { b.sum(x, y, reduce); },
        [&](Array y, Array x) { b.expand(y, x, reduce); });
    const PhiloxState state{9, 4};
    check(
        1001, 1001, [&](Array x, Array y) { b.dropout(state, x, y, 1001, 0.4); },
        [&](Array y, Array x) { b.dropout(state, y, x, 1001, 0.4); });
  }
}

TEST_CASE("max pooling: a NaN wins its window, the first of equals wins, scatter and gather are adjoint") {
  for (auto& backend : fast_backends()) {
    Backend& b = *backend;
    const Pool2dShape s{1, 2, 4, 1, 2, 2};
    const DeviceArray x(b, DType::float32, {1, NAN, 5, 5, 3, 4, 5, 5});
    const DeviceArray y(b, DType::float32, 2);
    const DeviceVector<std::int32_t> winners(b, 2);
    b.max_pool2d(x.array(), y.array(), winners.data(), s);
    CHECK(std::isnan(y.values()[0]));
    CHECK(winners.values() == std::vector<std::int32_t>{1, 2});
    const DeviceArray dy(b, DType::float32, {10, 20});
    const DeviceArray dx(b, DType::float32, 8);
    b.max_pool2d_scatter(dy.array(), winners.data(), dx.array(), s);
    CHECK(dx.values() == std::vector<double>{0, 10, 20, 0, 0, 0, 0, 0});
    b.max_pool2d_gather(dx.array(), winners.data(), y.array(), s);
    CHECK(y.values() == std::vector<double>{10, 20});
  }
}

TEST_CASE("image conversion: all 256 levels return, and out-of-range values are clamped") {
  std::vector<std::uint8_t> levels(256);
  std::iota(levels.begin(), levels.end(), std::uint8_t{0});
  for (auto& backend : fast_backends()) {
    Backend& b = *backend;
    const DeviceVector<std::uint8_t> in(b, levels);
    const DeviceVector<std::uint8_t> back(b, 256);
    for (const DType dtype : {DType::float32, DType::float64}) {
      const DeviceArray x(b, dtype, 256);
      b.image_to_float(in.data(), x.array(), 256);
      CHECK(x.values().front() == -1.0);
      CHECK(x.values().back() == 1.0);
      b.float_to_image(x.array(), back.data(), 256);
      CHECK(back.values() == levels);
    }
    const DeviceArray wild(b, DType::float32, {-3.0, 1.5, NAN, INFINITY, -INFINITY});
    const DeviceVector<std::uint8_t> out(b, 5);
    b.float_to_image(wild.array(), out.data(), 5);
    CHECK(out.values() == std::vector<std::uint8_t>{0, 255, 0, 255, 0});
  }
}

TEST_CASE("adam kernel: the first step moves by the learning rate against the gradient's sign") {
  for (auto& backend : fast_backends()) {
    Backend& b = *backend;
    const DeviceArray param(b, DType::float64, {1, 2});
    const DeviceArray grad(b, DType::float64, {0.5, -4});
    const DeviceArray m(b, DType::float64, {0, 0});
    const DeviceArray v(b, DType::float64, {0, 0});
    const AdamTensor t{param.array(), grad.array(), m.array(), v.array(), 2};
    b.adam({&t, 1}, {.learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.9, .epsilon = 0.0, .step = 1});
    CHECK(param.values()[0] == Approx(0.9));
    CHECK(param.values()[1] == Approx(2.1));
    CHECK(m.values() == std::vector<double>{0.25, -2});
    CHECK(v.values()[1] == Approx(1.6));
  }
}

TEST_CASE("tanh kernel: two units in the last place in float32, and the special values") {
  std::vector<double> x{0.0, -0.0, INFINITY, -INFINITY, 1e-30, 9.0, 9.2, -100.0};
  for (double v = -10.0; v < 10.0; v += 1e-3) x.push_back(static_cast<double>(static_cast<float>(v)));
  const auto n = static_cast<std::int64_t>(x.size());
  for (auto& b : fast_backends()) {
    const DeviceArray in(*b, DType::float32, x);
    const DeviceArray out(*b, DType::float32, n);
    b->unary(UnaryOp::tanh, in.array(), out.array(), n, 0, 0);
    const auto y = out.values();
    double worst = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::tanh(x[i]);
      const double unit = std::ldexp(1.0, std::ilogb(std::max(std::abs(want), 1e-37)) - 23);
      worst = std::max(worst, std::abs(y[i] - want) / unit);
    }
    CHECK(worst < 2.0);
    CHECK(std::signbit(y[1]));
    const DeviceArray nan(*b, DType::float32, std::vector<double>{NAN});
    b->unary(UnaryOp::tanh, nan.array(), nan.array(), 1, 0, 0);
    CHECK(std::isnan(nan.values()[0]));
  }
}

TEST_CASE(
    "random kernels: number i is word i % 4 of Philox block i / 4, and dropout goes by the same numbers") {
  const PhiloxState state{77, 5};
  for (auto& b : fast_backends()) {
    for (const std::int64_t n : {1, 255, 1003}) {
      const DeviceArray uniform(*b, DType::float32, n), ones(*b, DType::float32, n),
          kept(*b, DType::float32, n);
      b->random_uniform(state, uniform.array(), n);
      b->fill(ones.array(), n, 1.0);
      b->dropout(state, ones.array(), kept.array(), n, 0.75);
      const auto u = uniform.values();
      const auto y = kept.values();
      std::int64_t wrong = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        const auto counter = state.offset + static_cast<std::uint64_t>(i / 4);
        const float want = philox_uniform(philox(state.seed, counter).word[i % 4]);
        const auto at = static_cast<std::size_t>(i);
        wrong += u[at] != static_cast<double>(want) || y[at] != (want < 0.75F ? 0.0 : 4.0);
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("leaky ReLU kernels: value and derivative on both sides of 0") {
  for (auto& b : fast_backends()) {
    const std::vector<double> x{-2, -0.5, 0, 0.5, 2, INFINITY, -INFINITY};
    const std::vector<double> g{1, 2, 3, 4, 5, 6, 7};
    const DeviceArray in(*b, DType::float32, x), grad(*b, DType::float32, g), out(*b, DType::float32, 7);
    b->unary(UnaryOp::leaky_relu, in.array(), out.array(), 7, 0.25, 0);
    CHECK(out.values() == std::vector<double>{-0.5, -0.125, 0, 0.5, 2, INFINITY, -INFINITY});
    const BroadcastShape flat{{1, 1, 1, 7}, {0, 0, 0, 1}, {0, 0, 0, 1}};
    b->binary(BinaryOp::leaky_relu_grad, grad.array(), in.array(), out.array(), flat, 0.25, 0);
    CHECK(out.values() == std::vector<double>{0.25, 0.5, 0.75, 4, 5, 6, 1.75});
  }
}

TEST_CASE("arrays: a kernel refuses an element type that it did not expect") {
  const float value = 1.0F;
  const ConstArray array{&value, DType::float32};
  CHECK_THROWS_WITH(array.as<double>(), Catch::Contains("float32") && Catch::Contains("float64"));
}
