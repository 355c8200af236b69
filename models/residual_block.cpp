// Two convolutions of the same width around a ReLU, added to their input.
#include "models/residual_block.h"

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {

namespace {

Conv2dConfig convolution(const ResidualBlockConfig& config, const Epilogue& epilogue = {}) {
  return {.in_channels = config.width,
          .out_channels = config.width,
          .kernel = 3,
          .padding = {},
          .bias = config.bias,
          .epilogue = epilogue};
}

// The first convolution's own activation: its norm has it, if there is one.
Epilogue unless_normalised(const ResidualBlockConfig& config) {
  return config.norm.kind == NormKind::none ? kReLU : Epilogue{};
}

Tensor reflect(const Tensor& x) { return pad2d(x, Padding2d::all(1), PadMode::reflect); }

}  // namespace

ResidualBlock::ResidualBlock(Context& context, const ResidualBlockConfig& config)
    : Module(context),
      conv1_(context, convolution(config, unless_normalised(config))),
      norm1_(make_norm(context, config.norm, config.width, kReLU)),
      dropout_(context, {.rate = config.dropout, .always = config.dropout_at_test}) {
  check(config.convs == 1 || config.convs == 2, "ResidualBlock: got ", config.convs,
        " convolutions, expected 1 or 2");
  register_child("conv1", conv1_);
  if (norm1_ != nullptr) register_child("norm1", *norm1_);
  register_child("dropout", dropout_);
  if (config.convs == 1) return;
  conv2_ = std::make_unique<Conv2d>(context, convolution(config));
  norm2_ = make_norm(context, config.norm, config.width);
  register_child("conv2", *conv2_);
  if (norm2_ != nullptr) register_child("norm2", *norm2_);
}

Tensor ResidualBlock::forward(const Tensor& x) {
  Tensor y = conv1_(reflect(x));
  if (norm1_ != nullptr) y = (*norm1_)(y);
  y = dropout_(y);
  if (conv2_ != nullptr) y = (*conv2_)(reflect(y));
  return norm2_ != nullptr ? (*norm2_)(y, x) : x + y;
}

BandSection ResidualBlock::section() {
  check(!dropout_.config().always || dropout_.config().rate == 0.0,
        "bands: the network's dropout is on at test, and draws by the position in the whole image; restore "
        "without "
        "tiles or without dropout");
  constexpr BandBorder kBorder{.reflect = 1};
  BandSection section{.stages = {{conv1_, norm1_.get(), kBorder}}, .residual = true};
  if (conv2_ != nullptr) section.stages.emplace_back(*conv2_, norm2_.get(), kBorder);
  return section;
}

std::vector<BandSection> sections_of(Sequential& blocks) {
  std::vector<BandSection> sections;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    sections.push_back(dynamic_cast<ResidualBlock&>(blocks[i]).section());
  }
  return sections;
}

std::unique_ptr<Sequential> make_residual_blocks(Context& context, std::int64_t count,
                                                 const ResidualBlockConfig& config) {
  check(count >= 0, "residual blocks: got a count of ", count, ", give 0 or more");
  auto blocks = std::make_unique<Sequential>(context);
  for (std::int64_t i = 0; i < count; ++i) {
    blocks->append(std::to_string(i), std::make_unique<ResidualBlock>(context, config));
  }
  return blocks;
}

}  // namespace dg
