#include "models/restore_plan.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "core/dry_run.h"
#include "core/ops.h"
#include "kernels/check.h"
#include "kernels/host_memory.h"
#include "models/bands/forward.h"
#include "models/detail/eval_scope.h"

namespace dg {
namespace {

// Heights of a band that are tried, tallest first. The rows that neighbours share are computed twice: for DeblurGAN's
// residual blocks, two rows at a quarter of the size, 6 % at 256.
constexpr std::array<std::int64_t, 5> kBandRows = {1024, 512, 256, 128, 32};

constexpr std::int64_t kKeepAll = std::numeric_limits<std::int64_t>::max();

struct Budget {
  std::int64_t base = 0;   // occupied whatever the plan is
  std::int64_t limit = 0;  // of base and the plan's own memory
};

// What the context has cached can be given back or used again.
std::int64_t cached_bytes(Context& context) {
  const MemoryStats stats = context.allocator().stats();
  return stats.reserved - stats.current + context.backend().workspace_bytes();
}

Budget budget_of(Context& context, const RestoreLimits& limits) {
  const bool on_host = context.backend().name() == "cpu";
  const std::int64_t cached = cached_bytes(context);
  const std::int64_t own = on_host ? resident_memory() - cached : context.allocator().stats().current;
  const std::int64_t base = own + (on_host ? limits.host_bytes : 0);
  if (limits.max_memory > 0) return {base, limits.max_memory};
  const std::int64_t available = context.backend().available_bytes();
  if (available == std::numeric_limits<std::int64_t>::max()) return {base, available};
  return {base, own + cached + available};
}

std::int64_t peak_of(Module& generator, const Shape& image, const RestorePlan& plan) {
  DryRun dry(generator.context());
  run_planned(generator, Tensor::empty(generator.context(), image), plan);
  return dry.peak_bytes();
}

// The ways through bands, fastest first: computing a map again costs more than narrow bands.
std::vector<RestorePlan> banded_plans(Banded& banded, const Shape& image, std::int64_t tile_rows,
                                      DType dtype) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t r : kBandRows) {
    if (r < image[1]) rows.push_back(r);
  }
  if (rows.empty()) rows.push_back(image[1]);
  if (tile_rows > 0) rows = {tile_rows};
  std::vector<std::int64_t> keep = {kKeepAll};
  for (const std::int64_t bytes : kept_map_sizes(banded.bands(), image, dtype)) keep.push_back(bytes - 1);
  std::vector<RestorePlan> plans;
  for (const std::int64_t k : keep) {
    for (const std::int64_t r : rows) plans.push_back({.tile_rows = r, .keep_bytes = k});
  }
  return plans;
}

}  // namespace

RestorePlan plan_restoration(Module& generator, const Shape& image, const RestoreLimits& limits) {
  check(limits.tile_rows >= 0 && limits.max_memory >= 0, "restore: got tiles of ", limits.tile_rows,
        " rows and a memory of ", limits.max_memory, " bytes, expected numbers that are not negative");
  Context& context = generator.context();
  const EvalScope eval(generator);
  const Budget budget = budget_of(context, limits);
  auto* banded = dynamic_cast<Banded*>(&generator);
  check(banded != nullptr || limits.tile_rows == 0, "restore: ", generator.kind(),
        " cannot be computed in tiles, its inner layers see the whole picture; leave the tile size away");

  std::vector<RestorePlan> plans;
  if (limits.tile_rows == 0) plans.push_back({});
  const auto fits = [&](RestorePlan& plan) {
    plan.peak_bytes = budget.base + peak_of(generator, image, plan);
    plan.limit_bytes = budget.limit;
    plan.fits = plan.peak_bytes <= budget.limit;
    return plan.fits;
  };
  if (!plans.empty() && (fits(plans.front()) || banded == nullptr)) return plans.front();
  if (banded != nullptr) {
    const NoGrad no_grad(context);
    for (const RestorePlan& plan : banded_plans(*banded, image, limits.tile_rows, compute_type(context))) {
      plans.push_back(plan);
      if (fits(plans.back())) return plans.back();
    }
  }
  return *std::min_element(plans.begin(), plans.end(), [](const RestorePlan& a, const RestorePlan& b) {
    return a.peak_bytes < b.peak_bytes;
  });
}

Tensor run_planned(Module& generator, const Tensor& image, const RestorePlan& plan) {
  const NoGrad no_grad(generator.context());
  const EvalScope eval(generator);
  if (plan.tile_rows == 0) return generator(image);
  return forward_in_bands(dynamic_cast<Banded&>(generator).bands(), image, {plan.tile_rows, plan.keep_bytes});
}

}  // namespace dg
