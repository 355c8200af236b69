// The residual block of the ResNet generators (Johnson et al. 2016, with reflection padding):
//   x + norm2(conv2(pad(dropout(relu(norm1(conv1(pad(x))))))))                       convs = 2
//   x + dropout(relu(norm1(conv1(pad(x)))))                                          convs = 1
// One convolution is what DeblurGAN's repository builds since commit 68aa1b1 (an operator-precedence slip
// there), with dropout on, as by default; its --no_dropout also loses the ReLU, which is not offered here.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "layers/container.h"
#include "layers/dropout.h"
#include "models/bands/network.h"
#include "models/conv_norm.h"

namespace dg {

struct ResidualBlockConfig {
  std::int64_t width = 256;
  int convs = 2;  // 1 or 2
  NormConfig norm = {};
  bool bias = true;
  double dropout = 0.5;          // rate; 0: none
  bool dropout_at_test = false;  // also outside training
};

// x (N,H,W,width) -> the same shape; H and W at least 2.
class ResidualBlock final : public Module {
 public:
  ResidualBlock(Context& context, const ResidualBlockConfig& config);

  std::string kind() const override { return "ResidualBlock"; }

  // The same in eval mode, for bands. Throws Error with dropout_at_test.
  BandSection section();

 private:
  Tensor forward(const Tensor& x) override;

  Conv2d conv1_;
  std::unique_ptr<NormLayer> norm1_;
  Dropout dropout_;
  std::unique_ptr<Conv2d> conv2_;
  std::unique_ptr<NormLayer> norm2_;
};

// Those of a generator, one section each.
std::vector<BandSection> sections_of(Sequential& blocks);

// `count` of them, one after the other: children "0", "1", ...
std::unique_ptr<Sequential> make_residual_blocks(Context& context, std::int64_t count,
                                                 const ResidualBlockConfig& config);

}  // namespace dg
