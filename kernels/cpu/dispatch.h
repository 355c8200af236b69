// The CPU backends of this build, one for each instruction set.
#pragma once

#include <memory>

#include "kernels/backend.h"

namespace dg::cpu {

namespace baseline {
std::unique_ptr<Backend> make_backend(int threads, CpuKernels kernels);
}
namespace avx2 {
std::unique_ptr<Backend> make_backend(int threads, CpuKernels kernels);
}
namespace avx512 {
std::unique_ptr<Backend> make_backend(int threads, CpuKernels kernels);
}

}  // namespace dg::cpu
