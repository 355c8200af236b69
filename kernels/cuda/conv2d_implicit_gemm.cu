// Convolution forward as an implicit matrix product on tensor cores:
//   y[n,p,q,k] = activation(bias[k] + sum_{r,s,c} x[n, p stride_h - top + r, q stride_w - left + s, c] weight[k,r,s,c])
// x (N,H,W,C), weight (K,R,S,C), bias (K) or null, y (N,P,Q,K).
//
// M = N P Q pixels, N = K, depth = R S C; both operands have the depth contiguous. The matrix of windows is never stored:
// its tiles are gathered while the previous ones are multiplied (implicit_gemm_gather.h, mma_pipeline.h, mma_tile.h).
// FLOP: 2 M N depth. A block tile of 128 x 128 does 64 multiply-adds an element loaded: bfloat16 layers of 64 channels
// and more are meant to be bound by the tensor cores, not by memory.
//
// Accuracy, with S = sum |x w|: products of bfloat16 are exact; float32 operands are rounded to tf32, which costs up to
// 2^-10 S; both are summed in float (the emulator rounds each addition, tensor cores may cut off), and bfloat16 results
// are rounded once. Sums run slab after slab and splits in their order: the same bits from run to run on the same GPU.
// Tiles and splits depend on its number of multiprocessors, so another GPU may round differently.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/implicit_gemm_gather.h"

namespace dg::DG_TARGET {
namespace {

template <typename T>
void run(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& s,
         const Epilogue& epilogue) {
  gather_gemm<T, Major::depth>(m, "conv2d_implicit_gemm", forward_shape(s), x.as<T>(), weight.as<T>(),
                               {.y = y.as<T>(),
                                .bias = bias ? bias.as<T>() : nullptr,
                                .numel = s.output_numel(),
                                .columns = static_cast<int>(s.k),
                                .epilogue = epilogue});
}

}  // namespace

bool implicit_gemm_takes(const Machine& m, ConvPass pass, DType dtype, const Conv2dShape& s) {
  const bool bf16 = dtype == DType::bfloat16;
  if (!bf16 && !(dtype == DType::float32 && m.options.tf32)) return false;

  // Copies are 16 bytes: of c always, of k where dy is an operand.
  const std::int64_t chunk = bf16 ? 8 : 4;
  if (s.c % chunk != 0 || (pass != ConvPass::forward && s.k % chunk != 0)) return false;

  // What the kernels' 32-bit indices and masks hold: chunks of a tensor (with room for windows that begin outside),
  // elements of a weight, taps, phases.
  constexpr std::int64_t kLimit = std::int64_t{3} << 29;
  if (s.input_numel() / chunk >= kLimit || s.output_numel() / chunk >= kLimit || s.weight_numel() >= kLimit ||
      s.n * s.h * s.w >= kLimit || s.n * s.p() * s.q() >= kLimit) {
    return false;
  }
  if (pass != ConvPass::grad_weight && (s.r > kMaxTaps || s.s > kMaxTaps)) return false;
  if (pass == ConvPass::grad_input && s.stride_h * s.stride_w > kMaxPhases) return false;

  // The smallest tile is 64 wide and a slab 32 channels deep. With fewer than 256 pairs of channels less than an eighth of
  // that is of use, and the tensor cores' advantage is gone.
  return m.options.conv_tier == CudaConvTier::tensor_core || s.c * s.k >= 256;
}

void conv2d_implicit_gemm(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y,
                          const Conv2dShape& s, const Epilogue& epilogue) {
  if (s.output_numel() == 0) return;
  check(implicit_gemm_takes(m, ConvPass::forward, x.dtype, s),
        "conv2d_implicit_gemm: not a shape, type or option that it "
        "takes (C=",
        s.c, ", ", name_of(x.dtype), "); ask implicit_gemm_takes first");
  check_arrays("conv2d_implicit_gemm", {x, weight, y});
  if (y.dtype == DType::bfloat16) {
    run<bfloat16>(m, x, weight, bias, y, s, epilogue);
  } else {
    run<float>(m, x, weight, bias, y, s, epilogue);
  }
}

}  // namespace dg::DG_TARGET
