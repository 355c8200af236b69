// The convolutions as they are defined; sums in double. x (N,H,W,C), weight (K,R,S,C), y (N,P,Q,K):
//   y[n,p,q,k]  = bias[k] + sum_{r,s,c} x[n, p*stride_h - top + r, q*stride_w - left + s, c] * weight[k,r,s,c]
// Outside the image x is zero. The gradients are the transposes of this linear map.
#include <vector>

#include "kernels/cpu/reference.h"

namespace dg::cpu {
namespace {

// Calls body(x_index, weight_index, y_index) for each product of the sum above, channels excluded: the indices are
// those of c = 0 and k = 0.
template <typename Body>
void for_each_product(const Conv2dShape& s, const Body& body) {
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t p = 0; p < s.p(); ++p) {
      for (std::int64_t q = 0; q < s.q(); ++q) {
        for (std::int64_t r = 0; r < s.r; ++r) {
          const std::int64_t h = p * s.stride_h - s.padding.top + r;
          if (h < 0 || h >= s.h) continue;
          for (std::int64_t column = 0; column < s.s; ++column) {
            const std::int64_t w = q * s.stride_w - s.padding.left + column;
            if (w < 0 || w >= s.w) continue;
            body(((n * s.h + h) * s.w + w) * s.c, (r * s.s + column) * s.c,
                 ((n * s.p() + p) * s.q() + q) * s.k);
          }
        }
      }
    }
  }
}

template <typename T>
double wide(T value) {
  return static_cast<double>(static_cast<Compute<T>>(value));
}

template <typename T>
void narrow(const std::vector<double>& from, T* to) {
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = T(static_cast<Compute<T>>(from[i]));
}

}  // namespace

void conv2d_reference(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    const T* filter = weight.as<T>();
    std::vector<double> out(static_cast<std::size_t>(s.output_numel()), 0.0);
    if (bias) {
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = wide(bias.as<T>()[i % static_cast<std::size_t>(s.k)]);
    }
    for_each_product(s, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      for (std::int64_t k = 0; k < s.k; ++k) {
        const T* row = filter + k * s.r * s.s * s.c + wi;
        double total = 0.0;
        for (std::int64_t c = 0; c < s.c; ++c) total += wide(in[xi + c]) * wide(row[c]);
        out[static_cast<std::size_t>(yi + k)] += total;
      }
    });
    narrow(out, y.as<T>());
  });
}

void conv2d_grad_input_reference(ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                                 const Conv2dShape& s) {
  dispatch_float(dy.dtype, [&]<typename T>() {
    const T* grad = dy.as<T>();
    const T* filter = weight.as<T>();
    std::vector<double> out(static_cast<std::size_t>(s.input_numel()), 0.0);
    if (bias) {
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = wide(bias.as<T>()[i % static_cast<std::size_t>(s.c)]);
    }
    for_each_product(s, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      for (std::int64_t k = 0; k < s.k; ++k) {
        const T* row = filter + k * s.r * s.s * s.c + wi;
        const double g = wide(grad[yi + k]);
        for (std::int64_t c = 0; c < s.c; ++c) out[static_cast<std::size_t>(xi + c)] += g * wide(row[c]);
      }
    });
    narrow(out, dx.as<T>());
  });
}

void conv2d_grad_weight_reference(ConstArray x, ConstArray dy, Array dw, const Conv2dShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* in = x.as<T>();
    const T* grad = dy.as<T>();
    std::vector<double> out(static_cast<std::size_t>(s.weight_numel()), 0.0);
    for_each_product(s, [&](std::int64_t xi, std::int64_t wi, std::int64_t yi) {
      for (std::int64_t k = 0; k < s.k; ++k) {
        double* row = out.data() + k * s.r * s.s * s.c + wi;
        const double g = wide(grad[yi + k]);
        for (std::int64_t c = 0; c < s.c; ++c) row[c] += g * wide(in[xi + c]);
      }
    });
    narrow(out, dw.as<T>());
  });
}

}  // namespace dg::cpu
