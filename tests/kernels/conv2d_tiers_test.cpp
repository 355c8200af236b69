// The tiers of the CUDA convolution, each forced in turn, on the emulated GPU and on a GPU where there is one.
#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

std::vector<std::unique_ptr<Backend>> devices(CudaOptions options) {
  std::vector<std::unique_ptr<Backend>> out;
  for (std::uint64_t seed = 1; has_cuda_emulator() && seed <= kEmulatorSeeds; ++seed) {
    options.emulator_seed = seed;
    out.push_back(make_cuda_emulated_backend(options));
  }
  if (has_gpu()) out.push_back(make_cuda_backend(options));
  if (out.empty()) WARN("not compared: this build has no emulator, this machine no GPU");
  return out;
}

Conv2dShape square(std::int64_t size, std::int64_t c, std::int64_t k, std::int64_t kernel,
                   std::int64_t stride, std::int64_t padding) {
  return {.n = 1,
          .h = size,
          .w = size + 3,
          .c = c,
          .k = k,
          .r = kernel,
          .s = kernel,
          .stride_h = stride,
          .stride_w = stride,
          .padding = Padding2d::all(padding)};
}

// Inputs that bfloat16 holds exactly, and tf32 too: what differs is the order of the float32 sum, and one rounding of the
// result in bfloat16. Measured: 1.3e-7 of the sum of magnitudes for tf32.
double tier_tolerance(DType dtype) { return dtype == DType::bfloat16 ? 8e-3 : 1e-5; }

struct Pass {
  ConvPass pass;
  std::int64_t (Conv2dShape::*outputs)() const;
};
constexpr Pass kPasses[] = {{ConvPass::forward, &Conv2dShape::output_numel},
                            {ConvPass::grad_input, &Conv2dShape::input_numel},
                            {ConvPass::grad_weight, &Conv2dShape::weight_numel}};

double worst_of(const Pass& pass, const Conv2dShape& s, DType dtype,
                const std::vector<std::unique_ptr<Backend>>& on) {
  const auto x = test_values(s.input_numel(), 1, DType::bfloat16);
  const auto w = test_values(s.weight_numel(), 2, DType::bfloat16);
  const auto dy = test_values(s.output_numel(), 3, DType::bfloat16);
  const auto bias = test_values(std::max(s.c, s.k), 4, DType::bfloat16);
  return worst_difference(
      dtype, (s.*pass.outputs)(),
      [&](Backend& b, DType t, Array out) {
        const DeviceArray in(b, t, x), weight(b, t, w), grad(b, t, dy), shift(b, t, bias);
        switch (pass.pass) {
          case ConvPass::forward:
            return b.conv2d(in.array(), weight.array(), shift.array(), out, s, {Activation::leaky_relu, 0.2});
          case ConvPass::grad_input:
            return b.conv2d_grad_input(grad.array(), weight.array(), shift.array(), out, s);
          case ConvPass::grad_weight: return b.conv2d_grad_weight(in.array(), grad.array(), out, s);
        }
      },
      on);
}

}  // namespace

TEST_CASE("conv2d on tensor cores: all passes equal the reference, strides, tails and splits included",
          "[threads]") {
  const Conv2dShape shapes[] = {square(9, 64, 64, 3, 1, 1), square(6, 16, 24, 3, 1, 0),
                                square(9, 32, 64, 3, 2, 1), square(8, 64, 128, 4, 2, 1),
                                square(5, 8, 40, 4, 1, 2),  square(3, 256, 72, 3, 1, 1),
                                square(13, 8, 8, 1, 1, 0),  square(7, 16, 16, 2, 3, 0)};
  const auto bf16 = devices({.conv_tier = CudaConvTier::tensor_core});
  const auto tf32 = devices({.tf32 = true, .conv_tier = CudaConvTier::tensor_core});
  for (const Conv2dShape& s : shapes) {
    for (const Pass& pass : kPasses) {
      INFO(s.c << "->" << s.k << " " << s.r << "x" << s.s << " stride " << s.stride_h << ", pass "
               << static_cast<int>(pass.pass));
      CHECK(worst_of(pass, s, DType::bfloat16, bf16) < tier_tolerance(DType::bfloat16));
      CHECK(worst_of(pass, s, DType::float32, tf32) < tier_tolerance(DType::float32));
    }
  }
}

TEST_CASE("conv2d by the tiled kernels: all passes equal the reference where another tier would be picked",
          "[threads]") {
  const Conv2dShape shapes[] = {square(9, 64, 64, 3, 1, 1), square(9, 3, 64, 7, 1, 0),
                                square(9, 64, 3, 7, 1, 0), square(9, 16, 24, 3, 2, 1)};
  const auto tiled = devices({.tf32 = true, .conv_tier = CudaConvTier::tiled});
  for (const Conv2dShape& s : shapes) {
    for (const Pass& pass : kPasses) {
      INFO(s.c << "->" << s.k << " " << s.r << "x" << s.s << ", pass " << static_cast<int>(pass.pass));
      CHECK(worst_of(pass, s, DType::bfloat16, tiled) < tier_tolerance(DType::bfloat16));
      CHECK(worst_of(pass, s, DType::float32, tiled) < tier_tolerance(DType::float32));
    }
  }
}

TEST_CASE("conv2d tiers: the pick is named, and a forced tier refuses what it cannot take", "[threads]") {
  const Conv2dShape wide = square(16, 64, 64, 3, 1, 1);
  const Conv2dShape first = square(16, 3, 64, 7, 1, 3);
  for (const auto& b : devices({})) {
    CHECK(b->conv2d_algorithm(ConvPass::forward, DType::bfloat16, wide) == "implicit_gemm_bf16");
    CHECK(b->conv2d_algorithm(ConvPass::forward, DType::float32, wide) == "tiled");
    CHECK(b->conv2d_algorithm(ConvPass::forward, DType::float32, first) == "small_channels");
    CHECK(b->conv2d_algorithm(ConvPass::forward, DType::float64, first) == "tiled");
  }
  for (const auto& b : devices({.tf32 = true})) {
    CHECK(b->conv2d_algorithm(ConvPass::grad_weight, DType::float32, wide) == "implicit_gemm_tf32");
  }
  for (const auto& b : devices({.conv_tier = CudaConvTier::tensor_core})) {
    const DeviceArray x(*b, DType::float32, first.input_numel()), w(*b, DType::float32, first.weight_numel()),
        y(*b, DType::float32, first.output_numel());
    CHECK_THROWS_WITH(b->conv2d(x.array(), w.array(), {}, y.array(), first, {}),
                      Catch::Contains("tensor_core") && Catch::Contains("(64,7,7,3)"));
  }
}
