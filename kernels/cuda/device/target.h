// Every .cu file is compiled twice: by nvcc for a GPU, and by the host compiler for the emulator (DG_EMULATED), into two
// namespaces, so that both live in one program. Kernels use CUDA's built-in names for indices and __syncthreads, and for
// all that is more than that the primitives of this folder, each of which has a PTX and a host branch.
#pragma once

#include "kernels/host_device.h"

#if defined(DG_EMULATED)
#include "kernels/emulator/builtins.h"
#define DG_TARGET cuda_emulated
#else
#include <cuda_runtime.h>
#define DG_TARGET cuda
#endif

namespace dg::DG_TARGET {

constexpr int kWarp = 32;
constexpr unsigned kFullMask = 0xffffffffU;

}  // namespace dg::DG_TARGET
