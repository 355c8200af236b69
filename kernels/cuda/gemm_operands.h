// Operands of gemm_tile.h that are matrices in memory, and what all operands share: which elements a thread carries from
// global to shared memory. `line` is a row of A or a column of B; a tile is kWidth lines wide and kGemmDepth deep.
#pragma once

#include "kernels/cuda/gemm_tile.h"

namespace dg::DG_TARGET {

// Neighbours in memory run along the depth. A thread carries four values of depth of kCount lines, so that a warp reads
// eight runs of 16 values.
template <typename T, int kWidth>
class CarriedAlongDepth {
 public:
  static constexpr int kCount = kWidth * kGemmDepth / 4 / kGemmThreads;

  __device__ static int line(int i) { return static_cast<int>(threadIdx.x) / 4 + kGemmThreads / 4 * i; }
  __device__ static int depth() { return static_cast<int>(threadIdx.x) % 4 * 4; }

  __device__ void put(Compute<T>* tile) const {
    const int first = depth();
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const int at = line(i) ^ gemm_swizzle(first);
#pragma unroll
      for (int e = 0; e < 4; ++e)
        tile[(first + e) * kWidth + at] = static_cast<Compute<T>>(carried_[i].value[e]);
    }
  }

 protected:
  Vector<T, 4> carried_[kCount];
};

// Neighbours in memory are neighbouring lines. A thread carries four lines at kCount places of the depth.
template <typename T, int kWidth>
class CarriedAcrossDepth {
 public:
  static constexpr int kCount = kWidth * kGemmDepth / 4 / kGemmThreads;
  static constexpr int kPerPass = kGemmDepth / kCount;  // places of the depth that the block carries at once

  __device__ static int line() { return static_cast<int>(threadIdx.x) % (kWidth / 4) * 4; }
  __device__ static int depth(int i) { return static_cast<int>(threadIdx.x) / (kWidth / 4) + kPerPass * i; }

  __device__ void put(Compute<T>* tile) const {
    const int first = line();
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      Vector<Compute<T>, 4> values;
#pragma unroll
      for (int e = 0; e < 4; ++e) values.value[e] = static_cast<Compute<T>>(carried_[i].value[e]);
      store_vector<4>(tile + depth(i) * kWidth + (first ^ gemm_swizzle(depth(i))), values);
    }
  }

 protected:
  Vector<T, 4> carried_[kCount];
};

// A matrix in memory: `lines` lines of `depth` values, `stride` elements from one row of memory to the next.
template <typename T>
struct MatrixView {
  const T* data;
  std::int64_t stride;
  int lines;
  int depth;
};

// Line l, depth d at data[l * stride + d]. kVector: stride, depth and data are multiples of four elements.
template <typename T, int kWidth, bool kVector>
class MatrixAlongDepth : public CarriedAlongDepth<T, kWidth> {
  using Base = CarriedAlongDepth<T, kWidth>;

 public:
  // From line first_line and depth first_depth on.
  __device__ MatrixAlongDepth(const MatrixView<T>& m, int first_line, int first_depth)
      : stride_(m.stride), left_(m.depth - first_depth - Base::depth()), lines_(m.lines - first_line) {
    at_ = m.data + (first_line + Base::line(0)) * m.stride + first_depth + Base::depth();
  }

  __device__ void fetch() {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i) {
      const T* from = at_ + i * (kGemmThreads / 4) * stride_;
      const bool inside = Base::line(i) < lines_;
      if constexpr (kVector) {
        this->carried_[i] = inside && left_ > 0 ? load_vector<4>(from) : Vector<T, 4>{};
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) this->carried_[i].value[e] = inside && e < left_ ? from[e] : T{};
      }
    }
    at_ += kGemmDepth;
    left_ -= kGemmDepth;
  }

 private:
  const T* at_;
  std::int64_t stride_;
  int left_;   // values of depth from this thread's first on
  int lines_;  // from the tile's first on
};

// Line l, depth d at data[d * stride + l]. kVector: stride, lines and data are multiples of four elements.
template <typename T, int kWidth, bool kVector>
class MatrixAcrossDepth : public CarriedAcrossDepth<T, kWidth> {
  using Base = CarriedAcrossDepth<T, kWidth>;

 public:
  __device__ MatrixAcrossDepth(const MatrixView<T>& m, int first_line, int first_depth)
      : stride_(m.stride), left_(m.depth - first_depth), lines_(m.lines - first_line - Base::line()) {
    at_ = m.data + (first_depth + Base::depth(0)) * m.stride + first_line + Base::line();
  }

  __device__ void fetch() {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i) {
      const T* from = at_ + i * Base::kPerPass * stride_;
      const bool inside = Base::depth(i) < left_;
      if constexpr (kVector) {
        this->carried_[i] = inside && lines_ > 0 ? load_vector<4>(from) : Vector<T, 4>{};
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) this->carried_[i].value[e] = inside && e < lines_ ? from[e] : T{};
      }
    }
    at_ += kGemmDepth * stride_;
    left_ -= kGemmDepth;
  }

 private:
  const T* at_;
  std::int64_t stride_;
  int left_;   // places of depth from the tile's first on
  int lines_;  // from this thread's first on
};

}  // namespace dg::DG_TARGET
