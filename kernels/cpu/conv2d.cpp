// Which algorithm a convolution takes, and what becomes of its element types.
#include "kernels/cpu/conv2d_algorithms.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// bfloat16 operands are widened, the result is rounded once.
class Widened {
 public:
  Widened(Machine& m, ConstArray source, std::int64_t n)
      : buffer_(m.workspace.borrow<float>(source ? n : 0)), present_(static_cast<bool>(source)) {
    if (present_) cast(m, source, {buffer_.data(), DType::float32}, n);
  }
  Widened(Machine& m, std::int64_t n) : buffer_(m.workspace.borrow<float>(n)), present_(true) {}
  float* data() const { return present_ ? buffer_.data() : nullptr; }
  ConstArray array() const { return {buffer_.data(), DType::float32}; }

 private:
  Workspace::Borrowed<float> buffer_;
  bool present_;
};

template <typename T>
const T* optional(ConstArray array) {
  return array ? array.as<T>() : nullptr;
}

void forward(Machine& m, const float* x, const float* weight, const float* bias, float* y,
             const Conv2dShape& s, DType products) {
  takes_winograd(m, ConvPass::forward, s)
      ? conv2d_winograd(m, {.x = x}, weight, bias, y, nullptr, nullptr, s, products)
      : conv2d_direct<float>(m, {.x = x}, weight, bias, y, s);
}

void grad_input(Machine& m, const float* dy, const float* weight, const float* bias, float* dx,
                const Conv2dShape& s, DType products) {
  takes_winograd(m, ConvPass::grad_input, s)
      ? conv2d_grad_input_winograd(m, dy, weight, bias, dx, s, products)
      : conv2d_grad_input_direct(m, dy, weight, bias, dx, s);
}

void grad_weight(Machine& m, const float* x, const float* dy, float* dw, const Conv2dShape& s) {
  takes_winograd(m, ConvPass::grad_weight, s) ? conv2d_grad_weight_winograd(m, x, dy, dw, s)
                                              : conv2d_grad_weight_direct(m, x, dy, dw, s);
}

}  // namespace

bool takes_winograd(const Machine& m, ConvPass pass, const Conv2dShape& s) {
  return !m.exact && winograd_takes(pass, s);
}

std::string conv2d_algorithm(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& s) {
  if (dtype == DType::float64 || !takes_winograd(m, pass, s)) return "direct";
  const bool narrow =
      m.products == DType::bfloat16 && dtype == DType::float32 && pass != ConvPass::grad_weight;
  return narrow ? "winograd_bf16" : "winograd";
}

std::int64_t conv2d_scratch_bytes(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& s) {
  if (dtype == DType::float64) return direct_scratch_numel(m, pass, s) * size_of(dtype);
  const DType products = dtype == DType::float32 ? m.products : DType::float32;
  const std::int64_t arithmetic = takes_winograd(m, pass, s)
                                      ? winograd_scratch_bytes(m, pass, s, products, false)
                                      : direct_scratch_numel(m, pass, s) * size_of(DType::float32);
  const std::int64_t widened =
      dtype == DType::bfloat16 ? s.input_numel() + s.weight_numel() + s.output_numel() : 0;
  return arithmetic + widened * size_of(DType::float32);
}

void conv2d(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& s) {
  switch (x.dtype) {
    case DType::float32:
      return forward(m, x.as<float>(), weight.as<float>(), optional<float>(bias), y.as<float>(), s,
                     m.products);
    case DType::float64:
      return conv2d_direct<double>(m, {.x = x.as<double>()}, weight.as<double>(), optional<double>(bias),
                                   y.as<double>(), s);
    case DType::bfloat16: {
      const Widened in(m, x, s.input_numel());
      const Widened filter(m, weight, s.weight_numel());
      const Widened shift(m, bias, s.k);
      const Widened out(m, s.output_numel());
      forward(m, in.data(), filter.data(), shift.data(), out.data(), s, DType::float32);
      return cast(m, out.array(), y, s.output_numel());
    }
  }
}

void conv2d_grad_input(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                       const Conv2dShape& s) {
  switch (dy.dtype) {
    case DType::float32:
      return grad_input(m, dy.as<float>(), weight.as<float>(), optional<float>(bias), dx.as<float>(), s,
                        m.products);
    case DType::float64:
      return conv2d_grad_input_direct(m, dy.as<double>(), weight.as<double>(), optional<double>(bias),
                                      dx.as<double>(), s);
    case DType::bfloat16: {
      const Widened grad(m, dy, s.output_numel());
      const Widened filter(m, weight, s.weight_numel());
      const Widened shift(m, bias, s.c);
      const Widened out(m, s.input_numel());
      grad_input(m, grad.data(), filter.data(), shift.data(), out.data(), s, DType::float32);
      return cast(m, out.array(), dx, s.input_numel());
    }
  }
}

void conv2d_grad_weight(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& s) {
  switch (x.dtype) {
    case DType::float32: return grad_weight(m, x.as<float>(), dy.as<float>(), dw.as<float>(), s);
    case DType::float64:
      return conv2d_grad_weight_direct(m, x.as<double>(), dy.as<double>(), dw.as<double>(), s);
    case DType::bfloat16: {
      const Widened in(m, x, s.input_numel());
      const Widened grad(m, dy, s.output_numel());
      const Widened out(m, s.weight_numel());
      grad_weight(m, in.data(), grad.data(), out.data(), s);
      return cast(m, out.array(), dw, s.weight_numel());
    }
  }
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
