// cuBLAS' matrix product, for the measured peak of the arithmetic: the best that a machine is seen to do, whatever its
// data sheet says. Found at run time; declared here, so that the build needs no header of it.
#pragma once

#include "bench/bench_device.h"
#include "kernels/cuda/shared_library.h"

namespace dg::bench {

class Cublas {
 public:
  explicit Cublas(void* stream);  // Error: the library, or a function of it, is not there
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;
  ~Cublas();

  // c = a * b, square matrices of `size`; float32 or bfloat16, as the arithmetic stores them.
  void multiply(Arithmetic arithmetic, const void* a, const void* b, void* c, int size) const;

 private:
  using Handle = void*;
  cuda::SharedLibrary library_;
  Handle handle_ = nullptr;
  int (*create_)(Handle*) = nullptr;
  int (*destroy_)(Handle) = nullptr;
  int (*set_stream_)(Handle, void*) = nullptr;
  int (*gemm_)(Handle, int transpose_a, int transpose_b, int m, int n, int k, const void* alpha,
               const void* a, int type_a, int lda, const void* b, int type_b, int ldb, const void* beta,
               void* c, int type_c, int ldc, int compute_type, int algorithm) = nullptr;
};

}  // namespace dg::bench
