// The fast convolutions against the plain loops in float64, over ragged tiles, odd channel counts and borders.
#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

const std::vector<Conv2dShape>& shapes() {
  static const std::vector<Conv2dShape> all{
      {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, .r = 1, .s = 1},
      {.n = 2,
       .h = 7,
       .w = 9,
       .c = 5,
       .k = 19,
       .r = 3,
       .s = 4,
       .stride_h = 2,
       .stride_w = 3,
       .padding = {1, 2, 0, 3}},
      {.n = 1,
       .h = 8,
       .w = 8,
       .c = 3,
       .k = 16,
       .r = 4,
       .s = 4,
       .stride_h = 2,
       .stride_w = 2,
       .padding = Padding2d::all(2)},
      {.n = 1, .h = 5, .w = 29, .c = 40, .k = 70, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 2,
       .h = 9,
       .w = 8,
       .c = 4,
       .k = 3,
       .r = 2,
       .s = 2,
       .stride_h = 3,
       .stride_w = 3},  // gaps between windows
      {.n = 1, .h = 6, .w = 6, .c = 2, .k = 3, .r = 1, .s = 1, .stride_h = 2, .stride_w = 2},
      {.n = 1, .h = 14, .w = 13, .c = 3, .k = 64, .r = 7, .s = 7},
      {.n = 1, .h = 14, .w = 13, .c = 64, .k = 3, .r = 7, .s = 7},
      {.n = 3, .h = 4, .w = 4, .c = 33, .k = 1, .r = 4, .s = 4, .padding = Padding2d::all(2)},
      {.n = 1, .h = 2, .w = 40, .c = 17, .k = 32, .r = 1, .s = 3, .stride_w = 2, .padding = {0, 0, 0, 1}},
      // Few channels on one side and rows of pixels long enough for lanes along the window.
      {.n = 2, .h = 5, .w = 37, .c = 9, .k = 1, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 1, .h = 6, .w = 21, .c = 16, .k = 2, .r = 2, .s = 5, .stride_h = 2, .padding = {1, 0, 2, 3}},
      {.n = 1, .h = 9, .w = 17, .c = 20, .k = 3, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2},
      {.n = 2, .h = 3, .w = 18, .c = 130, .k = 4, .r = 1, .s = 1},
      {.n = 1, .h = 11, .w = 25, .c = 1, .k = 17, .r = 3, .s = 3, .stride_h = 2, .stride_w = 2},
      {.n = 2,
       .h = 10,
       .w = 38,
       .c = 2,
       .k = 16,
       .r = 4,
       .s = 4,
       .stride_h = 2,
       .stride_w = 2,
       .padding = Padding2d::all(2)},
      {.n = 1, .h = 7, .w = 12, .c = 4, .k = 48, .r = 3, .s = 3, .padding = Padding2d::all(1)},
  };
  return all;
}

std::string describe(const Conv2dShape& s) {
  return std::to_string(s.c) + "->" + std::to_string(s.k) + ", kernel " + std::to_string(s.r) + "x" +
         std::to_string(s.s) + ", image " + std::to_string(s.h) + "x" + std::to_string(s.w);
}

// A square kernel in steps of two.
Conv2dShape strided(std::int64_t kernel, Conv2dShape s) {
  s.r = s.s = kernel;
  s.stride_h = s.stride_w = 2;
  return s;
}

// Ragged tiles, half panels, uneven padding, more channels than a chunk, fewer tiles than threads; both strides.
const std::vector<Conv2dShape>& winograd_shapes() {
  static const std::vector<Conv2dShape> all{
      {.n = 3, .h = 9, .w = 13, .c = 32, .k = 48, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 1, .h = 13, .w = 30, .c = 48, .k = 32, .r = 3, .s = 3, .padding = {2, 0, 1, 2}},
      {.n = 2, .h = 18, .w = 18, .c = 64, .k = 160, .r = 3, .s = 3},
      {.n = 3, .h = 33, .w = 5, .c = 32, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 1, .h = 18, .w = 26, .c = 256, .k = 256, .r = 3, .s = 3},
      {.n = 1, .h = 17, .w = 14, .c = 32, .k = 80, .r = 4, .s = 4, .padding = Padding2d::all(2)},
      {.n = 2, .h = 11, .w = 16, .c = 48, .k = 32, .r = 4, .s = 4, .padding = {1, 2, 0, 1}},
      strided(3, {.n = 1, .h = 48, .w = 53, .c = 64, .k = 80, .padding = Padding2d::all(1)}),
      strided(3, {.n = 2, .h = 29, .w = 50, .c = 80, .k = 64, .padding = {0, 1, 1, 0}}),
      strided(3, {.n = 1, .h = 56, .w = 41, .c = 64, .k = 64, .padding = Padding2d::all(2)}),
      strided(4, {.n = 1, .h = 37, .w = 62, .c = 64, .k = 96, .padding = Padding2d::all(2)}),
      strided(4, {.n = 3, .h = 31, .w = 36, .c = 80, .k = 64, .padding = {1, 1, 2, 1}}),
      // Several parts of tiles, several groups of parts, and a last group that is not full.
      {.n = 2, .h = 58, .w = 61, .c = 32, .k = 80, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      strided(4, {.n = 1, .h = 140, .w = 150, .c = 32, .k = 32, .padding = Padding2d::all(2)}),
      // Results smaller than a tile, of one row, and of an image deep inside its border.
      {.n = 32, .h = 3, .w = 3, .c = 32, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 4, .h = 1, .w = 64, .c = 32, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      {.n = 2, .h = 12, .w = 11, .c = 32, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(5)}};
  return all;
}

// Calls check(shape, dtype) for every shape in every element type; a failure names both.
template <typename Check>
void for_each_case(Check check) {
  for (const Conv2dShape& s : shapes()) {
    for (const DType dtype : {DType::float32, DType::bfloat16, DType::float64}) {
      INFO(describe(s) << ", " << name_of(dtype));
      check(s, dtype);
    }
  }
}

}  // namespace

TEST_CASE("conv2d kernels: forward equals the reference", "[threads]") {
  for_each_case([](const Conv2dShape& s, DType dtype) {
    const auto x = test_values(s.input_numel(), 1, dtype);
    const auto w = test_values(s.weight_numel(), 2, dtype);
    const auto bias = test_values(s.k, 3, dtype);
    CHECK(worst_difference(dtype, s.output_numel(), [&](Backend& b, DType t, Array y) {
            const DeviceArray dx(b, t, x), dw(b, t, w), db(b, t, bias);
            b.conv2d(dx.array(), dw.array(), db.array(), y, s, {});
          }) < tolerance(dtype));
  });
}

TEST_CASE("conv2d kernels: grad_input equals the reference, with and without bias", "[threads]") {
  for_each_case([](const Conv2dShape& s, DType dtype) {
    const auto dy = test_values(s.output_numel(), 1, dtype);
    const auto w = test_values(s.weight_numel(), 2, dtype);
    const auto bias = test_values(s.c, 3, dtype);
    for (const bool with_bias : {false, true}) {
      INFO("bias " << with_bias);
      CHECK(worst_difference(dtype, s.input_numel(), [&](Backend& b, DType t, Array dx) {
              const DeviceArray grad(b, t, dy), weight(b, t, w), shift(b, t, bias);
              b.conv2d_grad_input(grad.array(), weight.array(),
                                  with_bias ? ConstArray(shift.array()) : ConstArray{}, dx, s);
            }) < tolerance(dtype));
    }
  });
}

TEST_CASE("conv2d kernels: grad_weight equals the reference", "[threads]") {
  for_each_case([](const Conv2dShape& s, DType dtype) {
    const auto x = test_values(s.input_numel(), 1, dtype);
    const auto dy = test_values(s.output_numel(), 2, dtype);
    CHECK(worst_difference(dtype, s.weight_numel(), [&](Backend& b, DType t, Array dw) {
            const DeviceArray in(b, t, x), grad(b, t, dy);
            b.conv2d_grad_weight(in.array(), grad.array(), dw, s);
          }) < tolerance(dtype));
  });
}

TEST_CASE("conv2d kernels: grad_weight over many pixels keeps its accuracy", "[threads]") {
  // Several passes of kPixelsPerPass pixels each are added up.
  const Conv2dShape s{.n = 2, .h = 70, .w = 66, .c = 3, .k = 5, .r = 3, .s = 3, .padding = Padding2d::all(1)};
  const auto x = test_values(s.input_numel(), 1);
  const auto dy = test_values(s.output_numel(), 2);
  CHECK(worst_difference(DType::float32, s.weight_numel(), [&](Backend& b, DType t, Array dw) {
          const DeviceArray in(b, t, x), grad(b, t, dy);
          b.conv2d_grad_weight(in.array(), grad.array(), dw, s);
        }) < 1e-5);
}

TEST_CASE("conv2d kernels: bit-equal for any number of threads", "[threads]") {
  // Direct, and Winograd's.
  const Conv2dShape s = GENERATE(
      Conv2dShape{.n = 2, .h = 33, .w = 31, .c = 20, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      Conv2dShape{.n = 2, .h = 63, .w = 31, .c = 32, .k = 32, .r = 3, .s = 3, .padding = Padding2d::all(1)},
      Conv2dShape{.n = 2, .h = 33, .w = 31, .c = 32, .k = 48, .r = 4, .s = 4, .padding = Padding2d::all(2)},
      strided(3, {.n = 1, .h = 66, .w = 61, .c = 64, .k = 64, .padding = Padding2d::all(1)}));
  const auto x = test_values(s.input_numel(), 1);
  const auto dy = test_values(s.output_numel(), 2);
  const auto w = test_values(s.weight_numel(), 3);
  std::vector<std::vector<double>> results;
  for (const int threads : {1, 2, 5, 40}) {
    auto b = make_cpu_backend(threads);
    const DeviceArray in(*b, DType::float32, x), grad(*b, DType::float32, dy), weight(*b, DType::float32, w);
    const DeviceArray y(*b, DType::float32, s.output_numel()), dx(*b, DType::float32, s.input_numel());
    const DeviceArray dw(*b, DType::float32, s.weight_numel());
    b->conv2d(in.array(), weight.array(), {}, y.array(), s, {});
    b->conv2d_grad_input(grad.array(), weight.array(), {}, dx.array(), s);
    b->conv2d_grad_weight(in.array(), grad.array(), dw.array(), s);
    auto all = y.values();
    for (const auto& part : {dx.values(), dw.values()}) all.insert(all.end(), part.begin(), part.end());
    results.push_back(std::move(all));
  }
  for (const auto& result : results) CHECK(result == results[0]);
}

TEST_CASE("conv2d kernels: Winograd's equal the reference to their own tolerance", "[threads]") {
  std::vector<std::unique_ptr<Backend>> fast;
  fast.push_back(make_cpu_backend(1));
  for (const CpuIsa isa : available_cpu_isas()) fast.push_back(make_cpu_backend(3, CpuKernels::fast, isa));
  const auto exact = make_cpu_backend(1, CpuKernels::exact);
  for (const Conv2dShape& s : winograd_shapes()) {
    for (const auto& [dtype, limit] : {std::pair{DType::float32, 3e-5}, std::pair{DType::bfloat16, 8e-3}}) {
      INFO(describe(s) << ", " << name_of(dtype));
      for (const ConvPass pass : {ConvPass::forward, ConvPass::grad_input, ConvPass::grad_weight}) {
        CHECK(fast[0]->conv2d_algorithm(pass, dtype, s) == "winograd");
        CHECK(exact->conv2d_algorithm(pass, dtype, s) == "direct");
      }
      const auto x = test_values(s.input_numel(), 1, dtype);
      const auto w = test_values(s.weight_numel(), 2, dtype);
      const auto dy = test_values(s.output_numel(), 3, dtype);
      const auto bias = test_values(std::max(s.k, s.c), 4, dtype);
      CHECK(worst_difference(
                dtype, s.output_numel(),
                [&](Backend& b, DType t, Array y) {
                  const DeviceArray in(b, t, x), weight(b, t, w), shift(b, t, bias);
                  b.conv2d(in.array(), weight.array(), shift.array(), y, s, {});
                },
                fast) < limit);
      CHECK(worst_difference(
                dtype, s.input_numel(),
                [&](Backend& b, DType t, Array dx) {
                  const DeviceArray grad(b, t, dy), weight(b, t, w), shift(b, t, bias);
                  b.conv2d_grad_input(grad.array(), weight.array(), shift.array(), dx, s);
                },
                fast) < limit);
      CHECK(worst_difference(
                dtype, s.weight_numel(),
                [&](Backend& b, DType t, Array dw) {
                  const DeviceArray in(b, t, x), grad(b, t, dy);
                  b.conv2d_grad_weight(in.array(), grad.array(), dw, s);
                },
                fast) < limit);
    }
  }
}

TEST_CASE("conv2d kernels: bf16 products stay within their tolerance", "[threads]") {
  std::vector<std::unique_ptr<Backend>> narrow;
  narrow.push_back(make_cpu_backend(2, CpuKernels::bf16));
  if (!has_bf16_products(*narrow[0])) {
    WARN(kNoBf16Products);
    return;
  }
  for (const Conv2dShape& s : winograd_shapes()) {
    INFO(describe(s));
    CHECK(narrow[0]->conv2d_algorithm(ConvPass::forward, DType::float32, s) == "winograd_bf16");
    CHECK(narrow[0]->conv2d_algorithm(ConvPass::forward, DType::bfloat16, s) == "winograd");
    CHECK(narrow[0]->conv2d_algorithm(ConvPass::grad_weight, DType::float32, s) == "winograd");
    const auto x = test_values(s.input_numel(), 1);
    const auto w = test_values(s.weight_numel(), 2);
    const auto dy = test_values(s.output_numel(), 3);
    const auto bias = test_values(std::max(s.k, s.c), 4);
    // Of the largest value; measured: up to 0.11, 0.025 in the root mean square. Winograd's transforms enlarge what
    // the operands lose by rounding, 1/512 at most.
    constexpr double kLimit = 0.15;
    const auto in_bounds = [&](double difference) {
      CHECK(difference < kLimit);
      CHECK(difference > 1e-4);  // or they were float32's
    };
    in_bounds(worst_difference(
        DType::float32, s.output_numel(),
        [&](Backend& b, DType t, Array y) {
          const DeviceArray in(b, t, x), weight(b, t, w), shift(b, t, bias);
          b.conv2d(in.array(), weight.array(), shift.array(), y, s, {});
        },
        narrow));
    in_bounds(worst_difference(
        DType::float32, s.input_numel(),
        [&](Backend& b, DType t, Array dx) {
          const DeviceArray grad(b, t, dy), weight(b, t, w), shift(b, t, bias);
          b.conv2d_grad_input(grad.array(), weight.array(), shift.array(), dx, s);
        },
        narrow));
  }
}

TEST_CASE("conv2d kernels: bf16 products lose a fortieth in the root mean square") {
  const auto narrow = make_cpu_backend(2, CpuKernels::bf16);
  const auto exact = make_cpu_backend(2, CpuKernels::exact);
  if (!has_bf16_products(*narrow)) {
    WARN(kNoBf16Products);
    return;
  }
  const Conv2dShape s{.n = 1, .h = 34, .w = 34, .c = 128, .k = 128, .r = 3, .s = 3};
  const auto x = test_values(s.input_numel(), 1);
  const auto w = test_values(s.weight_numel(), 2);
  const auto run = [&](Backend& b) {
    const DeviceArray in(b, DType::float32, x), weight(b, DType::float32, w);
    const DeviceArray y(b, DType::float32, s.output_numel());
    b.conv2d(in.array(), weight.array(), {}, y.array(), s, {});
    return y.values();
  };
  const auto got = run(*narrow);
  const auto want = run(*exact);
  double error = 0.0;
  double power = 0.0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    power += want[i] * want[i];
  }
  CHECK(std::sqrt(error / power) < 0.04);  // measured: 0.025
}
