// The GPU as a Backend: every call becomes launches on one stream. Compiled for the device and for the emulator.
#include "kernels/cuda/cuda_kernels.h"

namespace dg::DG_TARGET {
namespace {

#if defined(DG_EMULATED)
constexpr const char* kName = "cuda-emulated";
#else
constexpr const char* kName = "cuda";
#endif

class CapturedGraph final : public Backend::Graph {
 public:
  CapturedGraph(std::unique_ptr<RecordedGraph> graph, int adam)
      : recorded(std::move(graph)), adam_calls(adam) {}
  std::unique_ptr<RecordedGraph> recorded;
  int adam_calls;
};

// A call on a profiler's time line.
class Range {
 public:
  Range(Runtime& runtime, const char* name) : runtime_(runtime) { runtime_.push_range(name); }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
  ~Range() { runtime_.pop_range(); }

 private:
  Runtime& runtime_;
};

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(const CudaOptions& options)
      : runtime_(make_runtime(
            {.device = options.device, .seed = options.emulator_seed, .corners = options.emulator_corners})),
        machine_(*runtime_, options) {}

  std::string name() const override { return kName; }
  std::string description() const override;

  void* allocate(std::int64_t bytes) override { return runtime_->allocate(bytes); }
  void deallocate(void* memory, std::int64_t bytes) noexcept override { runtime_->deallocate(memory, bytes); }
  void copy(void* target, const void* source, std::int64_t bytes, CopyDirection direction) override {
    runtime_->copy(target, source, bytes, direction);
  }
  void synchronize() override { runtime_->synchronize(); }
  std::int64_t workspace_bytes() const override { return machine_.workspace.held_bytes(); }
  std::int64_t available_bytes() const override { return runtime_->available_bytes(); }

  void fill(Array y, std::int64_t n, double value) override {
    const Range range(*runtime_, "fill");
    DG_TARGET::fill(machine_, y, n, value);
  }
  void cast(ConstArray x, Array y, std::int64_t n) override {
    const Range range(*runtime_, "cast");
    DG_TARGET::cast(machine_, x, y, n);
  }
  void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b) override {
    const Range range(*runtime_, "unary");
    DG_TARGET::unary(machine_, op, x, y, n, a, b);
  }
  void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape, double a,
              double b) override {
    const Range range(*runtime_, "binary");
    DG_TARGET::binary(machine_, op, p, q, y, shape, a, b);
  }
  void copy_2d(ConstArray x, Array y, const Copy2dShape& shape) override {
    const Range range(*runtime_, "copy_2d");
    DG_TARGET::copy_2d(machine_, x, y, shape);
  }
  void sum(ConstArray x, Array y, const ReduceShape& shape) override {
    const Range range(*runtime_, "sum");
    DG_TARGET::sum(machine_, x, y, shape);
  }
  void expand(ConstArray x, Array y, const ReduceShape& shape) override {
    const Range range(*runtime_, "expand");
    DG_TARGET::expand(machine_, x, y, shape);
  }
  void matmul(ConstArray a, ConstArray b, Array y, const MatmulShape& shape) override {
    const Range range(*runtime_, "matmul");
    DG_TARGET::matmul(machine_, a, b, y, shape);
  }
  void conv2d(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape,
              const Epilogue& epilogue) override {
    const Range range(*runtime_, "conv2d");
    DG_TARGET::conv2d(machine_, x, weight, bias, y, shape, epilogue);
  }
  void conv2d_grad_input(ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                         const Conv2dShape& shape) override {
    const Range range(*runtime_, "conv2d_grad_input");
    DG_TARGET::conv2d_grad_input(machine_, dy, weight, bias, dx, shape);
  }
  void conv2d_grad_weight(ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) override {
    const Range range(*runtime_, "conv2d_grad_weight");
    DG_TARGET::conv2d_grad_weight(machine_, x, dy, dw, shape);
  }
  void pad2d(ConstArray x, Array y, const Pad2dShape& shape) override {
    const Range range(*runtime_, "pad2d");
    DG_TARGET::pad2d(machine_, x, y, shape);
  }
  void pad2d_grad(ConstArray dy, Array dx, const Pad2dShape& shape) override {
    const Range range(*runtime_, "pad2d_grad");
    DG_TARGET::pad2d_grad(machine_, dy, dx, shape);
  }
  void upsample_nearest(ConstArray x, Array y, const Upsample2dShape& shape) override {
    const Range range(*runtime_, "upsample_nearest");
    DG_TARGET::upsample_nearest(machine_, x, y, shape);
  }
  void upsample_nearest_grad(ConstArray dy, Array dx, const Upsample2dShape& shape) override {
    const Range range(*runtime_, "upsample_nearest_grad");
    DG_TARGET::upsample_nearest_grad(machine_, dy, dx, shape);
  }
  void max_pool2d(ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& shape) override {
    const Range range(*runtime_, "max_pool2d");
    DG_TARGET::max_pool2d(machine_, x, y, indices, shape);
  }
  void max_pool2d_scatter(ConstArray dy, const std::int32_t* indices, Array dx,
                          const Pool2dShape& shape) override {
    const Range range(*runtime_, "max_pool2d_scatter");
    DG_TARGET::max_pool2d_scatter(machine_, dy, indices, dx, shape);
  }
  void max_pool2d_gather(ConstArray x, const std::int32_t* indices, Array y,
                         const Pool2dShape& shape) override {
    const Range range(*runtime_, "max_pool2d_gather");
    DG_TARGET::max_pool2d_gather(machine_, x, indices, y, shape);
  }
  void norm(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
            Array variance, double eps, const NormShape& shape, const Epilogue& epilogue) override {
    const Range range(*runtime_, "norm");
    DG_TARGET::norm(machine_, x, gamma, beta, residual, y, mean, variance, eps, shape, epilogue);
  }
  void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, ConstArray gamma,
                 ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps, const NormShape& shape,
                 const Epilogue& epilogue) override {
    const Range range(*runtime_, "norm_grad");
    DG_TARGET::norm_grad(machine_, dy, x, mean, variance, gamma, beta, dx, dgamma, dbeta, eps, shape,
                         epilogue);
  }
  void random_uniform(PhiloxState state, Array y, std::int64_t n) override {
    const Range range(*runtime_, "random_uniform");
    DG_TARGET::random_uniform(machine_, state, y, n);
  }
  void random_normal(PhiloxState state, Array y, std::int64_t n) override {
    const Range range(*runtime_, "random_normal");
    DG_TARGET::random_normal(machine_, state, y, n);
  }
  void dropout(PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate) override {
    const Range range(*runtime_, "dropout");
    DG_TARGET::dropout(machine_, state, x, y, n, rate);
  }
  void adam(std::span<const AdamTensor> tensors, const AdamOptions& options) override {
    const Range range(*runtime_, "adam");
    DG_TARGET::adam(machine_, tensors, options);
  }
  void ema(std::span<const EmaTensor> tensors, double decay) override {
    const Range range(*runtime_, "ema");
    DG_TARGET::ema(machine_, tensors, decay);
  }
  void image_to_float(const std::uint8_t* x, Array y, std::int64_t n) override {
    const Range range(*runtime_, "image_to_float");
    DG_TARGET::image_to_float(machine_, x, y, n);
  }
  void float_to_image(ConstArray x, std::uint8_t* y, std::int64_t n) override {
    const Range range(*runtime_, "float_to_image");
    DG_TARGET::float_to_image(machine_, x, y, n);
  }
  std::string conv2d_algorithm(ConvPass pass, DType dtype, const Conv2dShape& shape) const override {
    return DG_TARGET::conv2d_algorithm(machine_, pass, dtype, shape);
  }

  bool has_graphs() const override { return true; }
  void begin_capture() override {
    machine_.replay.begin_capture();
    runtime_->begin_capture();
  }
  std::unique_ptr<Graph> end_capture() override {
    return std::make_unique<CapturedGraph>(runtime_->end_capture(), machine_.replay.adam_calls());
  }
  void replay(Graph& graph, const ReplayInputs& inputs) override {
    auto& captured = static_cast<CapturedGraph&>(graph);
    machine_.replay.upload(inputs, captured.adam_calls);
    runtime_->replay(*captured.recorded);
  }

 private:
  std::unique_ptr<Runtime> runtime_;
  Machine machine_;
};

std::string CudaBackend::description() const {
  const DeviceProperties& p = runtime_->properties();
  return std::string(kName) + ", " + p.name + ", sm_" + std::to_string(p.compute_capability) + ", " +
         std::to_string(p.multiprocessors) + " multiprocessors" +
         (machine_.options.tf32 ? ", float32 products as tf32" : "");
}

}  // namespace
}  // namespace dg::DG_TARGET

namespace dg {

#if defined(DG_EMULATED)
std::unique_ptr<Backend> make_cuda_emulated_backend(const CudaOptions& options) {
#else
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
#endif
  return std::make_unique<DG_TARGET::CudaBackend>(options);
}

}  // namespace dg
