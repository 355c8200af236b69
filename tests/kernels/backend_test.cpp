// The other kernels: fast against reference, threads against one thread, adjoints against their definition.
#include <array>
#include <numeric>

#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

const DType kDTypes[] = {DType::float32, DType::bfloat16, DType::float64};

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

// A normalisation with parameters and residual, and its gradient with respect to the part before the residual.
class NormCase {
 public:
  static constexpr const char* kResults[] = {"output", "mean", "variance", "dx", "dgamma", "dbeta"};
  using Results = std::array<std::vector<double>, 6>;

  NormCase(const NormShape& shape, DType dtype, const Epilogue& epilogue)
      : shape_(shape),
        epilogue_(epilogue),
        elements_(shape.groups * shape.pixels * shape.channels),
        x_(test_values(elements_, 1, dtype)),
        dy_(test_values(elements_, 4, dtype)),
        residual_(test_values(elements_, 5, dtype)),
        gamma_(test_values(shape.channels, 2)),
        beta_(test_values(shape.channels, 3)) {}

  static DType statistics_type(DType dtype) { return dtype == DType::bfloat16 ? DType::float32 : dtype; }

  Results run(Backend& b, DType dtype) const {
    const DType statistic = statistics_type(dtype);
    const std::int64_t sums = shape_.groups * shape_.channels;
    const DeviceArray x(b, dtype, x_), dy(b, dtype, dy_), residual(b, dtype, residual_);
    const DeviceArray gamma(b, statistic, gamma_), beta(b, statistic, beta_);
    const DeviceArray y(b, dtype, elements_), mean(b, statistic, sums), variance(b, statistic, sums);
    const DeviceArray dx(b, dtype, elements_), dgamma(b, statistic, sums), dbeta(b, statistic, sums);
    b.norm(x.array(), gamma.array(), beta.array(), residual.array(), y.array(), mean.array(),
           variance.array(), 1e-5, shape_, epilogue_);
    b.norm_grad(dy.array(), x.array(), mean.array(), variance.array(), gamma.array(), beta.array(),
                dx.array(), dgamma.array(), dbeta.array(), 1e-5, shape_, epilogue_);
    return {y.values(), mean.values(), variance.values(), dx.values(), dgamma.values(), dbeta.values()};
  }

 private:
  NormShape shape_;
  Epilogue epilogue_;
  std::int64_t elements_;
  std::vector<double> x_, dy_, residual_, gamma_, beta_;
};

}  // namespace

TEST_CASE("matmul kernel: equals the reference for all storages and ragged blocks", "[threads]") {
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

TEST_CASE("norm kernels: outputs, statistics and gradients equal the reference, with every epilogue",
          "[threads]") {
  const Epilogue epilogues[] = {{}, {Activation::leaky_relu, 0.0}, {Activation::leaky_relu, 0.2}};
  const auto plain = reference_backend();  // of norm_grad, whose formula is written once: in float64
  for (const NormShape& s :
       {NormShape{1, 1, 1}, NormShape{2, 77, 3}, NormShape{3, 700, 64}, NormShape{1, 9, 513}}) {
    for (const DType dtype : kDTypes) {
      for (const Epilogue& epilogue : epilogues) {
        const NormCase c(s, dtype, epilogue);
        const NormCase::Results expected = c.run(*plain, DType::float64);
        for (const auto& backend : fast_backends()) {
          const NormCase::Results got = c.run(*backend, dtype);
          for (std::size_t i = 0; i < got.size(); ++i) {
            const bool stored_narrow = i == 0 || i == 3;  // output and dx
            const DType type = stored_narrow ? dtype : NormCase::statistics_type(dtype);
            INFO(backend->name() << " " << s.groups << "x" << s.pixels << "x" << s.channels << " "
                                 << name_of(dtype) << " " << NormCase::kResults[i] << " slope "
                                 << epilogue.slope);
            CHECK(relative_difference(got[i], expected[i]) < (i < 3 ? 4 : 8) * tolerance(type));
          }
        }
      }
    }
  }
}

TEST_CASE("sum kernel: equals a plain sum, the same for any number of threads", "[threads]") {
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

TEST_CASE("linear kernels: <A x, y> equals <x, A^T y>", "[threads]") {
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

TEST_CASE("max pooling: a NaN wins its window, the first of equals wins, scatter and gather are adjoint",
          "[threads]") {
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

TEST_CASE("image conversion: all 256 levels return, and out-of-range values are clamped", "[threads]") {
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

TEST_CASE("adam kernel: the first step moves by the learning rate against the gradient's sign", "[threads]") {
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

TEST_CASE("tanh kernel: two units in the last place in float32, and the special values", "[threads]") {
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
    "random kernels: number i is word i % 4 of Philox block i / 4, and dropout goes by the same numbers",
    "[threads]") {
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

TEST_CASE("leaky ReLU kernels: value and derivative on both sides of 0", "[threads]") {
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
