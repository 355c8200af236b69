// Reshape, concat, slice and cast: values stay, places change.
#include <numeric>
#include <vector>

#include "core/ops/common.h"

namespace dg {
namespace {

int axis_index(std::string_view op, const Tensor& x, int axis) {
  const int positive = axis < 0 ? axis + x.rank() : axis;
  check(positive >= 0 && positive < x.rank(), op, ": axis ", axis, " of shape ", x.shape());
  return positive;
}

// Elements before and behind an axis.
std::int64_t product(const Shape& shape, int begin, int end) {
  return std::accumulate(shape.begin() + begin, shape.begin() + end, std::int64_t{1}, std::multiplies<>());
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  check_defined("reshape", x);
  return record("reshape", x.view_as(shape), {x},
                [from = x.shape()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {reshape(call.grad, from)};
                });
}

Tensor concat(std::span<const Tensor> tensors, int axis) {
  check(!tensors.empty(), "concat: got no tensors");
  check_defined("concat", tensors.front());
  const Tensor& first = tensors.front();
  const int along = axis_index("concat", first, axis);
  Shape shape = first.shape();
  std::vector<std::int64_t> ends;
  std::int64_t total = 0;
  for (const Tensor& t : tensors) {
    check_operands("concat", first, t);
    Shape aligned = t.shape();
    check(t.rank() == first.rank(), "concat: shapes ", first.shape(), " and ", t.shape(), " differ in rank");
    aligned.set(along, first.dim(along));
    check(aligned == first.shape(), "concat: shapes ", first.shape(), " and ", t.shape(),
          " differ beside the joined axis ", along);
    total += t.dim(along);
    ends.push_back(total);
  }
  shape.set(along, total);
  Tensor y = Tensor::empty(first.context(), shape, first.dtype());
  const std::int64_t outer = product(shape, 0, along);
  const std::int64_t inner = product(shape, along + 1, shape.rank());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::int64_t extent = tensors[i].dim(along);
    auto* start =
        static_cast<std::byte*>(y.mutable_array().data) + (ends[i] - extent) * inner * size_of(y.dtype());
    y.backend().copy_2d(tensors[i].array(), {start, y.dtype()},
                        {outer, extent * inner, extent * inner, total * inner});
  }
  return record("concat", std::move(y), tensors, [ends, along](const BackwardCall& call) {
    std::vector<Tensor> out(ends.size());
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (call.needed[i]) out[i] = slice(call.grad, along, i == 0 ? 0 : ends[i - 1], ends[i]);
    }
    return out;
  });
}

Tensor concat(std::initializer_list<Tensor> tensors, int axis) {
  return concat(std::span<const Tensor>(tensors.begin(), tensors.size()), axis);
}

Tensor slice(const Tensor& x, int axis, std::int64_t begin, std::int64_t end) {
  check_defined("slice", x);
  const int along = axis_index("slice", x, axis);
  const std::int64_t extent = x.dim(along);
  check(begin >= 0 && begin <= end && end <= extent, "slice: [", begin, ", ", end, ") of axis ", along,
        " in shape ", x.shape());
  Shape shape = x.shape();
  shape.set(along, end - begin);
  Tensor y = Tensor::empty(x.context(), shape, x.dtype());
  const std::int64_t outer = product(shape, 0, along);
  const std::int64_t inner = product(shape, along + 1, shape.rank());
  const auto* start = static_cast<const std::byte*>(x.array().data) + begin * inner * size_of(x.dtype());
  x.backend().copy_2d({start, x.dtype()}, y.mutable_array(),
                      {outer, (end - begin) * inner, extent * inner, (end - begin) * inner});
  return record("slice", std::move(y), {x}, [along, begin, end, from = x.shape()](const BackwardCall& call) {
    Shape before = from;
    Shape after = from;
    before.set(along, begin);
    after.set(along, from[along] - end);
    const auto zeros = [&](const Shape& s) {
      return Tensor::zeros(call.grad.context(), s, call.grad.dtype());
    };
    return std::vector<Tensor>{concat({zeros(before), call.grad, zeros(after)}, along)};
  });
}

Tensor cast(const Tensor& x, DType dtype) {
  check_defined("cast", x);
  if (x.dtype() == dtype) return x;
  Tensor y = Tensor::empty(x.context(), x.shape(), dtype);
  x.backend().cast(x.array(), y.mutable_array(), x.numel());
  return record("cast", std::move(y), {x},
                [from = x.dtype()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {cast(call.grad, from)};
                });
}

DType compute_type(Context& context) {
  const bool float32_maps = !context.grad_enabled() && context.backend().infers_in_float32();
  return context.precision() == Precision::bf16 && !float32_maps ? DType::bfloat16 : DType::float32;
}

Tensor to_compute_type(const Tensor& x) {
  check_defined("to_compute_type", x);
  return x.dtype() == DType::float32 ? cast(x, compute_type(x.context())) : x;
}

}  // namespace dg
