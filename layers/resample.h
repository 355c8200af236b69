// Resampling as modules. Images are NHWC.
#pragma once

#include <cstdint>
#include <string>

#include "layers/module.h"

namespace dg {

// Every pixel becomes a square of scale x scale: (N,H,W,C) -> (N, H*scale, W*scale, C).
class UpsampleNearest2d final : public Module {
 public:
  explicit UpsampleNearest2d(Context& context, std::int64_t scale = 2);
  std::string kind() const override { return "UpsampleNearest2d"; }
  std::string details() const override;

 private:
  Tensor forward(const Tensor& x) override;
  std::int64_t scale_;
};

// Largest value of each window x window, no padding: (N,H,W,C) -> (N,P,Q,C),
// P = floor((H - window) / stride) + 1.
class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(Context& context, std::int64_t window = 2, std::int64_t stride = 2);
  std::string kind() const override { return "MaxPool2d"; }
  std::string details() const override;

 private:
  Tensor forward(const Tensor& x) override;
  std::int64_t window_;
  std::int64_t stride_;
};

}  // namespace dg
