// The ways to compute a convolution; conv2d.cpp picks. Arrays as in kernels/backend.h, in the type of the arithmetic.
#pragma once

#include "kernels/cpu/conv_source.h"
#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

// conv2d.cpp: which of the two a float convolution takes.
bool takes_winograd(const Machine& m, ConvPass pass, const Conv2dShape& shape);

// ---- conv2d_direct.cpp: every shape, float and double ----
template <typename T>
void conv2d_direct(Machine& m, const ConvSource<T>& x, const T* weight, const T* bias, T* y,
                   const Conv2dShape& shape);
template <typename T>
void conv2d_grad_input_direct(Machine& m, const T* dy, const T* weight, const T* bias, T* dx,
                              const Conv2dShape& shape);
template <typename T>
void conv2d_grad_weight_direct(Machine& m, const T* x, const T* dy, T* dw, const Conv2dShape& shape);
// Elements that these borrow from the workspace at one time.
std::int64_t direct_scratch_numel(const Machine& m, ConvPass pass, const Conv2dShape& shape,
                                  bool normalised = false);

// ---- conv2d_winograd.cpp: 3x3 and 4x4, stride 1 and 2, with fewer multiplications and some of the accuracy ----
bool winograd_takes(ConvPass pass, const Conv2dShape& shape);
// mean and variance (N, K) of y per image and channel may be null. products: of float32 or, where m.products says
// so, bfloat16.
void conv2d_winograd(Machine& m, const ConvSource<float>& x, const float* weight, const float* bias, float* y,
                     float* mean, float* variance, const Conv2dShape& shape, DType products);
void conv2d_grad_input_winograd(Machine& m, const float* dy, const float* weight, const float* bias,
                                float* dx, const Conv2dShape& shape, DType products);
// conv2d_grad_weight_winograd.cpp
void conv2d_grad_weight_winograd(Machine& m, const float* x, const float* dy, float* dw,
                                 const Conv2dShape& shape);
std::int64_t winograd_grad_weight_scratch_bytes(const Machine& m, const Conv2dShape& shape);
// Of all three; moments: whether mean and variance are asked for.
std::int64_t winograd_scratch_bytes(const Machine& m, ConvPass pass, const Conv2dShape& shape, DType products,
                                    bool moments);

}  // namespace dg::cpu::DG_CPU_ISA
