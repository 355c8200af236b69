// Padding as modules. (N,H,W,C) -> (N, top + H + bottom, left + W + right, C).
#pragma once

#include <cstdint>
#include <string>

#include "kernels/shapes.h"
#include "layers/module.h"

namespace dg {

// What the three have in common.
class Pad2d : public Module {
 public:
  std::string details() const override;
  const Padding2d& padding() const { return padding_; }

 protected:
  Pad2d(Context& context, Padding2d padding, PadMode mode);

 private:
  Tensor forward(const Tensor& x) override;
  Padding2d padding_;
  PadMode mode_;
};

// Mirrors at the border pixel without repeating it; every padding must be smaller than the extent.
class ReflectionPad2d final : public Pad2d {
 public:
  ReflectionPad2d(Context& context, Padding2d padding) : Pad2d(context, padding, PadMode::reflect) {}
  ReflectionPad2d(Context& context, std::int64_t amount) : ReflectionPad2d(context, Padding2d::all(amount)) {}
  std::string kind() const override { return "ReflectionPad2d"; }
};

// Repeats the border pixel.
class ReplicationPad2d final : public Pad2d {
 public:
  ReplicationPad2d(Context& context, Padding2d padding) : Pad2d(context, padding, PadMode::replicate) {}
  ReplicationPad2d(Context& context, std::int64_t amount)
      : ReplicationPad2d(context, Padding2d::all(amount)) {}
  std::string kind() const override { return "ReplicationPad2d"; }
};

class ZeroPad2d final : public Pad2d {
 public:
  ZeroPad2d(Context& context, Padding2d padding) : Pad2d(context, padding, PadMode::zero) {}
  ZeroPad2d(Context& context, std::int64_t amount) : ZeroPad2d(context, Padding2d::all(amount)) {}
  std::string kind() const override { return "ZeroPad2d"; }
};

}  // namespace dg
