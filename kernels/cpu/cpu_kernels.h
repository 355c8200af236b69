// The CPU kernels of one instruction set, one group per file of the same name. Contracts are those of kernels/backend.h.
#pragma once

#include "kernels/cpu/isa.h"

namespace dg::cpu::DG_CPU_ISA {

// elementwise.cpp
void fill(Machine& m, Array y, std::int64_t n, double value);
void cast(Machine& m, ConstArray x, Array y, std::int64_t n);
void unary(Machine& m, UnaryOp op, ConstArray x, Array y, std::int64_t n, double a, double b);
void binary(Machine& m, BinaryOp op, ConstArray p, ConstArray q, Array y, const BroadcastShape& shape,
            double a, double b);
void copy_2d(Machine& m, ConstArray x, Array y, const Copy2dShape& shape);

// reduce.cpp
void sum(Machine& m, ConstArray x, Array y, const ReduceShape& shape);
void expand(Machine& m, ConstArray x, Array y, const ReduceShape& shape);

// matmul.cpp
void matmul(Machine& m, ConstArray a, ConstArray b, Array y, const MatmulShape& shape);

// conv2d.cpp
void conv2d(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape);
void conv2d_grad_input(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                       const Conv2dShape& shape);
void conv2d_grad_weight(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape);
std::string conv2d_algorithm(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& shape);
// What these borrow from the workspace at one time.
std::int64_t conv2d_scratch_bytes(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& shape);

// conv2d_fused.cpp
void conv2d_fused(Machine& m, const float* x, const float* weight, const float* bias, float* y,
                  const Conv2dShape& shape, const ConvFusion& fusion);
std::int64_t conv2d_fused_scratch_bytes(const Machine& m, const Conv2dShape& shape, const ConvFusion& fusion);

// resample.cpp
void pad2d(Machine& m, ConstArray x, Array y, const Pad2dShape& shape);
void pad2d_grad(Machine& m, ConstArray dy, Array dx, const Pad2dShape& shape);
void upsample_nearest(Machine& m, ConstArray x, Array y, const Upsample2dShape& shape);
void upsample_nearest_grad(Machine& m, ConstArray dy, Array dx, const Upsample2dShape& shape);
void max_pool2d(Machine& m, ConstArray x, Array y, std::int32_t* indices, const Pool2dShape& shape);
void max_pool2d_scatter(Machine& m, ConstArray dy, const std::int32_t* indices, Array dx,
                        const Pool2dShape& shape);
void max_pool2d_gather(Machine& m, ConstArray x, const std::int32_t* indices, Array y,
                       const Pool2dShape& shape);

// norm.cpp
void norm(Machine& m, ConstArray x, ConstArray gamma, ConstArray beta, ConstArray residual, Array y,
          Array mean, Array variance, double eps, const NormShape& shape, const Epilogue& epilogue);
// Mean and biased variance per group and channel.
void moments(Machine& m, const float* x, float* mean, float* variance, const NormShape& shape);
void scale_shift(Machine& m, const float* x, const float* scale, const float* shift, const float* residual,
                 float* y, const NormShape& shape, const Epilogue& epilogue);
void norm_grad(Machine& m, ConstArray dy, ConstArray x, ConstArray mean, ConstArray variance,
               ConstArray gamma, ConstArray beta, Array dx, Array dgamma, Array dbeta, double eps,
               const NormShape& shape, const Epilogue& epilogue);

// random.cpp
void random_uniform(Machine& m, PhiloxState state, Array y, std::int64_t n);
void random_normal(Machine& m, PhiloxState state, Array y, std::int64_t n);
void dropout(Machine& m, PhiloxState state, ConstArray x, Array y, std::int64_t n, double rate);

// optimizer.cpp
void adam(Machine& m, std::span<const AdamTensor> tensors, const AdamOptions& options);
void ema(Machine& m, std::span<const EmaTensor> tensors, double decay);

// image_conversion.cpp
void image_to_float(Machine& m, const std::uint8_t* x, Array y, std::int64_t n);
void float_to_image(Machine& m, ConstArray x, std::uint8_t* y, std::int64_t n);

}  // namespace dg::cpu::DG_CPU_ISA
