// Dense: y = x W^T + b.
#pragma once

#include <cstdint>
#include <string>

#include "layers/module.h"

namespace dg {

struct DenseConfig {
  std::int64_t in_features = 0;
  std::int64_t out_features = 0;
  bool bias = true;
};

// x (N, in_features) -> (N, out_features). Parameters: weight (out, in), bias (out). The weight starts
// Glorot-uniform from the context's generator, the bias at 0.
class Dense final : public Module {
 public:
  using Config = DenseConfig;
  Dense(Context& context, DenseConfig config);

  std::string kind() const override { return "Dense"; }
  std::string details() const override;
  std::int64_t multiply_adds(const Shape& input, const Shape& output) const override;
  const DenseConfig& config() const { return config_; }

 private:
  Tensor forward(const Tensor& x) override;

  DenseConfig config_;
  Tensor& weight_;
  Tensor* bias_ = nullptr;
};

}  // namespace dg
