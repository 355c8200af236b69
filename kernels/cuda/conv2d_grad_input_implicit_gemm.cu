// The gradient of a convolution's input, which is also a transposed convolution, on tensor cores:
//   dx[n,h,w,c] = bias[c] + sum_{r,s,k} dy[n,p,q,k] weight[k,r,s,c]   over   p stride_h - top + r = h, q stride_w - left + s = w
// dy (N,P,Q,K), weight (K,R,S,C), bias (C) or null, dx (N,H,W,C).
//
// M = pixels of one phase of dx, N = C, depth = the phase's taps times K (implicit_gemm.h says why phases). dy has the depth
// contiguous; the weight's rows run along C, so its fragments are transposed on their way out of shared memory, and the
// weight is read as it is stored. FLOP: those of the forward pass. Determinism and rounding: as there.
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/implicit_gemm_gather.h"

namespace dg::DG_TARGET {
namespace {

template <typename T>
void run(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx, const Conv2dShape& s) {
  gather_gemm<T, Major::extent>(m, "conv2d_grad_input_implicit_gemm", grad_input_shape(s), dy.as<T>(),
                                weight.as<T>(),
                                {.y = dx.as<T>(),
                                 .bias = bias ? bias.as<T>() : nullptr,
                                 .numel = s.input_numel(),
                                 .columns = static_cast<int>(s.c)});
}

}  // namespace

void conv2d_grad_input_implicit_gemm(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                                     const Conv2dShape& s) {
  if (s.input_numel() == 0) return;
  check(implicit_gemm_takes(m, ConvPass::grad_input, dy.dtype, s),
        "conv2d_grad_input_implicit_gemm: not a shape, type or "
        "option that it takes (C=",
        s.c, ", K=", s.k, ", ", name_of(dy.dtype), "); ask implicit_gemm_takes first");
  check_arrays("conv2d_grad_input_implicit_gemm", {dy, weight, dx});
  if (dx.dtype == DType::bfloat16) {
    run<bfloat16>(m, dy, weight, bias, dx, s);
  } else {
    run<float>(m, dy, weight, bias, dx, s);
  }
}

}  // namespace dg::DG_TARGET
