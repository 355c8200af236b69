// Which kernel a convolution takes. One function decides, for the launchers and for conv2d_algorithm alike: the kernels for
// few channels where they take the shape (a tile of the others would be mostly padding), else the tensor cores (bfloat16;
// float32 where tf32 products are allowed), else the tiled kernels, which take everything. CudaOptions::conv_tier forces
// one; cuDNN is never picked otherwise.
#include "kernels/cuda/cuda_kernels.h"

namespace dg::DG_TARGET {
namespace {

const char* name_of(ConvPass pass) {
  switch (pass) {
    case ConvPass::forward: return "conv2d";
    case ConvPass::grad_input: return "conv2d_grad_input";
    case ConvPass::grad_weight: return "conv2d_grad_weight";
  }
  return "conv2d";
}

[[noreturn]] void refuse(ConvPass pass, DType dtype, const Conv2dShape& s, const char* tier,
                         const char* takes) {
  fail(name_of(pass), ": conv_tier ", tier, " does not take ", dg::name_of(dtype), " x (", s.n, ",", s.h, ",",
       s.w, ",", s.c, "), weight (", s.k, ",", s.r, ",", s.s, ",", s.c, "), stride ", s.stride_h, "x",
       s.stride_w, "; it takes ", takes, "; use conv_tier automatic or tiled");
}

// automatic never comes out.
CudaConvTier pick_tier(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& shape) {
  switch (m.options.conv_tier) {
    case CudaConvTier::automatic: break;
    case CudaConvTier::tiled: return CudaConvTier::tiled;
    case CudaConvTier::small_channels:
      if (!small_channels_takes(pass, dtype, shape)) {
        refuse(pass, dtype, shape, "small_channels",
               "float32 and bfloat16 with up to 4 input or output channels whose filter fits a block's 96 KB "
               "of shared "
               "memory (grad_weight with few output channels: stride 1 only)");
      }
      return CudaConvTier::small_channels;
    case CudaConvTier::tensor_core:
      if (!implicit_gemm_takes(m, pass, dtype, shape)) {
        refuse(pass, dtype, shape, "tensor_core",
               "bfloat16 with channel counts in eights and, where tf32 is allowed, float32 in fours "
               "(forward: the input channels only)");
      }
      return CudaConvTier::tensor_core;
    case CudaConvTier::cudnn:
      if (dtype == DType::float64) refuse(pass, dtype, shape, "cudnn", "float32 and bfloat16");
      return CudaConvTier::cudnn;
  }
  if (small_channels_takes(pass, dtype, shape)) return CudaConvTier::small_channels;
  if (implicit_gemm_takes(m, pass, dtype, shape)) return CudaConvTier::tensor_core;
  return CudaConvTier::tiled;
}

}  // namespace

void conv2d(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& shape,
            const Epilogue& epilogue) {
  switch (pick_tier(m, ConvPass::forward, x.dtype, shape)) {
    case CudaConvTier::tensor_core: return conv2d_implicit_gemm(m, x, weight, bias, y, shape, epilogue);
    case CudaConvTier::small_channels: return conv2d_small_channels(m, x, weight, bias, y, shape, epilogue);
    case CudaConvTier::cudnn: return conv2d_cudnn(m, x, weight, bias, y, shape, epilogue);
    default: return conv2d_tiled(m, x, weight, bias, y, shape, epilogue);
  }
}

void conv2d_grad_input(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                       const Conv2dShape& shape) {
  switch (pick_tier(m, ConvPass::grad_input, dy.dtype, shape)) {
    case CudaConvTier::tensor_core: return conv2d_grad_input_implicit_gemm(m, dy, weight, bias, dx, shape);
    case CudaConvTier::small_channels:
      return conv2d_grad_input_small_channels(m, dy, weight, bias, dx, shape);
    case CudaConvTier::cudnn: return conv2d_grad_input_cudnn(m, dy, weight, bias, dx, shape);
    default: return conv2d_grad_input_tiled(m, dy, weight, bias, dx, shape);
  }
}

void conv2d_grad_weight(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& shape) {
  switch (pick_tier(m, ConvPass::grad_weight, x.dtype, shape)) {
    case CudaConvTier::tensor_core: return conv2d_grad_weight_implicit_gemm(m, x, dy, dw, shape);
    case CudaConvTier::small_channels: return conv2d_grad_weight_small_channels(m, x, dy, dw, shape);
    case CudaConvTier::cudnn: return conv2d_grad_weight_cudnn(m, x, dy, dw, shape);
    default: return conv2d_grad_weight_tiled(m, x, dy, dw, shape);
  }
}

const char* conv2d_algorithm(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& shape) {
  switch (pick_tier(m, pass, dtype, shape)) {
    case CudaConvTier::tensor_core:
      return dtype == DType::bfloat16 ? "implicit_gemm_bf16" : "implicit_gemm_tf32";
    case CudaConvTier::small_channels: return "small_channels";
    case CudaConvTier::cudnn: return "cudnn";
    default: return "tiled";
  }
}

}  // namespace dg::DG_TARGET
