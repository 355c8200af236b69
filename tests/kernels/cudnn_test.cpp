// cuDNN as a convolution tier: what it says where it cannot be had, how uneven paddings become even ones, and, on a GPU
// that has the library, its results against the reference.
#include "kernels/cuda/cudnn.h"

#include <cstdlib>
#include <optional>

#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

namespace {

// Sets DEBLURGAN_CUDNN while it lives.
class NamedLibrary {
 public:
  explicit NamedLibrary(const char* path) {
    if (const char* before = std::getenv(kName)) before_ = before;
    setenv(kName, path, 1);
  }
  NamedLibrary(const NamedLibrary&) = delete;
  NamedLibrary& operator=(const NamedLibrary&) = delete;
  ~NamedLibrary() { before_ ? setenv(kName, before_->c_str(), 1) : unsetenv(kName); }

 private:
  static constexpr const char* kName = "DEBLURGAN_CUDNN";
  std::optional<std::string> before_;
};

// A GPU whose convolutions are cuDNN's; none where the machine lacks either.
std::vector<std::unique_ptr<Backend>> cudnn_devices(bool tf32) {
  std::vector<std::unique_ptr<Backend>> out;
  if (!has_gpu()) {
    WARN("not compared: no GPU");
    return out;
  }
  try {
    out.push_back(make_cuda_backend({.tf32 = tf32, .conv_tier = CudaConvTier::cudnn}));
  } catch (const Error& error) {
    WARN("not compared: " << error.what());
  }
  return out;
}

const Conv2dShape kShapes[] = {
    {.n = 2, .h = 9, .w = 12, .c = 64, .k = 64, .r = 3, .s = 3, .padding = Padding2d::all(1)},
    {.n = 1,
     .h = 9,
     .w = 12,
     .c = 8,
     .k = 16,
     .r = 3,
     .s = 3,
     .stride_h = 2,
     .stride_w = 2,
     .padding = {0, 1, 0, 1}},
    {.n = 1, .h = 8, .w = 7, .c = 16, .k = 8, .r = 4, .s = 4, .padding = {1, 2, 2, 1}},
    {.n = 1, .h = 11, .w = 10, .c = 3, .k = 64, .r = 7, .s = 7}};

}  // namespace

TEST_CASE("cuDNN: a library that is not there is named, with what was tried and how to get it") {
  CHECK_THROWS_WITH(cuda::Cudnn("/no/such/libcudnn.so", nullptr),
                    Catch::Contains("tried /no/such/libcudnn.so") && Catch::Contains("install cuDNN"));
  const NamedLibrary named("/not/here/libcudnn.so.9");
  CHECK_THROWS_WITH(cuda::Cudnn("", nullptr), Catch::Contains("DEBLURGAN_CUDNN") &&
                                                  Catch::Contains("/not/here/libcudnn.so.9") &&
                                                  Catch::Contains("install cuDNN"));
}

TEST_CASE("cuDNN: another library in its place is refused by the function that it lacks") {
  CHECK_THROWS_WITH(cuda::Cudnn("libc.so.6", nullptr), Catch::Contains("cudnnGetVersion"));
}

TEST_CASE("cuDNN: an uneven padding becomes a larger input with the same output") {
  const Conv2dShape uneven{.n = 1,
                           .h = 8,
                           .w = 10,
                           .c = 4,
                           .k = 4,
                           .r = 3,
                           .s = 3,
                           .stride_h = 2,
                           .stride_w = 2,
                           .padding = {.top = 0, .bottom = 1, .left = 3, .right = 1}};
  const Conv2dShape even = cuda::Cudnn::symmetric(uneven);
  CHECK(even.padding == Padding2d{.top = 0, .bottom = 0, .left = 1, .right = 1});
  CHECK(even.h == 9);
  CHECK(even.w == 12);
  CHECK(even.p() == uneven.p());
  CHECK(even.q() == uneven.q());
  CHECK(even.multiply_adds() == uneven.multiply_adds());
}

TEST_CASE("cuDNN: the emulated device refuses it") {
  if (!has_cuda_emulator()) {
    WARN("not run: this build has no emulator");
    return;
  }
  CHECK_THROWS_WITH(make_cuda_emulated_backend({.conv_tier = CudaConvTier::cudnn}),
                    Catch::Contains("cuDNN needs a GPU") && Catch::Contains("cuda-emulated"));
}

TEST_CASE("conv2d by cuDNN: all passes equal the reference, uneven paddings, bias and activation included") {
  // bfloat16 is rounded twice more than in our kernels, after the product and after the bias.
  const auto tolerance = [](DType dtype) { return dtype == DType::bfloat16 ? 2.4e-2 : 1e-5; };
  const auto devices = cudnn_devices(false);
  for (const Conv2dShape& s : kShapes) {
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      INFO(s.c << "->" << s.k << " " << s.r << "x" << s.s << " stride " << s.stride_h << ", "
               << name_of(dtype));
      const auto x = test_values(s.input_numel(), 1, DType::bfloat16);
      const auto w = test_values(s.weight_numel(), 2, DType::bfloat16);
      const auto dy = test_values(s.output_numel(), 3, DType::bfloat16);
      const auto bias = test_values(std::max(s.c, s.k), 4, DType::bfloat16);
      const auto forward = [&](Backend& b, DType t, Array out) {
        const DeviceArray in(b, t, x), weight(b, t, w), shift(b, t, bias);
        b.conv2d(in.array(), weight.array(), shift.array(), out, s, {Activation::leaky_relu, 0.2});
      };
      const auto grad_input = [&](Backend& b, DType t, Array out) {
        const DeviceArray grad(b, t, dy), weight(b, t, w), shift(b, t, bias);
        b.conv2d_grad_input(grad.array(), weight.array(), shift.array(), out, s);
      };
      const auto grad_weight = [&](Backend& b, DType t, Array out) {
        const DeviceArray in(b, t, x), grad(b, t, dy);
        b.conv2d_grad_weight(in.array(), grad.array(), out, s);
      };
      CHECK(worst_difference(dtype, s.output_numel(), forward, devices) < tolerance(dtype));
      CHECK(worst_difference(dtype, s.input_numel(), grad_input, devices) < tolerance(dtype));
      CHECK(worst_difference(dtype, s.weight_numel(), grad_weight, devices) < tolerance(dtype));
    }
  }
}

TEST_CASE("conv2d by cuDNN: its name is told, and float64 is refused") {
  for (const auto& b : cudnn_devices(true)) {
    CHECK(b->conv2d_algorithm(ConvPass::forward, DType::float32, kShapes[0]) == "cudnn");
    CHECK_THROWS_WITH(b->conv2d_algorithm(ConvPass::forward, DType::float64, kShapes[0]),
                      Catch::Contains("conv_tier cudnn") && Catch::Contains("float64"));
  }
}
