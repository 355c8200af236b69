// y (m, n) = A B. The plain loops specify it; the fast path hands blocks of fixed size to Eigen, so that the order of
// each sum does not depend on the number of threads.
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Dense>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/parallel.h"

namespace dg::cpu {
namespace {

template <typename T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <typename T>
using MatrixView = Eigen::Map<Matrix<T>, 0, Eigen::OuterStride<>>;
template <typename T>
using ConstMatrixView = Eigen::Map<const Matrix<T>, 0, Eigen::OuterStride<>>;

constexpr std::int64_t kBlock = 128;

// rows x columns of y, starting at (row, column).
template <typename T>
void multiply_block(const T* a, const T* b, T* y, const MatmulShape& s, std::int64_t row, std::int64_t rows,
                    std::int64_t column, std::int64_t columns) {
  MatrixView<T> out(y + row * s.n + column, rows, columns, Eigen::OuterStride<>(s.n));
  const auto left_normal = [&] {
    return ConstMatrixView<T>(a + row * s.k, rows, s.k, Eigen::OuterStride<>(s.k));
  };
  const auto left_stored = [&] { return ConstMatrixView<T>(a + row, s.k, rows, Eigen::OuterStride<>(s.m)); };
  const auto right_normal = [&] {
    return ConstMatrixView<T>(b + column, s.k, columns, Eigen::OuterStride<>(s.n));
  };
  const auto right_stored = [&] {
    return ConstMatrixView<T>(b + column * s.k, columns, s.k, Eigen::OuterStride<>(s.k));
  };
  if (!s.transpose_a && !s.transpose_b) {
    out.noalias() = left_normal() * right_normal();
  } else if (s.transpose_a && !s.transpose_b) {
    out.noalias() = left_stored().transpose() * right_normal();
  } else if (!s.transpose_a) {
    out.noalias() = left_normal() * right_stored().transpose();
  } else {
    out.noalias() = left_stored().transpose() * right_stored().transpose();
  }
}

template <typename T>
void matmul_typed(Machine& m, const T* a, const T* b, T* y, const MatmulShape& s) {
  const std::int64_t row_blocks = (s.m + kBlock - 1) / kBlock;
  const std::int64_t column_blocks = (s.n + kBlock - 1) / kBlock;
  parallel_for(m.threads, row_blocks * column_blocks, [&](std::int64_t task) {
    const std::int64_t row = task / column_blocks * kBlock;
    const std::int64_t column = task % column_blocks * kBlock;
    multiply_block(a, b, y, s, row, std::min(kBlock, s.m - row), column, std::min(kBlock, s.n - column));
  });
}

}  // namespace

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

void matmul(Machine& m, ConstArray a, ConstArray b, Array y, const MatmulShape& shape) {
  switch (a.dtype) {
    case DType::float32: return matmul_typed(m, a.as<float>(), b.as<float>(), y.as<float>(), shape);
    case DType::float64: return matmul_typed(m, a.as<double>(), b.as<double>(), y.as<double>(), shape);
    case DType::bfloat16: {
      const auto left = m.workspace.borrow<float>(shape.m * shape.k);
      const auto right = m.workspace.borrow<float>(shape.k * shape.n);
      const auto out = m.workspace.borrow<float>(shape.m * shape.n);
      cast(m, a, {left.data(), DType::float32}, shape.m * shape.k);
      cast(m, b, {right.data(), DType::float32}, shape.k * shape.n);
      matmul_typed<float>(m, left.data(), right.data(), out.data(), shape);
      return cast(m, {out.data(), DType::float32}, y, shape.m * shape.n);
    }
  }
}

}  // namespace dg::cpu
