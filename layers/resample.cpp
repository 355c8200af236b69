// Resampling as modules.
#include "layers/resample.h"

#include "core/ops.h"

namespace dg {

UpsampleNearest2d::UpsampleNearest2d(Context& context, std::int64_t scale) : Module(context), scale_(scale) {
  check(scale > 0, "UpsampleNearest2d: got scale ", scale, ", give a positive one");
}

Tensor UpsampleNearest2d::forward(const Tensor& x) { return upsample_nearest2d(x, scale_); }

std::string UpsampleNearest2d::details() const { return "x" + std::to_string(scale_); }

MaxPool2d::MaxPool2d(Context& context, std::int64_t window, std::int64_t stride)
    : Module(context), window_(window), stride_(stride) {
  check(window > 0 && stride > 0, "MaxPool2d: got window ", window, " and stride ", stride,
        ", give positive numbers");
}

Tensor MaxPool2d::forward(const Tensor& x) { return max_pool2d(x, window_, stride_); }

std::string MaxPool2d::details() const {
  return std::to_string(window_) + "x" + std::to_string(window_) + ", stride " + std::to_string(stride_);
}

}  // namespace dg
