// The convolutions of the networks, one by one: forward, gradient of the input, gradient of the weight; GFLOP/s counts
// two operations per multiply-add. Each is checked first, on a crop of the same convolution, against the plain loops.
#include "bench/bench_support.h"
#include "bench/conv_shapes.h"

namespace dg::bench {
namespace {

enum class Direction : std::uint8_t { forward, grad_input, grad_weight };

const char* name_of(Direction direction) {
  switch (direction) {
    case Direction::forward: return "forward";
    case Direction::grad_input: return "grad_input";
    case Direction::grad_weight: return "grad_weight";
  }
  return "unknown";
}

std::int64_t output_numel(Direction direction, const Conv2dShape& s) {
  switch (direction) {
    case Direction::forward: return s.output_numel();
    case Direction::grad_input: return s.input_numel();
    case Direction::grad_weight: return s.weight_numel();
  }
  return 0;
}

// The operands of one convolution in one direction on one backend.
class Run {
 public:
  Run(Backend& backend, Direction direction, const Conv2dShape& shape)
      : backend_(backend),
        direction_(direction),
        shape_(shape),
        left_(backend, direction == Direction::grad_input ? shape.output_numel() : shape.input_numel(), 1),
        right_(backend, direction == Direction::grad_weight ? shape.output_numel() : shape.weight_numel(), 2),
        bias_(backend, std::max(shape.c, shape.k), 3),
        out_(backend, output_numel(direction, shape), 4) {}

  void operator()() {
    switch (direction_) {
      case Direction::forward:
        backend_.conv2d(left_.array(), right_.array(), bias_.array(), out_.array(), shape_);
        break;
      case Direction::grad_input:
        backend_.conv2d_grad_input(left_.array(), right_.array(), bias_.array(), out_.array(), shape_);
        break;
      case Direction::grad_weight:
        backend_.conv2d_grad_weight(left_.array(), right_.array(), out_.array(), shape_);
        break;
    }
    backend_.synchronize();
  }
  std::vector<float> result() const { return out_.values(); }

 private:
  Backend& backend_;
  Direction direction_;
  Conv2dShape shape_;
  DeviceFloats left_, right_, bias_, out_;
};

// Measured: at most 2e-6 for the networks' reductions of up to 8,192 products.
constexpr double kTolerance = 1e-5;

void verify(const std::string& name, Direction direction, Conv2dShape crop) {
  crop.n = 1;
  crop.h = std::min<std::int64_t>(crop.h, 13);
  crop.w = std::min<std::int64_t>(crop.w, 26);
  const auto fast = make_cpu_backend();
  const auto plain = make_cpu_backend(1, CpuKernels::reference);
  Run actual(*fast, direction, crop);
  Run expected(*plain, direction, crop);
  actual();
  expected();
  require_correct(name, relative_difference(actual.result(), expected.result()), kTolerance);
}

void add(const std::string& network, const std::vector<NamedConv>& convs) {
  for (const NamedConv& conv : convs) {
    for (const Direction direction : {Direction::forward, Direction::grad_input, Direction::grad_weight}) {
      // As the layer sees it.
      const Direction kernel = !conv.transposed                     ? direction
                               : direction == Direction::forward    ? Direction::grad_input
                               : direction == Direction::grad_input ? Direction::forward
                                                                    : direction;
      const std::string name = network + "/" + conv.name + "/" + name_of(direction);
      auto* b = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        verify(name, kernel, conv.shape);
        const auto backend = make_cpu_backend();
        Run run(*backend, kernel, conv.shape);
        run();
        for (auto _ : state) run();
        state.SetLabel(backend->description());
        state.counters["GFLOP/s"] = per_second(2e-9 * static_cast<double>(conv.shape.multiply_adds()));
      });
      report_median(b, 5)->MinTime(0.05);
    }
  }
}

const int kRegistered = [] {
  add("deblurgan_1x256x256", resnet_generator_convs(1, 256, 64));
  add("keras_1x256x256", keras_generator_convs(1, 256));
  add("small_4x128x128", resnet_generator_convs(4, 128, 16));
  add("patch_gan_4x128x128", patch_discriminator_convs(4, 128, 64));
  add("small_patch_gan_4x128x128", patch_discriminator_convs(4, 128, 16));
  return 0;
}();

}  // namespace
}  // namespace dg::bench
