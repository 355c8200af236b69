// The arithmetic of the elementwise operations, in Compute<T>. The C library's accurate functions throughout,
// and comparisons in an order that lets a NaN through.
#pragma once

#include <cmath>

#include "kernels/cuda/device/target.h"

namespace dg::DG_TARGET::functor {

struct Identity {
  template <typename C>
  __device__ C operator()(C x) const {
    return x;
  }
};

// ---- one operand ----
template <typename C>
struct Affine {
  C a, b;
  __device__ C operator()(C x) const { return a * x + b; }
};
template <typename C>
struct Exp {
  __device__ C operator()(C x) const { return std::exp(x); }
};
template <typename C>
struct Log {
  __device__ C operator()(C x) const { return std::log(x); }
};
template <typename C>
struct Sqrt {
  __device__ C operator()(C x) const { return std::sqrt(x); }
};
template <typename C>
struct Reciprocal {
  __device__ C operator()(C x) const { return C(1) / x; }
};
template <typename C>
struct Square {
  __device__ C operator()(C x) const { return x * x; }
};
template <typename C>
struct Abs {
  __device__ C operator()(C x) const { return std::abs(x); }
};
template <typename C>
struct Sign {
  __device__ C operator()(C x) const { return x > 0 ? C(1) : x < 0 ? C(-1) : x; }
};
template <typename C>
struct Tanh {
  __device__ C operator()(C x) const { return std::tanh(x); }
};
// e = exp(-|x|) never overflows.
template <typename C>
struct Sigmoid {
  __device__ C operator()(C x) const {
    const C e = std::exp(-std::abs(x));
    return (x >= 0 ? C(1) : e) / (C(1) + e);
  }
};
template <typename C>
struct Softplus {
  __device__ C operator()(C x) const { return (x > 0 ? x : C(0)) + std::log1p(std::exp(-std::abs(x))); }
};
template <typename C>
struct LeakyRelu {
  C a;
  __device__ C operator()(C x) const { return x * (x > 0 ? C(1) : a); }
};
template <typename C>
struct Clamp {
  C a, b;
  __device__ C operator()(C x) const { return x < a ? a : x > b ? b : x; }
};

// ---- two operands ----
template <typename C>
struct Add {
  __device__ C operator()(C p, C q) const { return p + q; }
};
template <typename C>
struct Subtract {
  __device__ C operator()(C p, C q) const { return p - q; }
};
template <typename C>
struct Multiply {
  __device__ C operator()(C p, C q) const { return p * q; }
};
template <typename C>
struct Divide {
  __device__ C operator()(C p, C q) const { return p / q; }
};
template <typename C>
struct LeakyReluGrad {
  C a;
  __device__ C operator()(C p, C q) const { return p * (q > 0 ? C(1) : a); }
};
template <typename C>
struct ClampGrad {
  C a, b;
  __device__ C operator()(C p, C q) const { return a < q && q < b ? p : C(0); }
};
template <typename C>
struct TanhGrad {
  __device__ C operator()(C p, C q) const { return p * (C(1) - q * q); }
};
template <typename C>
struct SigmoidGrad {
  __device__ C operator()(C p, C q) const { return p * q * (C(1) - q); }
};

}  // namespace dg::DG_TARGET::functor
