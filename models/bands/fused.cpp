#include "models/bands/fused.h"

#include <algorithm>

#include "core/ops.h"

namespace dg {
namespace {

// A convolution's result and the norm that its reader still has to apply. Where there is one, `x` belongs to the map alone
// and may be overwritten.
struct Map {
  Tensor x;
  ScaleShift norm = {};

  // The map itself, plus a residual if there is one.
  Tensor values(const Tensor& residual = {}) && {
    if (norm.defined()) {
      scale_shift_in_place(x, norm, residual);
      return std::move(x);
    }
    return residual.defined() ? residual + x : std::move(x);
  }
};

Map apply(const BandStage& stage, Map input) {
  const NormLayer* norm = stage.norm();
  ChannelMoments moments;
  const bool measured = norm != nullptr && norm->measures_input();
  Map output{stage.convolve_whole(input.x, input.norm, measured ? &moments : nullptr)};
  if (norm != nullptr) output.norm = norm->as_scale_shift(moments, output.x.dim(0));
  return output;
}

// The narrow layers of a large picture cannot use the blocks of the wide ones, and would stand beside them. Small ones are
// kept: the next picture finds them.
void give_back_unused(Context& context) {
  constexpr std::int64_t kKept = std::int64_t{64} << 20;
  const MemoryStats stats = context.allocator().stats();
  if (stats.reserved - stats.current > std::max(kKept, stats.current / 2)) context.allocator().trim();
}

}  // namespace

bool may_fuse(const Module& network, const Tensor& image) {
  const Context& context = network.context();
  return !context.grad_enabled() && !network.training() && !context.module_observer() &&
         has_conv2d_fused(to_compute_type(image));
}

Tensor forward_fused(const BandNetwork& network, const Tensor& image) {
  const NoGrad no_grad(image.context());
  Map map{to_compute_type(image)};
  for (const BandSection& section : network.sections) {
    give_back_unused(image.context());
    if (section.residual) map = {std::move(map).values()};
    const Tensor residual = section.residual ? map.x : Tensor();
    for (const BandStage& stage : section.stages) map = apply(stage, std::move(map));
    if (section.residual) map = {std::move(map).values(residual)};
  }
  return network.result(image, cast(std::move(map).values(), image.dtype()));
}

}  // namespace dg
