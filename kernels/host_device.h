// Functions that run on the host and in CUDA kernels alike are marked DG_HOST_DEVICE.
#pragma once

#if defined(__CUDACC__)
#define DG_HOST_DEVICE __host__ __device__
#else
#define DG_HOST_DEVICE
#endif
