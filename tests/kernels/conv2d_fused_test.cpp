// Convolutions that normalise their input and measure their result, against the separate reference kernels: both borders,
// direct and Winograd's, ragged tiles, several images, every instruction set.
#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

struct FusedCase {
  const char* what;
  Conv2dShape shape;
  PadMode border = PadMode::zero;
  bool normalised = true;
  double limit = 4e-6;
};

const FusedCase kCases[] = {
    {"direct, zeros",
     {.n = 2,
      .h = 9,
      .w = 8,
      .c = 5,
      .k = 40,
      .r = 3,
      .s = 3,
      .stride_h = 2,
      .stride_w = 2,
      .padding = Padding2d::all(1)}},
    {"direct, mirrored",
     {.n = 2, .h = 11, .w = 13, .c = 20, .k = 3, .r = 7, .s = 7, .padding = Padding2d::all(3)},
     PadMode::reflect},
    {"direct, no border", {.n = 1, .h = 8, .w = 8, .c = 8, .k = 16, .r = 3, .s = 3}},
    {"direct, uneven border, as it lies",
     {.n = 1, .h = 6, .w = 7, .c = 3, .k = 18, .r = 4, .s = 5, .padding = {1, 2, 3, 0}},
     PadMode::reflect,
     false},
    {"winograd, mirrored",
     {.n = 2, .h = 13, .w = 18, .c = 32, .k = 48, .r = 3, .s = 3, .padding = Padding2d::all(1)},
     PadMode::reflect,
     true,
     3e-5},
    {"winograd, mirrored, as it lies",
     {.n = 3, .h = 9, .w = 30, .c = 64, .k = 160, .r = 3, .s = 3, .padding = Padding2d::all(1)},
     PadMode::reflect,
     false,
     3e-5},
    {"winograd, zeros",
     {.n = 2, .h = 12, .w = 17, .c = 32, .k = 32, .r = 3, .s = 3, .padding = {1, 1, 0, 2}},
     PadMode::zero,
     true,
     3e-5},
    {"winograd, 4x4, zeros",
     {.n = 1, .h = 19, .w = 14, .c = 32, .k = 48, .r = 4, .s = 4, .padding = Padding2d::all(2)},
     PadMode::zero,
     true,
     3e-5},
    {"winograd, strided, zeros",
     {.n = 2,
      .h = 41,
      .w = 36,
      .c = 64,
      .k = 80,
      .r = 3,
      .s = 3,
      .stride_h = 2,
      .stride_w = 2,
      .padding = Padding2d::all(1)},
     PadMode::zero,
     true,
     3e-5},
    {"winograd, more tiles than a part",
     {.n = 2, .h = 66, .w = 65, .c = 32, .k = 32, .r = 3, .s = 3},
     PadMode::zero,
     true,
     3e-5}};

const Epilogue kLeaky{Activation::leaky_relu, 0.2};

struct Result {
  std::vector<double> y, mean, variance;
};

class FusedRun {
 public:
  explicit FusedRun(const FusedCase& c)
      : c_(c),
        s_(c.shape),
        x_(test_values(s_.input_numel(), 1)),
        weight_(test_values(s_.weight_numel(), 2)),
        bias_(test_values(s_.k, 3)),
        scale_(test_values(s_.n * s_.c, 4)),
        shift_(test_values(s_.n * s_.c, 5)) {}

  Result fused(Backend& b) const {
    const DType t = DType::float32;
    const DeviceArray x(b, t, x_), weight(b, t, weight_), bias(b, t, bias_), scale(b, t, scale_),
        shift(b, t, shift_);
    const DeviceArray y(b, t, s_.output_numel()), mean(b, t, s_.n * s_.k), variance(b, t, s_.n * s_.k);
    ConvFusion fusion{.border = c_.border, .mean = mean.array(), .variance = variance.array()};
    if (c_.normalised) {
      fusion.scale = scale.array();
      fusion.shift = shift.array();
      fusion.activation = kLeaky;
    }
    b.conv2d_fused(x.array(), weight.array(), bias.array(), y.array(), s_, fusion);
    return {y.values(), mean.values(), variance.values()};
  }

  // In float64, one step after the other.
  Result composed() const {
    const auto b = reference_backend();
    const DType t = DType::float64;
    std::vector<double> seen = x_;
    for (std::size_t i = 0; i < seen.size() && c_.normalised; ++i) {
      const auto channels = static_cast<std::size_t>(s_.c);
      const std::size_t at = i / (seen.size() / static_cast<std::size_t>(s_.n)) * channels + i % channels;
      seen[i] = seen[i] * scale_[at] + shift_[at];
      if (seen[i] < 0.0) seen[i] *= kLeaky.slope;
    }
    const Pad2dShape pad{s_.n, s_.h, s_.w, s_.c, s_.padding, c_.border};
    Conv2dShape valid = s_;
    valid.h = pad.padded_h();
    valid.w = pad.padded_w();
    valid.padding = {};
    const DeviceArray x(*b, t, seen), weight(*b, t, weight_), bias(*b, t, bias_);
    const DeviceArray padded(*b, t, valid.input_numel()), y(*b, t, s_.output_numel()),
        unused(*b, t, s_.output_numel());
    const DeviceArray mean(*b, t, s_.n * s_.k), variance(*b, t, s_.n * s_.k);
    b->pad2d(x.array(), padded.array(), pad);
    b->conv2d(padded.array(), weight.array(), bias.array(), y.array(), valid, {});
    b->norm(y.array(), {}, {}, {}, unused.array(), mean.array(), variance.array(), 1e-5,
            {s_.n, s_.p() * s_.q(), s_.k}, {});
    return {y.values(), mean.values(), variance.values()};
  }

 private:
  FusedCase c_;
  Conv2dShape s_;
  std::vector<double> x_, weight_, bias_, scale_, shift_;
};

std::vector<std::unique_ptr<Backend>> cpu_backends() {
  std::vector<std::unique_ptr<Backend>> all;
  for (const CpuIsa isa : available_cpu_isas()) {
    all.push_back(make_cpu_backend(1, CpuKernels::fast, isa));
    all.push_back(make_cpu_backend(3, CpuKernels::fast, isa));
  }
  all.push_back(make_cpu_backend(2, CpuKernels::exact));
  return all;
}

}  // namespace

TEST_CASE("conv2d_fused: equals normalisation, border, convolution and moments one by one", "[threads]") {
  const auto backends = cpu_backends();
  for (const FusedCase& c : kCases) {
    const FusedRun run(c);
    const Result expected = run.composed();
    for (const auto& backend : backends) {
      INFO(c.what << ", " << backend->description());
      const Result got = run.fused(*backend);
      CHECK(relative_difference(got.y, expected.y) < c.limit);
      CHECK(relative_difference(got.mean, expected.mean) < c.limit);
      CHECK(relative_difference(got.variance, expected.variance) < c.limit);
    }
  }
}

TEST_CASE("conv2d_fused: moments keep their accuracy where the mean is large", "[threads]") {
  const std::int64_t channels = GENERATE(16, 32);  // direct, Winograd's
  const Conv2dShape s{.n = 1, .h = 40, .w = 40, .c = channels, .k = channels, .r = 3, .s = 3};
  const auto b = make_cpu_backend(2);
  const DeviceArray x(*b, DType::float32, test_values(s.input_numel(), 1));
  const DeviceArray weight(*b, DType::float32, test_values(s.weight_numel(), 2));
  const DeviceArray bias(*b, DType::float32, std::vector<double>(static_cast<std::size_t>(s.k), 3000.0));
  const DeviceArray y(*b, DType::float32, s.output_numel()), mean(*b, DType::float32, s.k);
  const DeviceArray variance(*b, DType::float32, s.k);
  std::vector<std::vector<double>> variances;
  for (const ConstArray& shift : {ConstArray{}, ConstArray(bias.array())}) {
    b->conv2d_fused(x.array(), weight.array(), shift, y.array(), s,
                    {.mean = mean.array(), .variance = variance.array()});
    variances.push_back(variance.values());
  }
  // Measured: 6e-6, where sums of squares would have lost every digit.
  CHECK(relative_difference(variances[1], variances[0]) < 1e-3);
}

TEST_CASE("scale_shift: with and without residual and activation, in place", "[threads]") {
  const NormShape s{2, 37, 21};
  const std::int64_t n = s.groups * s.pixels * s.channels;
  const auto x = test_values(n, 1);
  const auto residual = test_values(n, 2);
  const auto scale = test_values(s.groups * s.channels, 3);
  const auto shift = test_values(s.groups * s.channels, 4);
  for (const auto& b : cpu_backends()) {
    for (const bool with_residual : {false, true}) {
      const DeviceArray y(*b, DType::float32, x), add(*b, DType::float32, residual);
      const DeviceArray factor(*b, DType::float32, scale), summand(*b, DType::float32, shift);
      b->scale_shift(y.array(), factor.array(), summand.array(),
                     with_residual ? ConstArray(add.array()) : ConstArray{}, y.array(), s, kLeaky);
      std::vector<double> expected(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto channels = static_cast<std::size_t>(s.channels);
        const std::size_t at = i / (x.size() / 2) * channels + i % channels;
        const double v = x[i] * scale[at] + shift[at];
        expected[i] = (v < 0.0 ? kLeaky.slope * v : v) + (with_residual ? residual[i] : 0.0);
      }
      INFO(b->description() << ", residual " << with_residual);
      CHECK(relative_difference(y.values(), expected) < 1e-6);
    }
  }
}

TEST_CASE("conv2d_fused: bit-equal for any number of threads", "[threads]") {
  const FusedRun run({"parts", {.n = 2, .h = 66, .w = 65, .c = 32, .k = 48, .r = 3, .s = 3}});
  const Result expected = run.fused(*make_cpu_backend(1));
  for (const int threads : {2, 5, 40}) {
    const Result got = run.fused(*make_cpu_backend(threads));
    CHECK(got.y == expected.y);
    CHECK(got.mean == expected.mean);
    CHECK(got.variance == expected.variance);
  }
}

TEST_CASE("conv2d_fused: multiplies bfloat16 where the processor can") {
  const auto narrow = make_cpu_backend(2, CpuKernels::bf16);
  const FusedRun run(
      {"mirrored",
       {.n = 1, .h = 20, .w = 18, .c = 64, .k = 64, .r = 3, .s = 3, .padding = Padding2d::all(1)},
       PadMode::reflect});
  const double difference = relative_difference(run.fused(*narrow).y, run.composed().y);
  const bool multiplies = has_bf16_products(*narrow);
  CHECK(difference < (multiplies ? 0.15 : 3e-5));
  CHECK((difference > 1e-4) == multiplies);
}
