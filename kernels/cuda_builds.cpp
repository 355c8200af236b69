// Which CUDA devices this build has, and what it answers when asked for one that it lacks.
#include "kernels/backend.h"

namespace dg {

#if defined(DEBLURGAN_HAS_CUDA)
bool has_cuda_kernels() { return true; }
#else
bool has_cuda_kernels() { return false; }
#endif

#if defined(DEBLURGAN_HAS_EMULATOR)
bool has_cuda_emulator() { return true; }
#else
bool has_cuda_emulator() { return false; }
#endif

#if !defined(DEBLURGAN_HAS_CUDA)
std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& /*options*/) {
  fail(
      "device 'cuda': this build has no CUDA kernels; install the CUDA Toolkit (nvcc 12.1 or later), make "
      "sure that nvcc is "
      "on the PATH or named by CUDACXX, and configure and build again, or use the device 'cpu'");
}
#endif

#if !defined(DEBLURGAN_HAS_EMULATOR)
std::unique_ptr<Backend> make_cuda_emulated_backend(const CudaOptions& /*options*/) {
  fail("device 'cuda-emulated': this build has no emulator; configure with -DDEBLURGAN_EMULATOR=ON");
}
#endif

}  // namespace dg
