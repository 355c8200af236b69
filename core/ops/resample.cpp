// Padding, cropping, nearest upsampling and max pooling. All are linear (pooling for fixed winners), so each pair of
// op and adjoint is closed under differentiation.
#include <limits>

#include "core/ops/common.h"

namespace dg {
namespace {

Tensor pad_adjoint(const Tensor& grad_output, const Pad2dShape& s) {
  Tensor dx = Tensor::empty(grad_output.context(), {s.n, s.h, s.w, s.c}, grad_output.dtype());
  grad_output.backend().pad2d_grad(grad_output.array(), dx.mutable_array(), s);
  return record("pad2d_grad", std::move(dx), {grad_output},
                [padding = s.padding, mode = s.mode](const BackwardCall& call) -> std::vector<Tensor> {
                  return {pad2d(call.grad, padding, mode)};
                });
}

Tensor upsample_adjoint(const Tensor& grad_output, const Upsample2dShape& s) {
  Tensor dx = Tensor::empty(grad_output.context(), {s.n, s.h, s.w, s.c}, grad_output.dtype());
  grad_output.backend().upsample_nearest_grad(grad_output.array(), dx.mutable_array(), s);
  return record("upsample_nearest2d_grad", std::move(dx), {grad_output},
                [scale = s.scale](const BackwardCall& call) -> std::vector<Tensor> {
                  return {upsample_nearest2d(call.grad, scale)};
                });
}

// The winners' positions, stored in a float32 tensor of the output's shape: both have four bytes.
struct Winners {
  Tensor memory;
  std::int32_t* data() { return static_cast<std::int32_t*>(memory.mutable_array().data); }
  const std::int32_t* data() const { return static_cast<const std::int32_t*>(memory.array().data); }
};

Tensor pool_gather(const Tensor& x, const Winners& winners, const Pool2dShape& s);

Tensor pool_scatter(const Tensor& grad_output, const Winners& winners, const Pool2dShape& s) {
  Tensor dx = Tensor::empty(grad_output.context(), {s.n, s.h, s.w, s.c}, grad_output.dtype());
  grad_output.backend().max_pool2d_scatter(grad_output.array(), winners.data(), dx.mutable_array(), s);
  return record("max_pool2d_scatter", std::move(dx), {grad_output},
                [winners, s](const BackwardCall& call) -> std::vector<Tensor> {
                  return {pool_gather(call.grad, winners, s)};
                });
}

Tensor pool_gather(const Tensor& x, const Winners& winners, const Pool2dShape& s) {
  Tensor y = Tensor::empty(x.context(), {s.n, s.p(), s.q(), s.c}, x.dtype());
  x.backend().max_pool2d_gather(x.array(), winners.data(), y.mutable_array(), s);
  return record("max_pool2d_gather", std::move(y), {x},
                [winners, s](const BackwardCall& call) -> std::vector<Tensor> {
                  return {pool_scatter(call.grad, winners, s)};
                });
}

}  // namespace

Tensor pad2d(const Tensor& x, Padding2d padding, PadMode mode) {
  check_image("pad2d", x);
  const Pad2dShape s{x.dim(0), x.dim(1), x.dim(2), x.dim(3), padding, mode};
  check(padding.top >= 0 && padding.bottom >= 0 && padding.left >= 0 && padding.right >= 0,
        "pad2d: padding is negative; use crop2d");
  check(mode != PadMode::reflect || (std::max(padding.top, padding.bottom) < std::max<std::int64_t>(s.h, 1) &&
                                     std::max(padding.left, padding.right) < std::max<std::int64_t>(s.w, 1)),
        "pad2d: reflection by ", padding.top, "+", padding.bottom, " rows and ", padding.left, "+",
        padding.right, " columns needs a larger image than ", s.h, "x", s.w);
  Tensor y = Tensor::empty(x.context(), {s.n, s.padded_h(), s.padded_w(), s.c}, x.dtype());
  x.backend().pad2d(x.array(), y.mutable_array(), s);
  return record("pad2d", std::move(y), {x},
                [s](const BackwardCall& call) -> std::vector<Tensor> { return {pad_adjoint(call.grad, s)}; });
}

Tensor crop2d(const Tensor& x, Padding2d margins) {
  check_image("crop2d", x);
  const Pad2dShape s{x.dim(0),
                     x.dim(1) - margins.top - margins.bottom,
                     x.dim(2) - margins.left - margins.right,
                     x.dim(3),
                     margins,
                     PadMode::zero};
  check(margins.top >= 0 && margins.bottom >= 0 && margins.left >= 0 && margins.right >= 0 && s.h > 0 &&
            s.w > 0,
        "crop2d: margins ", margins.top, "+", margins.bottom, ", ", margins.left, "+", margins.right,
        " leave nothing of ", x.dim(1), "x", x.dim(2));
  return pad_adjoint(x, s);
}

Tensor upsample_nearest2d(const Tensor& x, std::int64_t scale) {
  check_image("upsample_nearest2d", x);
  check(scale > 0, "upsample_nearest2d: scale ", scale, ", expected 1 or more");
  const Upsample2dShape s{x.dim(0), x.dim(1), x.dim(2), x.dim(3), scale};
  Tensor y = Tensor::empty(x.context(), {s.n, s.h * scale, s.w * scale, s.c}, x.dtype());
  x.backend().upsample_nearest(x.array(), y.mutable_array(), s);
  return record(
      "upsample_nearest2d", std::move(y), {x},
      [s](const BackwardCall& call) -> std::vector<Tensor> { return {upsample_adjoint(call.grad, s)}; });
}

Tensor max_pool2d(const Tensor& x, std::int64_t window, std::int64_t stride) {
  check_image("max_pool2d", x);
  const Pool2dShape s{x.dim(0), x.dim(1), x.dim(2), x.dim(3), window, stride};
  check(window > 0 && stride > 0, "max_pool2d: window ", window, ", stride ", stride, ", expected 1 or more");
  check(s.h >= window && s.w >= window, "max_pool2d: image ", s.h, "x", s.w, " is smaller than the window ",
        window);
  check(s.h <= std::numeric_limits<std::int32_t>::max() / s.w, "max_pool2d: image ", s.h, "x", s.w,
        " has more pixels than a 32-bit index can name");
  const Shape shape{s.n, s.p(), s.q(), s.c};
  Tensor y = Tensor::empty(x.context(), shape, x.dtype());
  Winners winners{Tensor::empty(x.context(), shape, DType::float32)};
  x.backend().max_pool2d(x.array(), y.mutable_array(), winners.data(), s);
  return record("max_pool2d", std::move(y), {x},
                [winners, s](const BackwardCall& call) -> std::vector<Tensor> {
                  return {pool_scatter(call.grad, winners, s)};
                });
}

}  // namespace dg
