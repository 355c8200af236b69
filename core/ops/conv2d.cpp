// The three convolutions. With y = x * w they are the three bilinear maps (x, w) -> y, (dy, w) -> dx and
// (x, dy) -> dw; the gradients of each are the other two, so the set is closed under differentiation.
// A transposed convolution is the second map with x in the place of dy.
#include "core/ops/common.h"

namespace dg {
namespace {

struct ImageSize {
  std::int64_t height = 0, width = 0;
};

Conv2dShape conv_shape(std::string_view op, std::int64_t n, ImageSize image, const Shape& weight,
                       const Conv2dOptions& o) {
  const Conv2dShape s{n,         image.height, image.width, weight[3],  weight[0],
                      weight[1], weight[2],    o.stride_h,  o.stride_w, o.padding};
  const Padding2d& p = o.padding;
  check(o.stride_h > 0 && o.stride_w > 0, op, ": stride ", o.stride_h, "x", o.stride_w,
        ", expected 1 or more");
  check(p.top >= 0 && p.bottom >= 0 && p.left >= 0 && p.right >= 0, op, ": padding is negative; use crop2d");
  check(s.h + p.top + p.bottom >= s.r && s.w + p.left + p.right >= s.s, op, ": image ", s.h, "x", s.w,
        " with padding ", p.top, "+", p.bottom, ", ", p.left, "+", p.right, " is smaller than the kernel ",
        s.r, "x", s.s);
  return s;
}

void check_weight(std::string_view op, const Tensor& weight) {
  check_defined(op, weight);
  check(weight.rank() == 4, op, ": expected a weight (K, R, S, C), got ", weight.shape());
}

void check_bias(std::string_view op, const Tensor& like, const Tensor& bias, std::int64_t channels) {
  if (!bias.defined()) return;
  check_operands(op, like, bias);
  check(bias.shape() == Shape{channels}, op, ": bias is ", bias.shape(), ", expected (", channels, ")");
}

Tensor bias_grad(const Tensor& grad_output, const Shape& bias) { return sum_to(grad_output, bias); }

Tensor grad_input(std::string_view op, const Tensor& grad_output, const Tensor& weight, const Tensor& bias,
                  ImageSize image, const Conv2dOptions& options) {
  check_image(op, grad_output);
  check_weight(op, weight);
  check_operands(op, grad_output, weight);
  const Conv2dShape s = conv_shape(op, grad_output.dim(0), image, weight.shape(), options);
  check(grad_output.dim(3) == s.k, op, ": input has ", grad_output.dim(3), " channels, weight ",
        weight.shape(), " expects ", s.k);
  check(grad_output.dim(1) == s.p() && grad_output.dim(2) == s.q(), op, ": an image of ", s.h, "x", s.w,
        " belongs to ", s.p(), "x", s.q(), ", got ", grad_output.dim(1), "x", grad_output.dim(2));
  check_bias(op, grad_output, bias, s.c);
  Tensor dx = Tensor::empty(grad_output.context(), {s.n, s.h, s.w, s.c}, grad_output.dtype());
  grad_output.backend().conv2d_grad_input(grad_output.array(), weight.array(), bias.array(),
                                          dx.mutable_array(), s);
  return record(op, std::move(dx), {grad_output, weight, bias},
                [grad_output, weight, options, r = s.r, q = s.s, c = s.c](const BackwardCall& call) {
                  std::vector<Tensor> out(3);
                  if (call.needed[0]) out[0] = conv2d(call.grad, weight, {}, options);
                  if (call.needed[1]) out[1] = conv2d_grad_weight(call.grad, grad_output, r, q, options);
                  if (call.needed[2]) out[2] = bias_grad(call.grad, Shape{c});
                  return out;
                });
}

}  // namespace

Conv2dShape checked_conv_shape(std::string_view op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                               const Conv2dOptions& options) {
  check_image(op, x);
  check_weight(op, weight);
  check_operands(op, x, weight);
  const Conv2dShape s = conv_shape(op, x.dim(0), {x.dim(1), x.dim(2)}, weight.shape(), options);
  check(x.dim(3) == s.c, op, ": input ", x.shape(), " has C=", x.dim(3), ", weight ", weight.shape(),
        " expects C=", s.c);
  check_bias(op, x, bias, s.k);
  return s;
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Conv2dOptions options,
              Epilogue epilogue) {
  const Conv2dShape s = checked_conv_shape("conv2d", x, weight, bias, options);
  Tensor y = Tensor::empty(x.context(), {s.n, s.p(), s.q(), s.k}, x.dtype());
  x.backend().conv2d(x.array(), weight.array(), bias.array(), y.mutable_array(), s, epilogue);
  const auto gradients = [x, weight, options, epilogue, k = s.k](const BackwardCall& call) {
    const Tensor dy = activation_grad(epilogue, call.grad, call.output);
    std::vector<Tensor> out(3);
    if (call.needed[0]) out[0] = conv2d_grad_input(dy, weight, x.dim(1), x.dim(2), options);
    if (call.needed[1]) out[1] = conv2d_grad_weight(x, dy, weight.dim(1), weight.dim(2), options);
    if (call.needed[2]) out[2] = bias_grad(dy, Shape{k});
    return out;
  };
  return epilogue.activation == Activation::none
             ? record("conv2d", std::move(y), {x, weight, bias}, gradients)
             : record_saving_output("conv2d", std::move(y), {x, weight, bias}, gradients);
}

Tensor conv2d_grad_input(const Tensor& grad_output, const Tensor& weight, std::int64_t height,
                         std::int64_t width, Conv2dOptions options) {
  return grad_input("conv2d_grad_input", grad_output, weight, {}, {height, width}, options);
}

Tensor conv2d_grad_weight(const Tensor& x, const Tensor& grad_output, std::int64_t kernel_h,
                          std::int64_t kernel_w, Conv2dOptions options) {
  constexpr std::string_view op = "conv2d_grad_weight";
  check_image(op, x);
  check_image(op, grad_output);
  check_operands(op, x, grad_output);
  const Shape weight{grad_output.dim(3), kernel_h, kernel_w, x.dim(3)};
  const Conv2dShape s = conv_shape(op, x.dim(0), {x.dim(1), x.dim(2)}, weight, options);
  check(grad_output.shape() == Shape{s.n, s.p(), s.q(), s.k}, op, ": gradient is ", grad_output.shape(),
        ", expected ", Shape{s.n, s.p(), s.q(), s.k}, " for an input of ", x.shape());
  Tensor dw = Tensor::empty(x.context(), weight, x.dtype());
  x.backend().conv2d_grad_weight(x.array(), grad_output.array(), dw.mutable_array(), s);
  return record(op, std::move(dw), {x, grad_output}, [x, grad_output, options](const BackwardCall& call) {
    std::vector<Tensor> out(2);
    if (call.needed[0]) out[0] = conv2d_grad_input(grad_output, call.grad, x.dim(1), x.dim(2), options);
    if (call.needed[1]) out[1] = conv2d(x, call.grad, {}, options);
    return out;
  });
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
                        ConvTranspose2dOptions options) {
  constexpr std::string_view op = "conv_transpose2d";
  check_image(op, x);
  check_weight(op, weight);
  const Padding2d& p = options.padding;
  check(options.output_padding_h >= 0 && options.output_padding_h < options.stride_h &&
            options.output_padding_w >= 0 && options.output_padding_w < options.stride_w,
        op, ": output padding ", options.output_padding_h, "x", options.output_padding_w,
        " must be smaller than the stride ", options.stride_h, "x", options.stride_w);
  const ImageSize image{
      (x.dim(1) - 1) * options.stride_h - p.top - p.bottom + weight.dim(1) + options.output_padding_h,
      (x.dim(2) - 1) * options.stride_w - p.left - p.right + weight.dim(2) + options.output_padding_w};
  check(image.height > 0 && image.width > 0, op, ": input ", x.shape(), " with weight ", weight.shape(),
        " leaves no pixel after its padding");
  return grad_input(op, x, weight, bias, image, {options.stride_h, options.stride_w, options.padding});
}

}  // namespace dg
