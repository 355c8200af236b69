// Every convolution of the networks, as the kernels see them: reflection has already grown the image, and a
// transposed convolution appears as the convolution whose gradient it is. C -> K in each name.
#pragma once

#include <string>
#include <vector>

#include "kernels/shapes.h"

namespace dg::bench {

struct NamedConv {
  std::string name;
  Conv2dShape shape;
  bool transposed = false;  // its layer's forward is conv2d_grad_input
};

// ResnetGenerator with `ngf` channels on square images of `size` pixels.
inline std::vector<NamedConv> resnet_generator_convs(std::int64_t batch, std::int64_t size,
                                                     std::int64_t ngf) {
  const auto conv = [&](std::int64_t extent, std::int64_t c, std::int64_t k, std::int64_t kernel,
                        std::int64_t stride, std::int64_t padding) {
    return Conv2dShape{.n = batch,
                       .h = extent,
                       .w = extent,
                       .c = c,
                       .k = k,
                       .r = kernel,
                       .s = kernel,
                       .stride_h = stride,
                       .stride_w = stride,
                       .padding = Padding2d::all(padding)};
  };
  return {{"head", conv(size + 6, 3, ngf, 7, 1, 0)},
          {"down1", conv(size, ngf, 2 * ngf, 3, 2, 1)},
          {"down2", conv(size / 2, 2 * ngf, 4 * ngf, 3, 2, 1)},
          {"block", conv(size / 4 + 2, 4 * ngf, 4 * ngf, 3, 1, 0)},
          {"up1", conv(size / 2, 2 * ngf, 4 * ngf, 3, 2, 1), true},
          {"up2", conv(size, ngf, 2 * ngf, 3, 2, 1), true},
          {"tail", conv(size + 6, ngf, 3, 7, 1, 0)}};
}

// KerasGenerator: where it differs from the above. TensorFlow's SAME padding is asymmetric under stride 2.
inline std::vector<NamedConv> keras_generator_convs(std::int64_t batch, std::int64_t size) {
  const auto conv = [&](std::int64_t extent, std::int64_t c, std::int64_t k, std::int64_t stride,
                        Padding2d padding) {
    return Conv2dShape{.n = batch,
                       .h = extent,
                       .w = extent,
                       .c = c,
                       .k = k,
                       .r = 3,
                       .s = 3,
                       .stride_h = stride,
                       .stride_w = stride,
                       .padding = padding};
  };
  const Padding2d same_stride_2{.top = 0, .bottom = 1, .left = 0, .right = 1};
  return {{"down1", conv(size, 64, 128, 2, same_stride_2)},
          {"down2", conv(size / 2, 128, 256, 2, same_stride_2)},
          {"up1", conv(size / 2, 256, 128, 1, Padding2d::all(1))},
          {"up2", conv(size, 128, 64, 1, Padding2d::all(1))}};
}

// PatchDiscriminator with three strided convolutions: kernel 4, padding 2 all the way.
inline std::vector<NamedConv> patch_discriminator_convs(std::int64_t batch, std::int64_t size,
                                                        std::int64_t ndf) {
  std::vector<NamedConv> out;
  std::int64_t extent = size;
  std::int64_t channels = 3;
  for (int layer = 0; layer < 5; ++layer) {
    const std::int64_t wide = layer == 4 ? 1 : ndf << layer;
    const std::int64_t stride = layer < 3 ? 2 : 1;
    const Conv2dShape s{.n = batch,
                        .h = extent,
                        .w = extent,
                        .c = channels,
                        .k = wide,
                        .r = 4,
                        .s = 4,
                        .stride_h = stride,
                        .stride_w = stride,
                        .padding = Padding2d::all(2)};
    out.push_back({"conv" + std::to_string(layer + 1), s});
    extent = s.p();
    channels = wide;
  }
  return out;
}

}  // namespace dg::bench
