// The CPU as a Backend: memory from the heap, kernels from the files beside this one.
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/product_types.h"
#include "kernels/cpu/reference.h"
#include "kernels/cpu/vector.h"

namespace dg::cpu::DG_CPU_ISA {

namespace isa = dg::cpu::DG_CPU_ISA;

namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend(int threads, CpuKernels kernels)
      : machine_(threads > 0 ? threads : available_threads(), kernels == CpuKernels::exact,
                 kernels == CpuKernels::bf16 && has_bf16_products() ? DType::bfloat16 : DType::float32),
        plain_(kernels == CpuKernels::reference) {}

  std::string name() const override { return "cpu"; }
  std::string description() const override {
    const int threads = machine_.threads.size();
    return "cpu, " + std::to_string(threads) + (threads == 1 ? " thread, " : " threads, ") + DG_CPU_ISA_NAME +
           " (" + std::to_string(kVectorBytes * 8) + "-bit vectors)" +
           (machine_.products == DType::bfloat16 ? ", bf16 products" : "") +
           (plain_ ? ", reference kernels" : "");
  }

  void* allocate(std::int64_t bytes) override { return allocate_aligned(bytes).release(); }
  void deallocate(void* memory, std::int64_t /*bytes*/) noexcept override { FreeMemory{}(memory); }
  void copy(void* target, const void* source, std::int64_t bytes, CopyDirection /*direction*/) override {
    if (bytes > 0) std::memcpy(target, source, static_cast<std::size_t>(bytes));
  }
  void synchronize() override {}
  std::int64_t workspace_bytes() const override { return machine_.workspace.held_bytes(); }
  std::int64_t available_bytes() const override { return available_host_memory(); }

  void fill(Array y, std::int64_t n, double value) override { isa::fill(machine_, y, n, value); }
  void cast(ConstArray x, Array y, std::int64_t n) override { isa::cast(machine_, x, y, n); }
  void unary(UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b) override {
    isa::unary(machine_, op, x, y, n, a, b);
  }
  void binary(BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape, double a,
              double b) override {
    isa::binary(machine_, op, p, q, y, shape, a, b);
  }
  void copy_2d(ConstArray x, Array y, const Copy2dShape& shape) override {
    isa::copy_2d(machine_, x, y, shape);
  }

  void sum(ConstArray x, Array y, const ReduceShape& shape) override { isa::sum(machine_, x, y, shape); }
  void expand(ConstArray x, Array y, const ReduceShape& shape) override {
    isa::expand(machine_, x, y, shape);
  }

  void matmul(ConstArray a, ConstArray b, Array y, const MatmulShape& shape) override {
    plain_ ? matmul_reference(a, b, y, shape) : isa::matmul(machine_, a, b, y, shape);
  }
  void conv2d(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape,
              const Epilogue& epilogue) override {
    plain_ ? conv2d_reference(x, weight, bias, y, shape) : isa::conv2d(machine_, x, weight, bias, y, shape);
    if (epilogue.activation == Activation::none) return;
    const UnaryOp op = epilogue.activation == Activation::tanh ? UnaryOp::tanh : UnaryOp::leaky_relu;
    isa::unary(machine_, op, y, y, shape.output_numel(), epilogue.slope, 0.0);
  }
  bool infers_in_float32() const override { return true; }
  bool has_conv2d_fused(DType dtype) const override { return dtype == DType::float32 && !plain_; }
  void conv2d_fused(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape,
                    const ConvFusion& fusion) override {
    isa::conv2d_fused(machine_, x.as<float>(), weight.as<float>(), bias ? bias.as<float>() : nullptr,
                      y.as<float>(), shape, fusion);
  }
  std::int64_t conv2d_fused_scratch_bytes(const Conv2dShape& shape, const ConvFusion& fusion) const override {
    return isa::conv2d_fused_scratch_bytes(machine_, shape, fusion);
  }
  void moments(ConstArray x, Array mean, Array variance, const NormShape& shape) override {
    isa::moments(machine_, x.as<float>(), mean.as<float>(), variance.as<float>(), shape);
  }
  void scale_shift(ConstArray x, ConstArray scale, ConstArray shift, ConstArray residual, Array y,
                   const NormShape& shape, const Epilogue& epilogue) override {
    isa::scale_shift(machine_, x.as<float>(), scale.as<float>(), shift.as<float>(),
                     residual ? residual.as<float>() : nullptr, y.as<float>(), shape, epilogue);
  }
  std::string conv2d_algorithm(ConvPass pass, DType dtype, const Conv2dShape& shape) const override {
    return plain_ ? "reference" : isa::conv2d_algorithm(machine_, pass, dtype, shape);
  }
  std::int64_t conv2d_scratch_bytes(ConvPass pass, DType dtype, const Conv2dShape& shape) const override {
    return plain_ ? 0 : isa::conv2d_scratch_bytes(machine_, pass, dtype, shape);
  }
  void conv2d_grad_input(ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                         const Conv2dShape& shape) override {
    plain_ ? conv2d_grad_input_reference(dy, weight, bias, dx, shape)
           : isa::conv2d_grad_input(machine_, dy, weight, bias, dx, shape);
  }
  void conv2d_grad_weight(ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) override {
    plain_ ? conv2d_grad_weight_reference(x, dy, dw, shape)
           : isa::conv2d_grad_weight(machine_, x, dy, dw, shape);
  }

  void pad2d(ConstArray x, Array y, const Pad2dShape& shape) override { isa::pad2d(machine_, x, y, shape); }
  void pad2d_grad(ConstArray dy, Array dx, const Pad2dShape& shape) override {
    isa::pad2d_grad(machine_, dy, dx, shape);
  }
  void upsample_nearest(ConstArray x, Array y, const Upsample2dShape& shape) override {
    isa::upsample_nearest(machine_, x, y, shape);
  }
  void upsample_nearest_grad(ConstArray dy, Array dx, const Upsample2dShape& shape) override {
    isa::upsample_nearest_grad(machine_, dy, dx, shape);
  }
  void max_pool2d(ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& shape) override {
    isa::max_pool2d(machine_, x, y, indices, shape);
  }
  void max_pool2d_scatter(ConstArray dy, const std::int32_t* indices, Array dx,
                          const Pool2dShape& shape) override {
    isa::max_pool2d_scatter(machine_, dy, indices, dx, shape);
  }
  void max_pool2d_gather(ConstArray x, const std::int32_t* indices, Array y,
                         const Pool2dShape& shape) override {
    isa::max_pool2d_gather(machine_, x, indices, y, shape);
  }

  void norm(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
            Array variance, double eps, const NormShape& shape, const Epilogue& epilogue) override {
    plain_ ? norm_reference(x, gamma, beta, residual, y, mean, variance, eps, shape, epilogue)
           : isa::norm(machine_, x, gamma, beta, residual, y, mean, variance, eps, shape, epilogue);
  }
  void norm_grad(ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance, ConstArray gamma,
                 ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps, const NormShape& shape,
                 const Epilogue& epilogue) override {
    isa::norm_grad(machine_, dy, x, mean, variance, gamma, beta, dx, dgamma, dbeta, eps, shape, epilogue);
  }

  void random_uniform(PhiloxState state, Array y, std::int64_t n) override {
    isa::random_uniform(machine_, state, y, n);
  }
  void random_normal(PhiloxState state, Array y, std::int64_t n) override {
    isa::random_normal(machine_, state, y, n);
  }
  void dropout(PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate) override {
    isa::dropout(machine_, state, x, y, n, rate);
  }

  void adam(std::span<const AdamTensor> tensors, const AdamOptions& options) override {
    isa::adam(machine_, tensors, options);
  }
  void ema(std::span<const EmaTensor> tensors, double decay) override { isa::ema(machine_, tensors, decay); }

  void image_to_float(const std::uint8_t* x, Array y, std::int64_t n) override {
    isa::image_to_float(machine_, x, y, n);
  }
  void float_to_image(ConstArray x, std::uint8_t* y, std::int64_t n) override {
    isa::float_to_image(machine_, x, y, n);
  }

 private:
  Machine machine_;
  bool plain_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(int threads, CpuKernels kernels) {
  return std::make_unique<CpuBackend>(threads, kernels);
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
