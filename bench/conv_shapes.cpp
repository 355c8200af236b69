#include "bench/conv_shapes.h"

#include <algorithm>

#include "layers/conv.h"

namespace dg::bench {
namespace {

struct Layer {
  std::int64_t c, k, kernel;
  std::int64_t stride = 1;
  Padding2d padding = {};
};

Conv2dShape conv(const ImageBatch& x, const Layer& layer) {
  return {.n = x.n,
          .h = x.h,
          .w = x.w,
          .c = layer.c,
          .k = layer.k,
          .r = layer.kernel,
          .s = layer.kernel,
          .stride_h = layer.stride,
          .stride_w = layer.stride,
          .padding = layer.padding};
}

ImageBatch grown(ImageBatch x, std::int64_t border) { return {x.n, x.h + 2 * border, x.w + 2 * border}; }
ImageBatch divided(ImageBatch x, std::int64_t by) { return {x.n, x.h / by, x.w / by}; }

Layer same(const ImageBatch& x, Layer layer) {
  layer.padding = same_padding(x.h, x.w, layer.kernel, layer.kernel, layer.stride);
  return layer;
}

NamedConv same_conv(const char* name, const ImageBatch& x, const Layer& layer) {
  return {name, conv(x, same(x, layer))};
}

}  // namespace

std::vector<NamedConv> resnet_generator_convs(const ImageBatch& images, std::int64_t ngf) {
  const auto one = Padding2d::all(1);
  const ImageBatch half = divided(images, 2);
  return {{"head", conv(grown(images, 3), {3, ngf, 7})},
          {"down1", conv(images, {ngf, 2 * ngf, 3, 2, one})},
          {"down2", conv(half, {2 * ngf, 4 * ngf, 3, 2, one})},
          {"block", conv(grown(divided(images, 4), 1), {4 * ngf, 4 * ngf, 3})},
          {"up1", conv(half, {2 * ngf, 4 * ngf, 3, 2, one}), true},
          {"up2", conv(images, {ngf, 2 * ngf, 3, 2, one}), true},
          {"tail", conv(grown(images, 3), {ngf, 3, 7})}};
}

std::vector<NamedConv> keras_generator_convs(const ImageBatch& images) {
  const ImageBatch half = divided(images, 2);
  return {{"head", conv(grown(images, 3), {3, 64, 7})},
          same_conv("down1", images, {64, 128, 3, 2}),
          same_conv("down2", half, {128, 256, 3, 2}),
          {"block", conv(grown(divided(images, 4), 1), {256, 256, 3})},
          same_conv("up1", half, {256, 128, 3}),
          same_conv("up2", images, {128, 64, 3}),
          {"tail", conv(grown(images, 3), {64, 3, 7})}};
}

std::vector<NamedConv> patch_discriminator_convs(const ImageBatch& images, std::int64_t ndf) {
  std::vector<NamedConv> out;
  ImageBatch x = images;
  std::int64_t channels = 3;
  for (int layer = 0; layer < 5; ++layer) {
    const std::int64_t wide = layer == 4 ? 1 : ndf << layer;
    const std::int64_t stride = layer < 3 ? 2 : 1;
    const Conv2dShape shape = conv(x, {channels, wide, 4, stride, Padding2d::all(2)});
    out.push_back({"conv" + std::to_string(layer + 1), shape});
    x = {x.n, shape.p(), shape.q()};
    channels = wide;
  }
  return out;
}

std::vector<NamedConv> keras_discriminator_convs(const ImageBatch& images) {
  const Layer layers[] = {{3, 64, 4, 2},    {64, 64, 4, 2},   {64, 128, 4, 2},
                          {128, 256, 4, 2}, {256, 512, 4, 1}, {512, 1, 4, 1}};
  std::vector<NamedConv> out;
  ImageBatch x = images;
  for (const Layer& layer : layers) {
    const std::string name = "conv" + std::to_string(out.size() + 1);
    out.push_back(same_conv(name.c_str(), x, layer));
    x = {x.n, out.back().shape.p(), out.back().shape.q()};
  }
  return out;
}

std::vector<NamedConv> vgg19_convs(const ImageBatch& images) {
  const auto layer = [&](const char* name, std::int64_t scale, std::int64_t c, std::int64_t k) {
    return NamedConv{name, conv(divided(images, scale), {c, k, 3, 1, Padding2d::all(1)})};
  };
  return {layer("conv1_1", 1, 3, 64),    layer("conv1_2", 1, 64, 64),   layer("conv2_1", 2, 64, 128),
          layer("conv2_2", 2, 128, 128), layer("conv3_1", 4, 128, 256), layer("conv3_2", 4, 256, 256),
          layer("conv3_3", 4, 256, 256), layer("conv3_4", 4, 256, 256)};
}

Conv2dShape crop(Conv2dShape shape, std::int64_t h, std::int64_t w) {
  shape.n = 1;
  shape.h = std::min(shape.h, h);
  shape.w = std::min(shape.w, w);
  return shape;
}

}  // namespace dg::bench
