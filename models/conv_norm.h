// A convolution, the normalisation behind it and their activation: what every network on this floor is made of.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "layers/activation.h"
#include "layers/conv.h"
#include "layers/norm.h"
#include "models/bands/stage.h"

namespace dg {

enum class NormKind : std::uint8_t { instance, batch, none };

std::string to_string(NormKind kind);        // "instance"
NormKind parse_norm(std::string_view name);  // Error for a name that is none of the three

// eps and momentum are for batch norm too; instance norm has no parameters here, as in DeblurGAN.
struct NormConfig {
  NormKind kind = NormKind::instance;
  double eps = 1e-5;
  double momentum = 0.9;                  // of the running statistics: their old value's share
  bool unbiased_running_variance = true;  // as PyTorch; Keras 3 keeps the biased one
};

// Null for NormKind::none. The epilogue is none, ReLU or leaky ReLU.
std::unique_ptr<NormLayer> make_norm(Context& context, const NormConfig& config, std::int64_t channels,
                                     const Epilogue& epilogue = {});

// activation(norm(conv(x))): the last of the two that is there applies it. Children: "conv", and "norm" unless there is
// none.
template <typename Conv>
class ConvNorm final : public Module {
 public:
  ConvNorm(Context& context, typename Conv::Config conv, const NormConfig& norm,
           const Epilogue& epilogue = {})
      : Module(context),
        conv_(context, with_epilogue(conv, norm.kind == NormKind::none ? epilogue : Epilogue{})),
        norm_(make_norm(context, norm, conv.out_channels, epilogue)) {
    register_child("conv", conv_);
    if (norm_ != nullptr) register_child("norm", *norm_);
  }

  std::string kind() const override { return "ConvNorm"; }

  // The same, for bands; `border` is what the network does to the input first.
  BandStage stage(BandBorder border) requires std::same_as<Conv, Conv2d> {
    return {conv_, norm_.get(), border};
  }
  BandStage stage() { return {conv_, norm_.get()}; }

 private:
  static typename Conv::Config with_epilogue(typename Conv::Config conv, const Epilogue& epilogue) {
    conv.epilogue = epilogue;
    return conv;
  }
  Tensor forward(const Tensor& x) override { return norm_ != nullptr ? (*norm_)(conv_(x)) : conv_(x); }

  Conv conv_;
  std::unique_ptr<NormLayer> norm_;
};

// Throws Error unless x is (N, H, W, 3) with H and W multiples of `multiple` and at least `minimum`.
void check_image_batch(const char* network, const Tensor& x, std::int64_t multiple, std::int64_t minimum);

}  // namespace dg
