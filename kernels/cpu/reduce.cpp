// Sums over the middle of (outer, reduce, inner), in double. The middle is cut into blocks whose size depends on the
// shape alone; block sums are added in order, so the result does not depend on the number of threads.
#include "kernels/cpu/cpu_kernels.h"

namespace dg::cpu::DG_CPU_ISA {
namespace {

constexpr std::int64_t kBlockElements = 16384;

// Eight chains, so that additions overlap.
template <typename T>
double sum_run(const T* x, std::int64_t n) {
  double chain[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int lane = 0; lane < 8; ++lane)
      chain[lane] += static_cast<double>(static_cast<Compute<T>>(x[i + lane]));
  }
  for (; i < n; ++i) chain[0] += static_cast<double>(static_cast<Compute<T>>(x[i]));
  return ((chain[0] + chain[1]) + (chain[2] + chain[3])) + ((chain[4] + chain[5]) + (chain[6] + chain[7]));
}

// target[i] = sum over rows of x[row][i]. Strips of 16 columns stay in registers on their way down.
template <typename T>
void sum_rows(const T* x, std::int64_t rows, std::int64_t columns, double* target) {
  constexpr std::int64_t kStrip = 16;
  std::int64_t first = 0;
  for (; first + kStrip <= columns; first += kStrip) {
    double total[kStrip] = {};
    for (std::int64_t row = 0; row < rows; ++row) {
      const T* source = x + row * columns + first;
      for (int i = 0; i < kStrip; ++i) total[i] += static_cast<double>(static_cast<Compute<T>>(source[i]));
    }
    std::copy(total, total + kStrip, target + first);
  }
  std::fill(target + first, target + columns, 0.0);
  for (std::int64_t row = 0; row < rows && first < columns; ++row) {
    for (std::int64_t i = first; i < columns; ++i) {
      target[i] += static_cast<double>(static_cast<Compute<T>>(x[row * columns + i]));
    }
  }
}

template <typename T>
void sum_typed(Machine& m, const T* x, T* y, const ReduceShape& s) {
  const std::int64_t rows_per_block = std::max<std::int64_t>(1, kBlockElements / s.inner);
  const std::int64_t blocks = std::max<std::int64_t>(1, (s.reduce + rows_per_block - 1) / rows_per_block);
  const auto partial = m.workspace.borrow<double>(s.outer * blocks * s.inner);

  // One task: one block of one outer index.
  parallel_for(m.threads, s.outer * blocks, s.outer * s.reduce * s.inner, [&](std::int64_t task) {
    const std::int64_t begin = task % blocks * rows_per_block;
    const std::int64_t end = std::min(begin + rows_per_block, s.reduce);
    const T* source = x + (task / blocks * s.reduce + begin) * s.inner;
    double* target = partial.data() + task * s.inner;
    if (s.inner == 1) {
      *target = sum_run(source, end - begin);
      return;
    }
    sum_rows(source, end - begin, s.inner, target);
  });

  parallel_runs(m.threads, s.outer * s.inner, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t j = begin; j < end; ++j) {
      const double* first = partial.data() + j / s.inner * blocks * s.inner + j % s.inner;
      double total = 0.0;
      for (std::int64_t block = 0; block < blocks; ++block) total += first[block * s.inner];
      y[j] = T(static_cast<Compute<T>>(total));
    }
  });
}

}  // namespace

void sum(Machine& m, ConstArray x, Array y, const ReduceShape& shape) {
  dispatch_float(x.dtype, [&]<typename T>() { sum_typed(m, x.as<T>(), y.as<T>(), shape); });
}

void expand(Machine& m, ConstArray x, Array y, const ReduceShape& s) {
  dispatch_float(x.dtype, [&]<typename T>() {
    const T* source = x.as<T>();
    T* target = y.as<T>();
    parallel_runs(m.threads, s.outer * s.reduce, kGrain / std::max<std::int64_t>(s.inner, 1) + 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t row = begin; row < end; ++row) {
                      const T* from = source + row / s.reduce * s.inner;
                      std::copy(from, from + s.inner, target + row * s.inner);
                    }
                  });
  });
}

}  // namespace dg::cpu::DG_CPU_ISA

#include "kernels/cpu/isa_end.h"
