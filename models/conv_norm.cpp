// Normalisation by name, and the check at the door of every network.
#include "models/conv_norm.h"

#include "kernels/check.h"
#include "layers/norm.h"

namespace dg {

std::string to_string(NormKind kind) {
  switch (kind) {
    case NormKind::instance: return "instance";
    case NormKind::batch: return "batch";
    case NormKind::none: return "none";
  }
  fail("norm: got the value ", static_cast<int>(kind), " outside the enumeration, use one of its names");
}

NormKind parse_norm(std::string_view name) {
  for (const NormKind kind : {NormKind::instance, NormKind::batch, NormKind::none}) {
    if (name == to_string(kind)) return kind;
  }
  fail("norm: got '", name, "', expected instance, batch or none");
}

std::unique_ptr<NormLayer> make_norm(Context& context, const NormConfig& config, std::int64_t channels,
                                     const Epilogue& epilogue) {
  switch (config.kind) {
    case NormKind::instance:
      return std::make_unique<InstanceNorm2d>(
          context, InstanceNorm2dConfig{.channels = channels, .eps = config.eps, .epilogue = epilogue});
    case NormKind::batch:
      return std::make_unique<BatchNorm2d>(
          context, BatchNorm2dConfig{.channels = channels,
                                     .eps = config.eps,
                                     .momentum = config.momentum,
                                     .unbiased_running_variance = config.unbiased_running_variance,
                                     .epilogue = epilogue});
    case NormKind::none: return nullptr;
  }
  fail("norm: got the value ", static_cast<int>(config.kind),
       " outside the enumeration, use one of its names");
}

void check_image_batch(const char* network, const Tensor& x, std::int64_t multiple, std::int64_t minimum) {
  check(x.rank() == 4 && x.dim(3) == 3, network, ": got an input of shape ", x.shape(),
        ", expected RGB images (N,H,W,3), convert them");
  const bool fits =
      x.dim(1) % multiple == 0 && x.dim(2) % multiple == 0 && x.dim(1) >= minimum && x.dim(2) >= minimum;
  check(fits, network, ": got images of ", x.dim(1), " rows and ", x.dim(2),
        " columns, expected both to be multiples of ", multiple, " and at least ", minimum, ", pad them");
}

}  // namespace dg
