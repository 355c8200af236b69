#include <cmath>

#include "tests/core/core_checks.h"

using namespace dg;
using namespace dg::test;

TEST_CASE("elementwise: arithmetic broadcasts from the last dimension") {
  Context ctx;
  const Tensor a = f64(ctx, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor row = f64(ctx, {3}, {10, 20, 30});
  const Tensor column = f64(ctx, {2, 1}, {2, 4});
  CHECK((a + row).to_doubles() == std::vector<double>{11, 22, 33, 14, 25, 36});
  CHECK((a * column).to_doubles() == std::vector<double>{2, 4, 6, 16, 20, 24});
  CHECK((row - column).to_doubles() == std::vector<double>{8, 18, 28, 6, 16, 26});
  CHECK((a / column).to_doubles() == std::vector<double>{0.5, 1, 1.5, 1, 1.25, 1.5});
  CHECK((3.0 - a).to_doubles() == std::vector<double>{2, 1, 0, -1, -2, -3});
}

TEST_CASE("elementwise: every pattern of broadcast dimensions equals the plain index arithmetic") {
  Context ctx;
  // Each extent of either operand is the full one or 1: all 256 combinations in four dimensions.
  const std::int64_t full[4] = {2, 3, 2, 4};
  for (unsigned pattern = 0; pattern < 256; ++pattern) {
    Shape sa;
    Shape sb;
    for (unsigned d = 0; d < 4; ++d) {
      sa.push_back((pattern >> d & 1U) != 0 ? full[d] : 1);
      sb.push_back((pattern >> (d + 4) & 1U) != 0 ? full[d] : 1);
    }
    const Tensor a = Tensor::normal(ctx, sa, DType::float64);
    const Tensor b = Tensor::normal(ctx, sb, DType::float64);
    const auto va = a.to_doubles();
    const auto vb = b.to_doubles();
    const Tensor y = a - b;
    const auto vy = y.to_doubles();
    const auto at = [](const std::vector<double>& v, const Shape& s, const std::int64_t(&i)[4]) {
      std::int64_t offset = 0;
      for (int d = 0; d < 4; ++d) offset = offset * s[d] + (s[d] == 1 ? 0 : i[d]);
      return v[static_cast<std::size_t>(offset)];
    };
    std::size_t position = 0;
    for (std::int64_t i0 = 0; i0 < y.dim(0); ++i0) {
      for (std::int64_t i1 = 0; i1 < y.dim(1); ++i1) {
        for (std::int64_t i2 = 0; i2 < y.dim(2); ++i2) {
          for (std::int64_t i3 = 0; i3 < y.dim(3); ++i3) {
            const std::int64_t i[4] = {i0, i1, i2, i3};
            REQUIRE(vy[position++] == at(va, sa, i) - at(vb, sb, i));
          }
        }
      }
    }
  }
}

TEST_CASE("elementwise: shapes that do not broadcast are refused with both shapes") {
  Context ctx;
  CHECK_THROWS_WITH(Tensor::ones(ctx, {2, 3}) + Tensor::ones(ctx, {2, 2}),
                    Catch::Contains("(2, 3)") && Catch::Contains("(2, 2)"));
  CHECK_THROWS_WITH(Tensor::ones(ctx, {2}) + Tensor::ones(ctx, {2}, DType::float64),
                    Catch::Contains("cast()"));
  Context other;
  CHECK_THROWS_WITH(Tensor::ones(ctx, {2}) + Tensor::ones(other, {2}), Catch::Contains("different contexts"));
  CHECK_THROWS_WITH(Tensor::ones(ctx, {2}) + Tensor(), Catch::Contains("undefined tensor"));
}

TEST_CASE("elementwise: functions equal the standard library's") {
  Context ctx;
  const std::vector<double> v{0.25, 1.0, 2.5, 4.0};
  const Tensor x = f64(ctx, {4}, v);
  const auto check = [&](const Tensor& y, auto f) {
    const auto out = y.to_doubles();
    for (std::size_t i = 0; i < v.size(); ++i) CHECK(out[i] == Approx(f(v[i])).epsilon(1e-14));
  };
  check(exp(x), [](double t) { return std::exp(t); });
  check(log(x), [](double t) { return std::log(t); });
  check(sqrt(x), [](double t) { return std::sqrt(t); });
  check(reciprocal(x), [](double t) { return 1.0 / t; });
  check(softplus(x), [](double t) { return std::log(1.0 + std::exp(t)); });
  check(sigmoid(x), [](double t) { return 1.0 / (1.0 + std::exp(-t)); });
  check(tanh(x), [](double t) { return std::tanh(t); });
}

TEST_CASE("elementwise: softplus and sigmoid survive large arguments") {
  Context ctx;
  const Tensor x = f32(ctx, {3}, {-200.0F, 0.0F, 200.0F});
  CHECK(softplus(x).to_floats()[0] == 0.0F);
  CHECK(softplus(x).to_floats()[2] == 200.0F);
  CHECK(sigmoid(x).to_floats() == std::vector<float>{0.0F, 0.5F, 1.0F});
}

TEST_CASE("elementwise: a NaN passes through clamp, leaky_relu and sign") {
  Context ctx;
  const Tensor x = f32(ctx, {1}, {std::nanf("")});
  CHECK(std::isnan(clamp(x, -1, 1).to_floats()[0]));
  CHECK(std::isnan(leaky_relu(x, 0.2).to_floats()[0]));
  CHECK(std::isnan(sign(x).to_floats()[0]));
}

TEST_CASE("elementwise: derivatives of broadcast arithmetic") {
  Context ctx({.seed = 1});
  const std::vector<Tensor> ab{leaf_off_zero(ctx, {2, 3, 2}), leaf_off_zero(ctx, {3, 1})};
  using In = const std::vector<Tensor>&;
  check_derivatives([](In in) { return in[0] + in[1]; }, ab);
  check_derivatives([](In in) { return in[0] - in[1]; }, ab);
  check_derivatives([](In in) { return in[0] * in[1]; }, ab);
  check_derivatives([](In in) { return in[0] / in[1]; }, ab, 1e-6);
  check_derivatives([](In in) { return (in[0] * 3.0 + 1.0) * in[0]; }, ab);
}

TEST_CASE("elementwise: derivatives of functions of one argument") {
  Context ctx({.seed = 2});
  const std::vector<Tensor> x{leaf_off_zero(ctx, {3, 5})};
  const std::vector<Tensor> positive{
      (Tensor::uniform(ctx, {3, 5}, DType::float64) + 0.5).set_requires_grad(true)};
  using In = const std::vector<Tensor>&;
  check_derivatives([](In in) { return exp(in[0]); }, x);
  check_derivatives([](In in) { return square(in[0]); }, x);
  check_derivatives([](In in) { return abs(in[0]) * in[0]; }, x);
  check_derivatives([](In in) { return tanh(in[0]); }, x);
  check_derivatives([](In in) { return sigmoid(in[0]); }, x);
  check_derivatives([](In in) { return softplus(in[0]); }, x);
  check_derivatives([](In in) { return square(relu(in[0])); }, x);
  check_derivatives([](In in) { return square(leaky_relu(in[0], 0.2)); }, x);
  check_derivatives([](In in) { return square(clamp(in[0], -0.5, 0.45)); }, x);
  check_derivatives([](In in) { return log(in[0]); }, positive);
  check_derivatives([](In in) { return sqrt(in[0]); }, positive);
  check_derivatives([](In in) { return reciprocal(in[0]); }, positive, 1e-6);
}
