// The matrix product as it is defined.
#include "kernels/cpu/reference.h"

namespace dg::cpu {

void matmul_reference(ConstArray a, ConstArray b, Array y, const MatmulShape& s) {
  dispatch_float(a.dtype, [&]<typename T>() {
    const T* left = a.as<T>();
    const T* right = b.as<T>();
    T* out = y.as<T>();
    for (std::int64_t i = 0; i < s.m; ++i) {
      for (std::int64_t j = 0; j < s.n; ++j) {
        double total = 0.0;
        for (std::int64_t k = 0; k < s.k; ++k) {
          const auto u = static_cast<Compute<T>>(left[s.transpose_a ? k * s.m + i : i * s.k + k]);
          const auto v = static_cast<Compute<T>>(right[s.transpose_b ? j * s.k + k : k * s.n + j]);
          total += static_cast<double>(u) * static_cast<double>(v);
        }
        out[i * s.n + j] = T(static_cast<Compute<T>>(total));
      }
    }
  });
}

}  // namespace dg::cpu
