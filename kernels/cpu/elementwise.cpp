// One result element per operand element. The functors state the arithmetic; the loops only walk.
// Arithmetic is in Compute<T>: float for bfloat16 and float32, double for float64.
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/fast_tanh.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

// f comes by value: through a reference its parameters could change with every store to y, and the loop would stay
// scalar. The same in zip_row.
template <typename T, typename F>
void map_run(const T* x, T* y, std::int64_t n, F f) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = T(f(static_cast<Compute<T>>(x[i])));
}

template <typename T, typename F>
void map(Machine& m, const T* x, T* y, std::int64_t n, const F& f) {
  parallel_runs(m.threads, n, kGrain,
                [&](std::int64_t begin, std::int64_t end) { map_run(x + begin, y + begin, end - begin, f); });
}

// max(x, 0) + log1p(exp(-|x|)): exp never overflows.
template <typename C>
C softplus(C x) {
  return std::max(x, C(0)) + std::log1p(std::exp(-std::abs(x)));
}

template <typename C>
C sigmoid(C x) {
  const C e = std::exp(-std::abs(x));
  return (x >= 0 ? C(1) : e) / (C(1) + e);
}

template <typename T>
void unary_typed(Machine& m, UnaryOp op, const T* x, T* y, std::int64_t n, double parameter_a,
                 double parameter_b) {
  using C = Compute<T>;
  const C a = static_cast<C>(parameter_a);
  const C b = static_cast<C>(parameter_b);
  switch (op) {
    case UnaryOp::affine: return map(m, x, y, n, [=](C v) { return a * v + b; });
    case UnaryOp::exp: return map(m, x, y, n, [](C v) { return std::exp(v); });
    case UnaryOp::log: return map(m, x, y, n, [](C v) { return std::log(v); });
    case UnaryOp::sqrt: return map(m, x, y, n, [](C v) { return std::sqrt(v); });
    case UnaryOp::reciprocal: return map(m, x, y, n, [](C v) { return C(1) / v; });
    case UnaryOp::square: return map(m, x, y, n, [](C v) { return v * v; });
    case UnaryOp::abs: return map(m, x, y, n, [](C v) { return std::abs(v); });
    case UnaryOp::sign: return map(m, x, y, n, [](C v) { return v > 0 ? C(1) : v < 0 ? C(-1) : v; });
    case UnaryOp::tanh: return map(m, x, y, n, [](C v) { return fast_tanh(v); });
    case UnaryOp::sigmoid: return map(m, x, y, n, [](C v) { return sigmoid(v); });
    case UnaryOp::softplus: return map(m, x, y, n, [](C v) { return softplus(v); });
    case UnaryOp::leaky_relu: return map(m, x, y, n, [=](C v) { return v * (v > 0 ? C(1) : a); });
    case UnaryOp::clamp: return map(m, x, y, n, [=](C v) { return v < a ? a : v > b ? b : v; });
  }
  fail("unary: unknown operation ", static_cast<int>(op));
}

// The innermost dimension has stride 0 or 1 in both operands more often than not: those loops vectorise.
template <typename T, typename F>
void zip_row(const T* p, std::int64_t stride_p, const T* q, std::int64_t stride_q, T* y, std::int64_t n,
             F f) {
  using C = Compute<T>;
  if (stride_p == 1 && stride_q == 1) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = T(f(static_cast<C>(p[i]), static_cast<C>(q[i])));
  } else if (stride_p == 1 && stride_q == 0) {
    const C right = static_cast<C>(q[0]);
    for (std::int64_t i = 0; i < n; ++i) y[i] = T(f(static_cast<C>(p[i]), right));
  } else if (stride_p == 0 && stride_q == 1) {
    const C left = static_cast<C>(p[0]);
    for (std::int64_t i = 0; i < n; ++i) y[i] = T(f(left, static_cast<C>(q[i])));
  } else {
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = T(f(static_cast<C>(p[i * stride_p]), static_cast<C>(q[i * stride_q])));
    }
  }
}

template <typename T, typename F>
void zip(Machine& m, const T* p, const T* q, T* y, const BroadcastShape& s, const F& f) {
  const std::int64_t inner = s.extent[3];
  const std::int64_t rows = s.extent[0] * s.extent[1] * s.extent[2];
  if (rows == 1) {  // one long run: split it
    parallel_runs(m.threads, inner, kGrain, [&](std::int64_t begin, std::int64_t end) {
      zip_row(p + begin * s.stride_a[3], s.stride_a[3], q + begin * s.stride_b[3], s.stride_b[3], y + begin,
              end - begin, f);
    });
    return;
  }
  parallel_runs(m.threads, rows, kGrain / std::max<std::int64_t>(inner, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t row = begin; row < end; ++row) {
                    const std::int64_t i2 = row % s.extent[2];
                    const std::int64_t i1 = row / s.extent[2] % s.extent[1];
                    const std::int64_t i0 = row / s.extent[2] / s.extent[1];
                    const T* p_row = p + i0 * s.stride_a[0] + i1 * s.stride_a[1] + i2 * s.stride_a[2];
                    const T* q_row = q + i0 * s.stride_b[0] + i1 * s.stride_b[1] + i2 * s.stride_b[2];
                    zip_row(p_row, s.stride_a[3], q_row, s.stride_b[3], y + row * inner, inner, f);
                  }
                });
}

template <typename T>
void binary_typed(Machine& m, BinaryOp op, const T* p, const T* q, T* y, const BroadcastShape& s,
                  double parameter_a, double parameter_b) {
  using C = Compute<T>;
  const C a = static_cast<C>(parameter_a);
  const C b = static_cast<C>(parameter_b);
  switch (op) {
    case BinaryOp::add: return zip(m, p, q, y, s, [](C u, C v) { return u + v; });
    case BinaryOp::subtract: return zip(m, p, q, y, s, [](C u, C v) { return u - v; });
    case BinaryOp::multiply: return zip(m, p, q, y, s, [](C u, C v) { return u * v; });
    case BinaryOp::divide: return zip(m, p, q, y, s, [](C u, C v) { return u / v; });
    case BinaryOp::leaky_relu_grad:
      return zip(m, p, q, y, s, [=](C u, C v) { return u * (v > 0 ? C(1) : a); });
    case BinaryOp::clamp_grad: return zip(m, p, q, y, s, [=](C u, C v) { return a < v && v < b ? u : C(0); });
    case BinaryOp::tanh_grad: return zip(m, p, q, y, s, [](C u, C v) { return u * (C(1) - v * v); });
    case BinaryOp::sigmoid_grad: return zip(m, p, q, y, s, [](C u, C v) { return u * v * (C(1) - v); });
  }
  fail("binary: unknown operation ", static_cast<int>(op));
}

}  // namespace

void fill(Machine& m, Array y, std::int64_t n, double value) {
  dispatch_float(y.dtype, [&]<typename T>() {
    T* out = y.as<T>();
    const T v = T(static_cast<Compute<T>>(value));
    parallel_runs(m.threads, n, kGrain,
                  [&](std::int64_t begin, std::int64_t end) { std::fill(out + begin, out + end, v); });
  });
}

void cast(Machine& m, ConstArray x, Array y, std::int64_t n) {
  dispatch_float(x.dtype, [&]<typename From>() {
    dispatch_float(y.dtype, [&]<typename To>() {
      const From* in = x.as<From>();
      To* out = y.as<To>();
      parallel_runs(m.threads, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          out[i] = To(static_cast<Compute<To>>(static_cast<Compute<From>>(in[i])));
        }
      });
    });
  });
}

void unary(Machine& m, UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b) {
  dispatch_float(x.dtype, [&]<typename T>() { unary_typed(m, op, x.as<T>(), y.as<T>(), n, a, b); });
}

void binary(Machine& m, BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape,
            double a, double b) {
  dispatch_float(p.dtype,
                 [&]<typename T>() { binary_typed(m, op, p.as<T>(), q.as<T>(), y.as<T>(), shape, a, b); });
}

void copy_2d(Machine& m, ConstArray x, Array y, const Copy2dShape& s) {
  check(x.dtype == y.dtype, "copy_2d: source is ", name_of(x.dtype), ", target is ", name_of(y.dtype));
  const std::int64_t size = size_of(x.dtype);
  const auto* source = static_cast<const std::byte*>(x.data);
  auto* target = static_cast<std::byte*>(y.data);
  parallel_runs(m.threads, s.rows, kGrain / std::max<std::int64_t>(s.columns, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t row = begin; row < end; ++row) {
                    std::memcpy(target + row * s.target_stride * size, source + row * s.source_stride * size,
                                static_cast<std::size_t>(s.columns * size));
                  }
                });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
