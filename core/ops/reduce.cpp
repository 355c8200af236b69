// sum_to and expand_to are each other's adjoint; every sum and mean is made of them.
#include <algorithm>
#include <vector>

#include "core/ops/common.h"

namespace dg {
namespace {

// A run of neighbouring dimensions that are all summed (or all repeated), or all kept.
struct Group {
  std::int64_t extent = 1;
  bool reduced = false;
};

// `small` aligned at the last dimension with `large`; extents of `small` are those of `large` or 1.
std::vector<Group> group_dims(std::string_view op, const Shape& large, const Shape& small) {
  check(small.rank() <= large.rank(), op, ": shapes ", small, " and ", large, " do not fit");
  std::vector<Group> groups;
  for (int i = 0; i < large.rank(); ++i) {
    const int j = i - (large.rank() - small.rank());
    const std::int64_t extent = j >= 0 ? small[j] : 1;
    check(extent == large[i] || extent == 1, op, ": shapes ", small, " and ", large,
          " do not fit: extents must be equal or 1");
    if (large[i] == 1) continue;
    const bool reduced = extent == 1;
    if (groups.empty() || groups.back().reduced != reduced) groups.push_back({1, reduced});
    groups.back().extent *= large[i];
  }
  return groups;
}

std::int64_t extent_between(const std::vector<Group>& groups, std::size_t begin, std::size_t end) {
  std::int64_t product = 1;
  for (std::size_t i = begin; i < end; ++i) product *= groups[i].extent;
  return product;
}

}  // namespace

Tensor sum_to(const Tensor& x, const Shape& shape) {
  check_defined("sum_to", x);
  if (x.shape() == shape) return x;
  std::vector<Group> groups = group_dims("sum_to", x.shape(), shape);
  Tensor current = x;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].reduced) continue;
    const ReduceShape r{extent_between(groups, 0, i), groups[i].extent,
                        extent_between(groups, i + 1, groups.size())};
    Tensor next = Tensor::empty(x.context(), {r.outer, r.inner}, x.dtype());
    x.backend().sum(current.array(), next.mutable_array(), r);
    current = std::move(next);
    groups[i].extent = 1;
  }
  return record("sum_to", current.view_as(shape), {x},
                [from = x.shape()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {expand_to(call.grad, from)};
                });
}

Tensor expand_to(const Tensor& x, const Shape& shape) {
  check_defined("expand_to", x);
  if (x.shape() == shape) return x;
  std::vector<Group> groups = group_dims("expand_to", shape, x.shape());
  std::vector<std::int64_t> extents;
  for (Group& g : groups) {
    extents.push_back(g.extent);
    if (g.reduced) g.extent = 1;
  }
  Tensor current = x;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (!groups[i].reduced) continue;
    const ReduceShape r{extent_between(groups, 0, i), extents[i],
                        extent_between(groups, i + 1, groups.size())};
    Tensor next = Tensor::empty(x.context(), {r.outer, r.reduce, r.inner}, x.dtype());
    x.backend().expand(current.array(), next.mutable_array(), r);
    current = std::move(next);
    groups[i].extent = extents[i];
  }
  return record("expand_to", current.view_as(shape), {x},
                [from = x.shape()](const BackwardCall& call) -> std::vector<Tensor> {
                  return {sum_to(call.grad, from)};
                });
}

Tensor sum(const Tensor& x) { return sum_to(x, Shape{}); }

Tensor mean(const Tensor& x) {
  check_defined("mean", x);
  check(x.numel() > 0, "mean: the tensor of shape ", x.shape(), " has no elements");
  return affine(sum(x), 1.0 / static_cast<double>(x.numel()), 0.0);
}

Tensor sum(const Tensor& x, std::initializer_list<int> axes) {
  check_defined("sum", x);
  Shape shape = x.shape();
  for (const int axis : axes) shape.set(axis, 1);
  return sum_to(x, shape);
}

Tensor mean(const Tensor& x, std::initializer_list<int> axes) {
  const Tensor total = sum(x, axes);
  check(x.numel() > 0, "mean: the tensor of shape ", x.shape(), " has no elements");
  return affine(total, static_cast<double>(total.numel()) / static_cast<double>(x.numel()), 0.0);
}

}  // namespace dg
