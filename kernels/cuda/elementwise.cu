// y_i = f(x_i) and y_i = f(p_i, q_i), casts, fills and copies of rows. All arrays dense but for the operands
// of `binary`, which repeat along dimensions of stride 0, and the rows of copy_2d.
//
// One thread = kSteps vectors of 16 bytes of the result (of the wider array in a cast), a block's width
// apart, all loaded before the first is computed, so that enough bytes are in flight. One block = 256
// threads. Bound by memory traffic: each operand read once (a repeated one comes out of the caches) and the
// result written once; a few FLOP an element. Deterministic: no element depends on another.
//
// `binary` walks the result as (extent 0, extent 1, extent 2, innermost) and finds a position in it by
// multiplications (fast_division.h), with 32 bits: larger results are cut into pieces on the host.
//   vectors:  each operand's innermost stride is 1 or 0 and no vector of the result crosses the end of an
//             innermost run. Equal shapes, one value per channel, per row or per image and channel, a scalar:
//             nearly all there is.
//   elements: anything else (3 channels, say): a position for each element, the result still stored as
//             vectors.
#include <algorithm>
#include <array>

#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/device/fast_division.h"
#include "kernels/cuda/device/run.h"
#include "kernels/cuda/elementwise_functors.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kBlock = 256;
constexpr int kSteps = 2;
// Elements that a kernel with 32-bit positions takes.
constexpr std::int64_t kMaxPiece = std::int64_t{1} << 30;

// Elements a vector when two types meet: 16 bytes of the wider. With more, the accesses to it would leave
// gaps between the threads of a warp.
template <typename From, typename To>
constexpr int kMapWidth = std::min(kVectorWidth<From>, kVectorWidth<To>);

// The first element of this thread's vector number `step`.
template <int kWidth>
__device__ __forceinline__ std::int64_t vector_start(int step) {
  return ((static_cast<std::int64_t>(blockIdx.x) * kSteps + step) * kBlock + threadIdx.x) * kWidth;
}

template <typename T>
__global__ void __launch_bounds__(kBlock) fill_kernel(T* y, std::int64_t n, T value) {
  constexpr int kWidth = kVectorWidth<T>;
  Vector<T, kWidth> values;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) values.value[i] = value;
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t at = vector_start<kWidth>(step);
    store_run(y + at, values, n - at);
  }
}

template <typename From, typename To, typename F>
__global__ void __launch_bounds__(kBlock) map_kernel(const From* x, To* y, std::int64_t n, F f) {
  constexpr int kWidth = kMapWidth<From, To>;
  Vector<From, kWidth> in[kSteps];
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t at = vector_start<kWidth>(step);
    in[step] = load_run<kWidth>(x + at, n - at);
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const std::int64_t at = vector_start<kWidth>(step);
    Vector<To, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      out.value[i] = To(static_cast<Compute<To>>(f(static_cast<Compute<From>>(in[step].value[i]))));
    }
    store_run(y + at, out, n - at);
  }
}

// The units (elements, or vectors of them) of a result in four loops, and how far the operands lie apart
// along each.
struct Walk {
  FastDivision extent[3];  // of the loops 1, 2 and 3; the outermost needs none
  std::int64_t stride_p[4];
  std::int64_t stride_q[4];
};

struct Offsets {
  std::int64_t p, q;
};

__device__ __forceinline__ Offsets offsets_of(const Walk& walk, int unit) {
  const Quotient inner = walk.extent[2](unit);
  const Quotient middle = walk.extent[1](inner.quotient);
  const Quotient outer = walk.extent[0](middle.quotient);
  const int index[4] = {outer.quotient, outer.remainder, middle.remainder, inner.remainder};
  Offsets at{0, 0};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    at.p += index[i] * walk.stride_p[i];
    at.q += index[i] * walk.stride_q[i];
  }
  return at;
}

// A vector of an operand: `from` onwards, or its first element again and again.
template <int kWidth, typename T>
__device__ __forceinline__ Vector<T, kWidth> load_operand(const T* from, bool repeats, std::int64_t valid) {
  if (!repeats) return load_run<kWidth>(from, valid);
  const T value = valid > 0 ? *from : T();
  Vector<T, kWidth> out;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) out.value[i] = value;
  return out;
}

// walk counts vectors.
template <typename T, typename F>
__global__ void __launch_bounds__(kBlock)
    zip_vectors_kernel(const T* p, const T* q, T* y, int n, const Walk walk, bool p_repeats, bool q_repeats,
                       F f) {
  using C = Compute<T>;
  constexpr int kWidth = kVectorWidth<T>;
  Vector<T, kWidth> left[kSteps];
  Vector<T, kWidth> right[kSteps];
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const auto start = static_cast<int>(vector_start<kWidth>(step));
    const Offsets at = offsets_of(walk, start / kWidth);
    left[step] = load_operand<kWidth>(p + at.p, p_repeats, n - start);
    right[step] = load_operand<kWidth>(q + at.q, q_repeats, n - start);
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const auto start = static_cast<int>(vector_start<kWidth>(step));
    Vector<T, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      out.value[i] = T(f(static_cast<C>(left[step].value[i]), static_cast<C>(right[step].value[i])));
    }
    store_run(y + start, out, n - start);
  }
}

// walk counts elements.
template <typename T, typename F>
__global__ void __launch_bounds__(kBlock)
    zip_elements_kernel(const T* p, const T* q, T* y, int n, const Walk walk, F f) {
  using C = Compute<T>;
  constexpr int kWidth = kVectorWidth<T>;
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const auto start = static_cast<int>(vector_start<kWidth>(step));
    Vector<T, kWidth> out;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if (start + i >= n) continue;
      const Offsets at = offsets_of(walk, start + i);
      out.value[i] = T(f(static_cast<C>(p[at.p]), static_cast<C>(q[at.q])));
    }
    store_run(y + start, out, n - start);
  }
}

// Rows of `kHalves` * 2 bytes a unit; all counts are in units.
template <int kHalves>
__global__ void __launch_bounds__(kBlock)
    copy_rows_kernel(const std::uint16_t* x, std::uint16_t* y, int units, FastDivision columns,
                     std::int64_t source_stride, std::int64_t target_stride) {
  Vector<std::uint16_t, kHalves> unit[kSteps];
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const auto index = static_cast<int>(vector_start<1>(step));
    const auto [row, column] = columns(index);
    if (index < units) unit[step] = load_vector<kHalves>(x + (row * source_stride + column) * kHalves);
  }
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    const auto index = static_cast<int>(vector_start<1>(step));
    const auto [row, column] = columns(index);
    if (index < units) store_vector(y + (row * target_stride + column) * kHalves, unit[step]);
  }
}

LaunchConfig config_for(const char* name, std::int64_t units) {
  return {.name = name, .grid = {blocks_for(units, kBlock * kSteps)}, .block = kBlock};
}

template <typename From, typename To, typename F>
void map(Machine& m, const char* name, const From* x, To* y, std::int64_t n, const F& f) {
  const std::int64_t vectors = blocks_for(n, kMapWidth<From, To>);
  launch(map_kernel<From, To, F>, config_for(name, vectors), m.stream, x, y, n, f);
}

// The same result in as few loops as possible: extents of 1 are dropped, neighbours that both operands walk
// as one merge.
BroadcastShape merged(const BroadcastShape& s) {
  BroadcastShape out;
  std::size_t last = 4;  // the outermost loop filled so far
  for (std::size_t i = 4; i-- > 0;) {
    if (s.extent[i] == 1) continue;
    if (last < 4 && s.stride_a[i] == out.stride_a[last] * out.extent[last] &&
        s.stride_b[i] == out.stride_b[last] * out.extent[last]) {
      out.extent[last] *= s.extent[i];
      continue;
    }
    --last;
    out.extent[last] = s.extent[i];
    out.stride_a[last] = s.stride_a[i];
    out.stride_b[last] = s.stride_b[i];
  }
  return out;
}

// Loops over units of `width` elements of the innermost extent.
Walk walk_of(const BroadcastShape& s, std::int64_t width) {
  Walk walk;
  for (std::size_t i = 0; i < 4; ++i) {
    walk.stride_p[i] = s.stride_a[i] * (i == 3 ? width : 1);
    walk.stride_q[i] = s.stride_b[i] * (i == 3 ? width : 1);
    if (i > 0) walk.extent[i - 1] = FastDivision(i == 3 ? blocks_for(s.extent[i], width) : s.extent[i]);
  }
  return walk;
}

template <typename T, typename F>
void zip(Machine& m, const T* p, const T* q, T* y, const BroadcastShape& s, const F& f) {
  const std::int64_t n = s.numel();
  if (n > kMaxPiece) {  // halve the outermost loop
    const auto outermost = static_cast<std::size_t>(
        std::find_if(s.extent.begin(), s.extent.end(), [](std::int64_t extent) { return extent > 1; }) -
        s.extent.begin());
    BroadcastShape first = s;
    BroadcastShape second = s;
    const std::int64_t half = s.extent[outermost] / 2;
    first.extent[outermost] = half;
    second.extent[outermost] -= half;
    zip(m, p, q, y, first, f);
    zip(m, p + half * s.stride_a[outermost], q + half * s.stride_b[outermost], y + first.numel(), second, f);
    return;
  }
  constexpr int kWidth = kVectorWidth<T>;
  const auto is_run = [](std::int64_t stride) { return stride == 0 || stride == 1; };
  const LaunchConfig config = config_for("binary", blocks_for(n, kWidth));
  if (is_run(s.stride_a[3]) && is_run(s.stride_b[3]) && (s.extent[3] == n || s.extent[3] % kWidth == 0)) {
    launch(zip_vectors_kernel<T, F>, config, m.stream, p, q, y, static_cast<int>(n), walk_of(s, kWidth),
           s.stride_a[3] == 0, s.stride_b[3] == 0, f);
  } else {
    launch(zip_elements_kernel<T, F>, config, m.stream, p, q, y, static_cast<int>(n), walk_of(s, 1), f);
  }
}

template <typename T>
void unary_typed(Machine& m, UnaryOp op, const T* x, T* y, std::int64_t n, double parameter_a,
                 double parameter_b) {
  using C = Compute<T>;
  const C a = static_cast<C>(parameter_a);
  const C b = static_cast<C>(parameter_b);
  switch (op) {
    case UnaryOp::affine: return map(m, "affine", x, y, n, functor::Affine<C>{a, b});
    case UnaryOp::exp: return map(m, "exp", x, y, n, functor::Exp<C>{});
    case UnaryOp::log: return map(m, "log", x, y, n, functor::Log<C>{});
    case UnaryOp::sqrt: return map(m, "sqrt", x, y, n, functor::Sqrt<C>{});
    case UnaryOp::reciprocal: return map(m, "reciprocal", x, y, n, functor::Reciprocal<C>{});
    case UnaryOp::square: return map(m, "square", x, y, n, functor::Square<C>{});
    case UnaryOp::abs: return map(m, "abs", x, y, n, functor::Abs<C>{});
    case UnaryOp::sign: return map(m, "sign", x, y, n, functor::Sign<C>{});
    case UnaryOp::tanh: return map(m, "tanh", x, y, n, functor::Tanh<C>{});
    case UnaryOp::sigmoid: return map(m, "sigmoid", x, y, n, functor::Sigmoid<C>{});
    case UnaryOp::softplus: return map(m, "softplus", x, y, n, functor::Softplus<C>{});
    case UnaryOp::leaky_relu: return map(m, "leaky_relu", x, y, n, functor::LeakyRelu<C>{a});
    case UnaryOp::clamp: return map(m, "clamp", x, y, n, functor::Clamp<C>{a, b});
  }
  fail("unary: unknown operation ", static_cast<int>(op));
}

template <typename T>
void binary_typed(Machine& m, BinaryOp op, const T* p, const T* q, T* y, const BroadcastShape& s,
                  double parameter_a, double parameter_b) {
  using C = Compute<T>;
  const C a = static_cast<C>(parameter_a);
  const C b = static_cast<C>(parameter_b);
  switch (op) {
    case BinaryOp::add: return zip(m, p, q, y, s, functor::Add<C>{});
    case BinaryOp::subtract: return zip(m, p, q, y, s, functor::Subtract<C>{});
    case BinaryOp::multiply: return zip(m, p, q, y, s, functor::Multiply<C>{});
    case BinaryOp::divide: return zip(m, p, q, y, s, functor::Divide<C>{});
    case BinaryOp::leaky_relu_grad: return zip(m, p, q, y, s, functor::LeakyReluGrad<C>{a});
    case BinaryOp::clamp_grad: return zip(m, p, q, y, s, functor::ClampGrad<C>{a, b});
    case BinaryOp::tanh_grad: return zip(m, p, q, y, s, functor::TanhGrad<C>{});
    case BinaryOp::sigmoid_grad: return zip(m, p, q, y, s, functor::SigmoidGrad<C>{});
  }
  fail("binary: unknown operation ", static_cast<int>(op));
}

template <int kHalves>
void copy_rows(Machine& m, const void* x, void* y, const Copy2dShape& halves) {
  const std::int64_t columns = halves.columns / kHalves;
  const int units = to_int32(halves.rows * columns, "copy_2d", "rows * columns");
  launch(copy_rows_kernel<kHalves>, config_for("copy_2d", units), m.stream,
         static_cast<const std::uint16_t*>(x), static_cast<std::uint16_t*>(y), units, FastDivision(columns),
         halves.source_stride / kHalves, halves.target_stride / kHalves);
}

}  // namespace

void fill(Machine& m, Array y, std::int64_t n, double value) {
  if (n == 0) return;
  dispatch_float(y.dtype, [&]<typename T>() {
    launch(fill_kernel<T>, config_for("fill", blocks_for(n, kVectorWidth<T>)), m.stream, y.as<T>(), n,
           T(static_cast<Compute<T>>(value)));
  });
}

void cast(Machine& m, ConstArray x, Array y, std::int64_t n) {
  if (n == 0) return;
  dispatch_float(x.dtype, [&]<typename From>() {
    dispatch_float(y.dtype,
                   [&]<typename To>() { map(m, "cast", x.as<From>(), y.as<To>(), n, functor::Identity{}); });
  });
}

void unary(Machine& m, UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b) {
  if (n == 0) return;
  dispatch_float(x.dtype, [&]<typename T>() { unary_typed(m, op, x.as<T>(), y.as<T>(), n, a, b); });
}

void binary(Machine& m, BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape,
            double a, double b) {
  if (shape.numel() == 0) return;
  const BroadcastShape loops = merged(shape);
  dispatch_float(p.dtype,
                 [&]<typename T>() { binary_typed(m, op, p.as<T>(), q.as<T>(), y.as<T>(), loops, a, b); });
}

void copy_2d(Machine& m, ConstArray x, Array y, const Copy2dShape& s) {
  check(x.dtype == y.dtype, "copy_2d: source is ", name_of(x.dtype), ", target is ", name_of(y.dtype));
  const std::int64_t size = size_of(x.dtype);
  if (s.rows * s.columns == 0) return;
  const bool is_dense = s.source_stride == s.columns && s.target_stride == s.columns;
  if (s.rows == 1 || is_dense) {
    m.runtime.copy(y.data, x.data, s.rows * s.columns * size, CopyDirection::device_to_device);
    return;
  }
  // The widest unit that every row starts at a multiple of.
  const std::int64_t factor = size / 2;
  const Copy2dShape halves{s.rows, s.columns * factor, s.source_stride * factor, s.target_stride * factor};
  const auto common =
      reinterpret_cast<std::uintptr_t>(x.data) / 2 | reinterpret_cast<std::uintptr_t>(y.data) / 2 |
      static_cast<std::uintptr_t>(halves.columns | halves.source_stride | halves.target_stride);
  if (common % 8 == 0) return copy_rows<8>(m, x.data, y.data, halves);
  if (common % 4 == 0) return copy_rows<4>(m, x.data, y.data, halves);
  if (common % 2 == 0) return copy_rows<2>(m, x.data, y.data, halves);
  copy_rows<1>(m, x.data, y.data, halves);
}

}  // namespace dg::DG_TARGET
