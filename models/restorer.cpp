// Pad, run, crop. Padding is only added below and to the right, so that cropping is the identity on
// positions.
#include "models/restorer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {

namespace {

// The network is left in the mode in which it was found, also when it throws.
class EvalScope {
 public:
  explicit EvalScope(Module& module) : module_(module), training_(module.training()) { module_.eval(); }
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;
  ~EvalScope() { module_.train(training_); }

 private:
  Module& module_;
  bool training_;
};

// Position i of a signal that is mirrored at both ends for ever; period 2 (extent - 1).
std::int64_t mirrored(std::int64_t i, std::int64_t extent) {
  if (extent == 1) return 0;
  const std::int64_t phase = i % (2 * (extent - 1));
  return phase < extent ? phase : 2 * (extent - 1) - phase;
}

// The allocator's Errors and the host's bad_alloc become one sentence about the picture.
template <typename Body>
auto with_memory_advice(std::int64_t width, std::int64_t height, Body&& body) {
  const auto give_advice = [&]() {
    fail("restore: not enough memory for a picture of ", width, "x", height,
         " pixels; close other programs, cut the picture up, or make it smaller");
  };
  try {
    return body();
  } catch (const Error& error) {
    if (std::string_view(error.what()).find("out of memory") != std::string_view::npos) give_advice();
    throw;
  } catch (const std::bad_alloc&) {
    give_advice();
    throw;
  }
}

FloatImage run(Module& generator, const FloatImage& image) {
  const NoGrad no_grad(generator.context());
  const EvalScope eval(generator);
  const Shape shape{1, image.height, image.width, 3};
  const Tensor x =
      affine(Tensor::from_host(generator.context(), shape, std::span<const float>(image.pixels)), 2.0, -1.0);
  const Tensor y = affine(generator(x), 0.5, 0.5);
  check(y.shape() == shape, "restore: the network turned ", shape, " into ", y.shape(),
        ", expected the same shape; use a generator");
  FloatImage result(image.width, image.height, 3);
  result.pixels = y.to_floats();
  return result;
}

}  // namespace

std::int64_t padded_side(std::int64_t side, const RestorerOptions& options) {
  const std::int64_t at_least = std::max(side, options.minimum_size);
  return (at_least + options.size_multiple - 1) / options.size_multiple * options.size_multiple;
}

FloatImage reflect_to(const FloatImage& image, std::int64_t width, std::int64_t height) {
  check(image.width >= 1 && image.height >= 1 && width >= image.width && height >= image.height,
        "reflect_to: got ", image.width, "x", image.height, " to pad to ", width, "x", height,
        ", expected at least one pixel and a larger target");
  FloatImage result(width, height, image.channels);
  float* to = result.pixels.data();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        *to++ = image.at(mirrored(y, image.height), mirrored(x, image.width), c);
      }
    }
  }
  return result;
}

Restorer::Restorer(Module& generator, RestorerOptions options) : generator_(generator), options_(options) {
  check(options.size_multiple >= 1 && options.minimum_size >= 1, "Restorer: got a size multiple of ",
        options.size_multiple, " and a minimum of ", options.minimum_size,
        ", expected at least 1; take both from the generator's preset");
}

FloatImage Restorer::restore(const FloatImage& rgb) {
  check(rgb.channels == 3 && rgb.width >= 1 && rgb.height >= 1, "restore: got a picture of ", rgb.width, "x",
        rgb.height, " with ", rgb.channels,
        " channels, expected RGB and at least one pixel; use to_rgb first");
  FloatImage restored = with_memory_advice(rgb.width, rgb.height, [&] {
    const FloatImage padded =
        reflect_to(rgb, padded_side(rgb.width, options_), padded_side(rgb.height, options_));
    return crop(run(generator_, padded), 0, 0, rgb.width, rgb.height);
  });
  check(std::all_of(restored.pixels.begin(), restored.pixels.end(), [](float v) { return std::isfinite(v); }),
        "restore: the network gave values that are not finite numbers; its weights are damaged or their "
        "training "
        "diverged, use an earlier checkpoint");
  return restored;
}

Image Restorer::restore_image(const Image& image) {
  const Image restored = with_memory_advice(image.width, image.height, [&] {
    return to_integer(restore(to_rgb(to_float(image))), image.bit_depth);
  });
  Image result = image;  // keeps alpha
  const bool grey = image.channels <= 2;
  const auto channels = static_cast<std::size_t>(image.channels);
  const auto pixels = static_cast<std::size_t>(image.width * image.height);
  for (std::size_t i = 0; i < pixels; ++i) {
    const std::uint16_t* from = &restored.pixels[3 * i];
    std::uint16_t* to = &result.pixels[channels * i];
    if (grey) {
      to[0] = static_cast<std::uint16_t>(std::lround(0.299 * from[0] + 0.587 * from[1] + 0.114 * from[2]));
    } else {
      std::copy_n(from, 3, to);
    }
  }
  return result;
}

}  // namespace dg
