// Order: crop or resize, then horizontal flip, vertical flip, quarter turn; one draw decides for both pictures.
#include "data/augment.h"

#include <array>
#include <utility>

namespace dg {
namespace {

constexpr std::array<std::pair<const char*, Preprocess>, 4> kNames{
    {{"crop", Preprocess::crop},
     {"resize", Preprocess::resize},
     {"resize_and_crop", Preprocess::resize_and_crop},
     {"none", Preprocess::none}}};

bool resizes(Preprocess p) { return p == Preprocess::resize || p == Preprocess::resize_and_crop; }
bool crops(Preprocess p) { return p == Preprocess::crop || p == Preprocess::resize_and_crop; }

template <typename Transform>
void apply(Sample& sample, const Transform& transform) {
  sample.blurred = transform(sample.blurred);
  sample.sharp = transform(sample.sharp);
}

// A quarter turn clockwise: row y becomes column height - 1 - y.
FloatImage turn_clockwise(const FloatImage& image) {
  FloatImage turned(image.height, image.width, image.channels);
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      for (int c = 0; c < image.channels; ++c) {
        turned.at(x, image.height - 1 - y, c) = image.at(y, x, c);
      }
    }
  }
  return turned;
}

}  // namespace

Preprocess parse_preprocess(const std::string& name) {
  for (const auto& [text, preprocess] : kNames) {
    if (name == text) {
      return preprocess;
    }
  }
  fail("preprocess: got '", name, "', expected crop, resize, resize_and_crop or none");
}

const char* name_of(Preprocess preprocess) {
  for (const auto& [text, value] : kNames) {
    if (value == preprocess) {
      return text;
    }
  }
  return "unknown";
}

void check_options(const AugmentOptions& o) {
  check(!crops(o.preprocess) || o.crop_size > 0, "preprocess: crop size ", o.crop_size,
        ", expected at least 1");
  check(!resizes(o.preprocess) || (o.load_width > 0 && o.load_height > 0), "preprocess: load size ",
        o.load_width, "x", o.load_height, ", expected at least 1x1");
  check(o.preprocess != Preprocess::resize_and_crop ||
            (o.crop_size <= o.load_width && o.crop_size <= o.load_height),
        "preprocess: the crop of ", o.crop_size, " is larger than the load size ", o.load_width, "x",
        o.load_height, "; choose a smaller crop or a larger load size");
  const bool square =
      crops(o.preprocess) || (o.preprocess == Preprocess::resize && o.load_width == o.load_height);
  check(!o.rot90 || square, "preprocess: quarter turns need square examples, but '", name_of(o.preprocess),
        "' gives others; use crop or turn rot90 off");
}

Sample load_example(const PairSource& source, std::int64_t index, RandomStream& stream,
                    const AugmentOptions& options) {
  check_options(options);

  // Every draw is made whether it is used or not: switching one option on leaves
  // the other choices as they were.
  const bool flip_x = stream.chance(0.5);
  const bool flip_y = stream.chance(0.5);
  const bool turn = stream.chance(0.5);
  const double u = stream.uniform();
  const double v = stream.uniform();

  // A plain crop is left to the source, which then blurs no more than the window.
  CropRequest request;
  request.centred = options.centred;
  if (options.preprocess == Preprocess::crop) {
    request.width = options.crop_size;
    request.height = options.crop_size;
  }
  Sample sample = source.load(index, stream, request);

  if (resizes(options.preprocess)) {
    apply(sample, [&](const FloatImage& image) {
      return resize_bicubic(image, options.load_width, options.load_height);
    });
  }
  if (options.preprocess == Preprocess::resize_and_crop) {
    const auto place = [&](double draw, std::int64_t room) {
      return options.centred ? room / 2 : static_cast<std::int64_t>(draw * static_cast<double>(room + 1));
    };
    const std::int64_t x = place(u, options.load_width - options.crop_size);
    const std::int64_t y = place(v, options.load_height - options.crop_size);
    apply(sample,
          [&](const FloatImage& image) { return crop(image, x, y, options.crop_size, options.crop_size); });
  }
  if (options.flip_horizontal && flip_x) {
    apply(sample, flip_horizontal);
  }
  if (options.flip_vertical && flip_y) {
    apply(sample, flip_vertical);
  }
  if (options.rot90 && turn) {
    apply(sample, turn_clockwise);
  }
  return sample;
}

}  // namespace dg
