// Every convolution of the networks, as the kernels see them: reflection has already grown the image, and a
// transposed convolution appears as the convolution whose gradient it is.
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

struct ImageBatch {
  std::int64_t n = 1, h = 256, w = 256;

  std::string text() const { return std::to_string(n) + "x" + std::to_string(h) + "x" + std::to_string(w); }
};

std::vector<NamedConv> resnet_generator_convs(const ImageBatch& images, std::int64_t ngf);
std::vector<NamedConv> keras_generator_convs(const ImageBatch& images);
std::vector<NamedConv> patch_discriminator_convs(const ImageBatch& images, std::int64_t ndf);
std::vector<NamedConv> keras_discriminator_convs(const ImageBatch& images);
std::vector<NamedConv> vgg19_convs(const ImageBatch& images);  // up to conv3_4

// The same convolution on a corner of at most h x w pixels of one image.
Conv2dShape crop(Conv2dShape shape, std::int64_t h, std::int64_t w);

}  // namespace dg::bench
