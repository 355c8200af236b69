// The kernels that move and map elements, on every backend, against the reference backend in float64: all ops, element
// types, alignments and broadcasts.
#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

const DType kDTypes[] = {DType::float32, DType::bfloat16, DType::float64};
constexpr std::int64_t kSizes[] = {1, 3, 8, 257, 1030};

// Rounding of one result in its storage.
double rounding(DType dtype) {
  return dtype == DType::float32 ? 1e-6 : dtype == DType::bfloat16 ? 4e-3 : 1e-14;
}

struct BinaryCase {
  const char* what;
  BroadcastShape shape;
  std::int64_t numel_a, numel_b;
};

const BinaryCase kBroadcasts[] = {
    {"dense", {{1, 1, 1, 1027}, {0, 0, 0, 1}, {0, 0, 0, 1}}, 1027, 1027},
    {"scalar", {{1, 1, 1, 515}, {0, 0, 0, 1}, {0, 0, 0, 0}}, 515, 1},
    {"channels", {{1, 1, 40, 24}, {0, 0, 24, 1}, {0, 0, 0, 1}}, 960, 24},
    {"odd channels", {{1, 1, 41, 5}, {0, 0, 0, 1}, {0, 0, 5, 1}}, 5, 205},
    {"pixels", {{1, 2, 9, 16}, {0, 144, 16, 1}, {0, 9, 1, 0}}, 288, 18},
    {"images and channels", {{3, 4, 5, 8}, {160, 40, 8, 1}, {8, 0, 0, 1}}, 480, 24},
    {"both repeat", {{2, 3, 4, 5}, {5, 0, 0, 1}, {0, 4, 1, 0}}, 10, 12},
};

}  // namespace

TEST_CASE("unary kernels: every op equals the reference", "[threads]") {
  struct Case {
    UnaryOp op;
    double a, b;
    bool positive;
  };
  const Case cases[] = {{UnaryOp::affine, 1.5, -0.25, false}, {UnaryOp::exp, 0, 0, false},
                        {UnaryOp::log, 0, 0, true},           {UnaryOp::sqrt, 0, 0, true},
                        {UnaryOp::reciprocal, 0, 0, true},    {UnaryOp::square, 0, 0, false},
                        {UnaryOp::abs, 0, 0, false},          {UnaryOp::sign, 0, 0, false},
                        {UnaryOp::tanh, 0, 0, false},         {UnaryOp::sigmoid, 0, 0, false},
                        {UnaryOp::softplus, 0, 0, false},     {UnaryOp::leaky_relu, 0.2, 0, false},
                        {UnaryOp::clamp, -0.5, 0.75, false}};
  for (const Case& c : cases) {
    for (const DType dtype : kDTypes) {
      for (const std::int64_t n : kSizes) {
        auto x = test_values(n, 11, dtype);
        for (double& v : x) v = c.positive ? std::abs(v) + 0.5 : v;
        if (dtype == DType::bfloat16 && c.positive) x = std::vector<double>(x.size(), 1.5);
        INFO("op " << static_cast<int>(c.op) << " " << name_of(dtype) << " n " << n);
        CHECK(worst_difference(dtype, n, [&](Backend& b, DType t, Array y) {
                const DeviceArray in(b, t, x);
                b.unary(c.op, in.array(), y, n, c.a, c.b);
              }) < 2 * rounding(dtype));
      }
    }
  }
}

TEST_CASE("binary kernels: every op and broadcast equals the reference", "[threads]") {
  const BinaryOp ops[] = {BinaryOp::add,       BinaryOp::subtract,    BinaryOp::multiply,
                          BinaryOp::divide,    BinaryOp::clamp_grad,  BinaryOp::leaky_relu_grad,
                          BinaryOp::tanh_grad, BinaryOp::sigmoid_grad};
  for (const BinaryCase& c : kBroadcasts) {
    for (const BinaryOp op : ops) {
      for (const DType dtype : {DType::float32, DType::bfloat16}) {
        const auto p = test_values(c.numel_a, 21, dtype);
        auto q = test_values(c.numel_b, 22, dtype);
        for (double& v : q) v = std::abs(v) < 0.125 ? 0.5 : v;
        INFO(c.what << ", op " << static_cast<int>(op) << " " << name_of(dtype));
        CHECK(worst_difference(dtype, c.shape.numel(), [&](Backend& b, DType t, Array y) {
                const DeviceArray left(b, t, p), right(b, t, q);
                b.binary(op, left.array(), right.array(), y, c.shape, -0.75, 0.6);
              }) < 2 * rounding(dtype));
      }
    }
  }
}

TEST_CASE("cast kernel: between all element types, NaN and infinities included", "[threads]") {
  std::vector<double> x = test_values(517, 31);
  x[3] = NAN;
  x[100] = INFINITY;
  x[516] = -INFINITY;
  const auto plain = reference_backend();
  for (const DType from : kDTypes) {
    for (const DType to : kDTypes) {
      const auto run = [&](Backend& b) {
        const DeviceArray in(b, from, x), out(b, to, 517);
        b.cast(in.array(), out.array(), 517);
        return out.values();
      };
      const auto want = run(*plain);
      for (auto& b : fast_backends()) {
        const auto got = run(*b);
        std::int64_t wrong = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
          wrong += !(got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i])));
        }
        INFO(b->name() << " " << name_of(from) << " to " << name_of(to));
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("copy_2d and fill kernels: runs land where they belong, and nowhere else", "[threads]") {
  const Copy2dShape shapes[] = {{5, 7, 9, 11}, {3, 16, 16, 48}, {1, 33, 33, 33}, {4, 8, 24, 8}};
  for (const Copy2dShape& s : shapes) {
    const std::int64_t source = (s.rows - 1) * s.source_stride + s.columns;
    const std::int64_t target = (s.rows - 1) * s.target_stride + s.columns;
    for (const DType dtype : kDTypes) {
      CHECK(worst_difference(dtype, target, [&](Backend& b, DType t, Array y) {
              const DeviceArray in(b, t, test_values(source, 41, dtype));
              b.fill(y, target, -2.0);
              b.copy_2d(in.array(), y, s);
            }) == 0.0);
    }
  }
}

TEST_CASE("padding and upsampling kernels: equal the reference, with their adjoints", "[threads]") {
  for (const DType dtype : kDTypes) {
    for (const std::int64_t c : {1, 3, 8, 20}) {
      for (const PadMode mode : {PadMode::zero, PadMode::reflect, PadMode::replicate}) {
        const Pad2dShape s{2, 5, 6, c, {4, 2, 1, 5}, mode};
        const std::int64_t small = 2 * 5 * 6 * c;
        const std::int64_t large = 2 * s.padded_h() * s.padded_w() * c;
        INFO("pad mode " << static_cast<int>(mode) << " C " << c << " " << name_of(dtype));
        CHECK(worst_difference(dtype, large, [&](Backend& b, DType t, Array y) {
                const DeviceArray x(b, t, test_values(small, 51, dtype));
                b.pad2d(x.array(), y, s);
              }) == 0.0);
        CHECK(worst_difference(dtype, small, [&](Backend& b, DType t, Array dx) {
                const DeviceArray dy(b, t, test_values(large, 52, dtype));
                b.pad2d_grad(dy.array(), dx, s);
              }) < tolerance(dtype));
      }
      const Upsample2dShape up{2, 3, 4, c, 3};
      const std::int64_t small = 2 * 3 * 4 * c;
      CHECK(worst_difference(dtype, small * 9, [&](Backend& b, DType t, Array y) {
              const DeviceArray x(b, t, test_values(small, 53, dtype));
              b.upsample_nearest(x.array(), y, up);
            }) == 0.0);
      CHECK(worst_difference(dtype, small, [&](Backend& b, DType t, Array dx) {
              const DeviceArray dy(b, t, test_values(small * 9, 54, dtype));
              b.upsample_nearest_grad(dy.array(), dx, up);
            }) < tolerance(dtype));
    }
  }
}

TEST_CASE("max pooling kernels: overlapping windows, odd sizes and channels equal the reference",
          "[threads]") {
  const Pool2dShape shapes[] = {
      {2, 7, 9, 5, 2, 2}, {1, 8, 8, 16, 3, 1}, {1, 9, 7, 3, 3, 2}, {2, 4, 6, 64, 2, 2}};
  for (const Pool2dShape& s : shapes) {
    const std::int64_t inputs = s.n * s.h * s.w * s.c;
    const std::int64_t outputs = s.n * s.p() * s.q() * s.c;
    for (const DType dtype : kDTypes) {
      const auto pool = [&](int which) {
        return [&, which](Backend& b, DType t, Array out) {
          const DeviceArray x(b, t, test_values(inputs, 61, dtype)), y(b, t, outputs),
              dy(b, t, test_values(outputs, 62, dtype));
          const DeviceVector<std::int32_t> winners(b, outputs);
          b.max_pool2d(x.array(), which == 0 ? out : y.array(), winners.data(), s);
          if (which == 1) b.max_pool2d_scatter(dy.array(), winners.data(), out, s);
          if (which == 2) b.max_pool2d_gather(x.array(), winners.data(), out, s);
        };
      };
      INFO(s.h << "x" << s.w << "x" << s.c << " window " << s.window << " stride " << s.stride);
      CHECK(worst_difference(dtype, outputs, pool(0)) == 0.0);
      CHECK(worst_difference(dtype, inputs, pool(1)) < tolerance(dtype));
      CHECK(worst_difference(dtype, outputs, pool(2)) == 0.0);
    }
  }
}

TEST_CASE("random_normal kernel: the same numbers on every backend, but for rounding", "[threads]") {
  for (const std::int64_t n : kSizes) {
    CHECK(worst_difference(DType::float32, n, [&](Backend& b, DType t, Array y) {
            b.random_normal({5, 7}, y, n);
            static_cast<void>(t);
          }) < 1e-5);
  }
}

TEST_CASE("adam and ema kernels: many tensors of odd sizes in one call equal the reference", "[threads]") {
  const std::int64_t sizes[] = {1, 3, 4, 1000, 17, 4099, 2, 64};
  constexpr std::size_t kCount = std::size(sizes);
  for (const std::size_t wanted : {std::size_t{3}, std::size_t{5}, std::size_t{6}}) {
    for (const int which : {0, 1, 2, 3}) {  // param, m, v after Adam; the average after EMA
      CHECK(worst_difference(DType::float32, sizes[wanted], [&](Backend& b, DType t, Array out) {
              std::vector<std::unique_ptr<DeviceArray>> arrays;
              const auto make = [&](std::size_t i, std::uint64_t kind) {
                auto values = test_values(sizes[i], 70 + 4 * i + kind);
                if (kind == 3) {
                  for (double& v : values) v = std::abs(v);  // second moments
                }
                arrays.push_back(std::make_unique<DeviceArray>(b, t, values));
                return arrays.back()->array();
              };
              std::vector<AdamTensor> adam;
              std::vector<EmaTensor> ema;
              for (std::size_t i = 0; i < kCount; ++i) {
                adam.push_back({make(i, 0), make(i, 1), make(i, 2), make(i, 3), sizes[i]});
                ema.push_back({adam.back().m, adam.back().grad, sizes[i]});
              }
              b.adam(adam, {.learning_rate = 0.01, .beta1 = 0.5, .beta2 = 0.999, .epsilon = 1e-8, .step = 3});
              b.ema(ema, 0.9);
              const AdamTensor& a = adam[wanted];
              const Array results[] = {a.param, a.m, a.v, a.m};
              b.cast(results[which], out, sizes[wanted]);
            }) < 2e-6);
    }
  }
}
