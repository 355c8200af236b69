#include "bench/cublas.h"

namespace dg::bench {
namespace {

// From cublas_api.h and library_types.h, unchanged since CUDA 11.
constexpr int kNoTranspose = 0;
constexpr int kFloat32 = 0;
constexpr int kBfloat16 = 14;
constexpr int kComputeFloat32 = 68;
constexpr int kComputeTf32 = 77;
constexpr int kDefaultAlgorithm = -1;

}  // namespace

Cublas::Cublas(void* stream)
    : library_(std::vector<std::string>{"libcublas.so.13", "libcublas.so.12", "libcublas.so"}) {
  library_.get("cublasCreate_v2", create_);
  library_.get("cublasDestroy_v2", destroy_);
  library_.get("cublasSetStream_v2", set_stream_);
  library_.get("cublasGemmEx", gemm_);
  const int status = create_(&handle_);
  check(status == 0, "cuBLAS: cannot be started, status ", status);
  set_stream_(handle_, stream);
}

Cublas::~Cublas() { destroy_(handle_); }

void Cublas::multiply(Arithmetic arithmetic, const void* a, const void* b, void* c, int size) const {
  const int type = arithmetic == Arithmetic::bf16 ? kBfloat16 : kFloat32;
  const int compute = arithmetic == Arithmetic::tf32 ? kComputeTf32 : kComputeFloat32;
  const float one = 1.0F;
  const float zero = 0.0F;
  const int status = gemm_(handle_, kNoTranspose, kNoTranspose, size, size, size, &one, a, type, size, b,
                           type, size, &zero, c, type, size, compute, kDefaultAlgorithm);
  check(status == 0, "cuBLAS: a product of ", size, " x ", size, " matrices failed, status ", status);
}

}  // namespace dg::bench
