// y (m, n) = A B, either operand stored transposed or not. B is packed in blocks of kDepth x kColumns that stay in the
// second-level cache, as panels of two registers' width; the micro-kernel of fma_tile.h then reads A where it lies. Sums
// are taken block by block along k, whatever the number of threads.
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/fma_tile.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

constexpr std::int64_t kDepth = 128;
constexpr std::int64_t kPanels = 8;  // of one block
constexpr std::int64_t kRows = 192;  // of A per task: the cost of packing B is shared by as many

template <typename T>
constexpr std::int64_t kPanel = 2 * kLanes<T>;
template <typename T>
constexpr std::int64_t kColumns = kPanels* kPanel<T>;

// Rows first_k .. and columns first_column .. of B as panels [panel][depth][kPanel], zeros beyond the last column.
template <typename T>
void pack(const T* b, const MatmulShape& s, std::int64_t first_k, std::int64_t depth,
          std::int64_t first_column, std::int64_t columns, T* packed) {
  for (std::int64_t panel = 0; panel * kPanel<T> < columns; ++panel) {
    const std::int64_t first = first_column + panel * kPanel<T>;
    const std::int64_t width = std::min(kPanel<T>, s.n - first);
    for (std::int64_t t = 0; t < depth; ++t) {
      T* target = packed + (panel * depth + t) * kPanel<T>;
      const std::int64_t k = first_k + t;
      for (std::int64_t j = 0; j < width; ++j) {
        target[j] = s.transpose_b ? b[(first + j) * s.k + k] : b[k * s.n + first + j];
      }
      std::fill(target + width, target + kPanel<T>, T(0));
    }
  }
}

// y (rows, columns) of one block of k: stored, or added to what the blocks before have left.
template <typename T>
void multiply(const T* a, const MatmulShape& s, std::int64_t first_k, std::int64_t depth,
              std::int64_t first_row, std::int64_t rows, const T* panel, std::int64_t first_column, T* y) {
  const std::int64_t row_step = s.transpose_a ? 1 : s.k;
  const std::int64_t depth_step = s.transpose_a ? s.m : 1;
  const std::int64_t width = std::min(kPanel<T>, s.n - first_column);
  for_row_groups(rows, [&](std::int64_t begin, std::int64_t count) {
    dispatch_rows(count, [&]<int Rows>() {
      Tile<T, Rows, 2> tile;
      tile.clear();
      const std::int64_t row = first_row + begin;
      tile.accumulate(a + row * row_step + first_k * depth_step, row_step, depth_step, panel, kPanel<T>,
                      depth);
      T* target = y + row * s.n + first_column;
      first_k == 0 ? tile.store_rows(target, s.n, width) : tile.add_rows(target, s.n, width);
    });
  });
}

template <typename T>
void matmul_typed(Machine& m, const T* a, const T* b, T* y, const MatmulShape& s) {
  if (s.k == 0) std::fill_n(y, s.m * s.n, T(0));
  const std::int64_t row_blocks = (s.m + kRows - 1) / kRows;
  const std::int64_t column_blocks = (s.n + kColumns<T> - 1) / kColumns<T>;
  const auto packed = m.workspace.borrow<T>(row_blocks * column_blocks * kDepth * kColumns<T>);
  parallel_for(m.threads, row_blocks * column_blocks, [&](std::int64_t task) {
    const std::int64_t first_row = task / column_blocks * kRows;
    const std::int64_t first_column = task % column_blocks * kColumns<T>;
    const std::int64_t rows = std::min(kRows, s.m - first_row);
    const std::int64_t columns = std::min(kColumns<T>, s.n - first_column);
    T* const block = packed.data() + task * kDepth * kColumns<T>;
    for (std::int64_t k = 0; k < s.k; k += kDepth) {
      const std::int64_t depth = std::min(kDepth, s.k - k);
      pack(b, s, k, depth, first_column, columns, block);
      for (std::int64_t panel = 0; panel * kPanel<T> < columns; ++panel) {
        multiply(a, s, k, depth, first_row, rows, block + panel * depth * kPanel<T>,
                 first_column + panel * kPanel<T>, y);
      }
    }
  });
}

}  // namespace

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

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
