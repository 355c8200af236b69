// The addresses of the CUDA kernels in an image of 7680x4320, whose widest maps have 2.1e9 elements: the emulated device
// runs the last block of each kernel, and the last pixels must be right. The paper generator's layers at its full
// resolution, where the maps are largest.
#include <cstring>

#include "tests/kernels/backend_checks.h"

using namespace dg;
using namespace dg::test;

// A sanitizer's own memory for maps of 8.5 GB would be touched.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

constexpr std::int64_t kHeight = 4320, kWidth = 7680;

// Untouched memory of the device but for its last elements.
class LargeArray {
 public:
  LargeArray(Backend& backend, DType dtype, std::int64_t numel)
      : backend_(backend), dtype_(dtype), numel_(numel) {
    memory_ = static_cast<std::byte*>(backend.allocate(numel * size_of(dtype)));
  }
  LargeArray(const LargeArray&) = delete;
  LargeArray& operator=(const LargeArray&) = delete;
  ~LargeArray() { backend_.deallocate(memory_, numel_ * size_of(dtype_)); }

  Array array() const { return {memory_, dtype_}; }
  void set_last(const DeviceArray& values, std::int64_t n) {
    backend_.copy(last(n), values.array().data, n * size_of(dtype_), CopyDirection::device_to_device);
  }
  void get_last(const DeviceArray& values, std::int64_t n) const {
    backend_.copy(values.array().data, last(n), n * size_of(dtype_), CopyDirection::device_to_device);
  }

 private:
  std::byte* last(std::int64_t n) const { return memory_ + (numel_ - n) * size_of(dtype_); }

  Backend& backend_;
  DType dtype_;
  std::int64_t numel_;
  std::byte* memory_;
};

struct Layer {
  const char* what;
  Conv2dShape shape;
  ConvPass pass = ConvPass::forward;  // grad_input: of a transposed convolution
  std::int64_t input_rows = 0;        // at the bottom, under the last output pixels
};

// Halves the resolution, or doubles it where it is transposed.
const Conv2dShape kHalving{.n = 1,
                           .h = kHeight,
                           .w = kWidth,
                           .c = 64,
                           .k = 128,
                           .r = 3,
                           .s = 3,
                           .stride_h = 2,
                           .stride_w = 2,
                           .padding = Padding2d::all(1)};

// 7x7 over an image with its mirrored border.
Conv2dShape wide(std::int64_t c, std::int64_t k) {
  return {.n = 1, .h = kHeight + 6, .w = kWidth + 6, .c = c, .k = k, .r = 7, .s = 7};
}

const Layer kLayers[] = {{"head, 7x7 3->64", wide(3, 64), ConvPass::forward, 7},
                         {"down1, 3x3 64->128", kHalving, ConvPass::forward, 3},
                         {"up2, transposed 3x3 128->64", kHalving, ConvPass::grad_input, 2},
                         {"tail, 7x7 64->3", wide(64, 3), ConvPass::forward, 7}};

// The same layer on the last rows of its input alone: only the last output pixels are those of the whole.
Conv2dShape bottom_of(const Layer& layer) {
  Conv2dShape s = layer.shape;
  if (layer.pass == ConvPass::grad_input) {
    s.h = 2 * layer.input_rows;
  } else {
    s.h = layer.input_rows;
    s.padding.top = 0;
  }
  return s;
}

void run(Backend& b, const Layer& layer, const Conv2dShape& s, ConstArray x, ConstArray weight,
         ConstArray bias, Array y) {
  if (layer.pass == ConvPass::grad_input) {
    b.conv2d_grad_input(x, weight, bias, y, s);
  } else {
    b.conv2d(x, weight, bias, y, s, {});
  }
}

}  // namespace

TEST_CASE("cuda kernels: the last pixels of a convolved image of 7680x4320 are right") {
  if (!has_cuda_emulator()) {
    WARN("not run: this build has no emulator");
    return;
  }
  const auto device = make_cuda_emulated_backend({.emulator_corners = true});
  const auto cpu =
      make_cpu_backend(2, CpuKernels::exact);  // whose memory the emulated device reads as its own
  for (const Layer& layer : kLayers) {
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      const Conv2dShape& s = layer.shape;
      const Conv2dShape bottom = bottom_of(layer);
      const bool transposed = layer.pass == ConvPass::grad_input;
      const std::int64_t in_channels = transposed ? s.k : s.c;
      const std::int64_t out_channels = transposed ? s.c : s.k;
      const std::int64_t in_width = transposed ? s.q() : s.w;
      const std::int64_t given = layer.input_rows * in_width * in_channels;
      // Of the last pixel: other channels, and the other phases of a transposed convolution, are the work of other blocks.
      const std::int64_t compared = std::min<std::int64_t>(out_channels, 32);
      const auto x = test_values(given, 1, dtype);
      const auto weight = test_values(s.weight_numel(), 2, dtype);
      const auto bias = test_values(out_channels, 3, dtype);

      const DeviceArray small_x(*cpu, DType::float32, x), cpu_weight(*cpu, DType::float32, weight);
      const DeviceArray cpu_bias(*cpu, DType::float32, bias);
      const std::int64_t small_numel = transposed ? bottom.input_numel() : bottom.output_numel();
      const DeviceArray expected(*cpu, DType::float32, small_numel);
      run(*cpu, layer, bottom, small_x.array(), cpu_weight.array(), cpu_bias.array(), expected.array());
      const std::vector<double> all = expected.values();

      const DeviceArray last_x(*cpu, dtype, x), device_weight(*cpu, dtype, weight);
      const DeviceArray device_bias(*cpu, dtype, bias), last_y(*cpu, dtype, compared);
      LargeArray large_x(*device, dtype, transposed ? s.output_numel() : s.input_numel());
      const LargeArray large_y(*device, dtype, transposed ? s.input_numel() : s.output_numel());
      large_x.set_last(last_x, given);
      run(*device, layer, s, large_x.array(), device_weight.array(), device_bias.array(), large_y.array());
      large_y.get_last(last_y, compared);
      INFO(layer.what << ", " << name_of(dtype) << ", " << device->conv2d_algorithm(layer.pass, dtype, s));
      CHECK(relative_difference(last_y.values(), {all.end() - compared, all.end()}) < tolerance(dtype));
    }
  }
}

TEST_CASE("cuda kernels: the last pixels of a mirrored border and of an affine map at 7680x4320 are right") {
  if (!has_cuda_emulator()) {
    WARN("not run: this build has no emulator");
    return;
  }
  const auto device = make_cuda_emulated_backend({.emulator_corners = true});
  const auto cpu = make_cpu_backend(1);  // whose memory the emulated device reads as its own
  constexpr std::int64_t kChannels = 64;
  const std::int64_t row = kWidth * kChannels;
  const auto x = test_values(4 * row, 1);
  const DeviceArray last_x(*cpu, DType::float32, x);

  // The last pixel of a mirrored border of three shows the fourth pixel from the corner in both directions.
  LargeArray large_x(*device, DType::float32, kHeight * row);
  large_x.set_last(last_x, 4 * row);
  const Pad2dShape pad{1, kHeight, kWidth, kChannels, Padding2d::all(3), PadMode::reflect};
  const LargeArray padded(*device, DType::float32, pad.padded_h() * pad.padded_w() * kChannels);
  device->pad2d(large_x.array(), padded.array(), pad);
  const DeviceArray corner(*cpu, DType::float32, kChannels);
  padded.get_last(corner, kChannels);
  const auto mirrored = x.begin() + (kWidth - 4) * kChannels;
  CHECK(corner.values() == std::vector<double>(mirrored, mirrored + kChannels));

  const LargeArray doubled(*device, DType::float32, kHeight * row);
  device->unary(UnaryOp::affine, large_x.array(), doubled.array(), kHeight * row, 2.0, 1.0);
  doubled.get_last(corner, kChannels);
  std::vector<double> expected(x.end() - kChannels, x.end());
  for (double& v : expected) v = 2.0 * v + 1.0;
  CHECK(relative_difference(corner.values(), expected) < 1e-6);
}

#endif
