// The plain loops that specify convolution, matrix product and normalisation, with sums in double. Contracts are those of
// kernels/backend.h.
#pragma once

#include "kernels/backend.h"

namespace dg::cpu {

// conv2d_reference.cpp
void conv2d_reference(ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape);
void conv2d_grad_input_reference(ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                                 const Conv2dShape& shape);
void conv2d_grad_weight_reference(ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape);

// matmul_reference.cpp
void matmul_reference(ConstArray a, ConstArray b, Array y, const MatmulShape& shape);

// norm_reference.cpp
void norm_reference(ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y, Array mean,
                    Array variance, double eps, const NormShape& shape, const Epilogue& epilogue);

}  // namespace dg::cpu
