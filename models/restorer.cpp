// Pad, run, crop. Padding is only added below and to the right, so that cropping is the identity on
// positions.
#include "models/restorer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/ops.h"
#include "kernels/check.h"
#include "models/bands/network.h"

namespace dg {

namespace {

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
         " pixels; use tiles, close other programs, or make the picture smaller");
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

// Rows that are converted at a time.
constexpr std::int64_t kStrip = 16;

// [0, 1] -> [-1, 1], padded by reflection below and to the right.
Tensor upload(Context& context, std::int64_t count, std::int64_t width, std::int64_t height,
              const Shape& padded, const auto& read) {
  Tensor images = Tensor::empty(context, padded);
  const std::int64_t row_numel = padded[2] * 3;
  std::vector<float> source(static_cast<std::size_t>(width * 3));
  std::vector<float> strip;
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t y = 0; y < padded[1]; y += kStrip) {
      const std::int64_t rows = std::min(kStrip, padded[1] - y);
      strip.resize(static_cast<std::size_t>(rows * row_numel));
      for (std::int64_t i = 0; i < rows; ++i) {
        read(n, mirrored(y + i, height), std::span(source));
        float* to = strip.data() + i * row_numel;
        for (std::int64_t x = 0; x < padded[2]; ++x) {
          const float* from = source.data() + 3 * mirrored(x, width);
          for (int c = 0; c < 3; ++c) *to++ = from[c] * 2.0F - 1.0F;
        }
      }
      Array target = images.mutable_array();
      target.data = static_cast<float*>(target.data) + (n * padded[1] + y) * row_numel;
      context.backend().copy(target.data, strip.data(), rows * row_numel * size_of(DType::float32),
                             CopyDirection::host_to_device);
    }
  }
  return images;
}

// [-1, 1] -> [0, 1], cropped.
void download(const Tensor& images, std::int64_t count, std::int64_t width, std::int64_t height,
              const auto& write) {
  const std::int64_t row_numel = images.dim(2) * 3;
  std::vector<float> strip(static_cast<std::size_t>(kStrip * row_numel));
  for (std::int64_t n = 0; n < count; ++n) {
    for (std::int64_t y = 0; y < height; y += kStrip) {
      const std::int64_t rows = std::min(kStrip, height - y);
      const float* source =
          static_cast<const float*>(images.array().data) + (n * images.dim(1) + y) * row_numel;
      images.backend().copy(strip.data(), source, rows * row_numel * size_of(DType::float32),
                            CopyDirection::device_to_host);
      images.backend().synchronize();
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::span<float> row(strip.data() + i * row_numel, static_cast<std::size_t>(width * 3));
        for (float& value : row) {
          check(std::isfinite(value),
                "restore: the network gave values that are not finite numbers; its weights are damaged or "
                "their "
                "training diverged, use an earlier checkpoint");
          value = value * 0.5F + 0.5F;
        }
        write(n, y + i, std::span<const float>(row));
      }
    }
  }
}

// ---- the eight views ----

// The picture mirrored at its diagonal.
FloatImage transposed(const FloatImage& image) {
  FloatImage result(image.height, image.width, image.channels);
  for (std::int64_t y = 0; y < result.height; ++y) {
    for (std::int64_t x = 0; x < result.width; ++x) {
      for (int c = 0; c < image.channels; ++c) result.at(y, x, c) = image.at(x, y, c);
    }
  }
  return result;
}

constexpr int kViews = 8;

FloatImage view_of(FloatImage image, int view) {
  if ((view & 1) != 0) image = flip_horizontal(image);
  if ((view & 2) != 0) image = flip_vertical(image);
  return (view & 4) != 0 ? transposed(image) : image;
}

FloatImage back_from(FloatImage image, int view) {
  if ((view & 4) != 0) image = transposed(image);
  if ((view & 2) != 0) image = flip_vertical(image);
  return (view & 1) != 0 ? flip_horizontal(image) : image;
}

std::string text_of_bytes(std::int64_t bytes) {
  const double mebibytes = static_cast<double>(bytes) / static_cast<double>(1 << 20);
  char text[32];
  if (mebibytes < 1000.0) {
    std::snprintf(text, sizeof text, "%.0f MiB", mebibytes);
  } else {
    std::snprintf(text, sizeof text, "%.2f GiB", mebibytes / 1024.0);
  }
  return text;
}

// ---- rows of pictures ----

std::span<float> row_of(FloatImage& image, std::int64_t y) {
  return {image.pixels.data() + y * image.width * 3, static_cast<std::size_t>(image.width * 3)};
}

// Grey is repeated, alpha is left out.
void read_row(const Image& image, std::int64_t y, std::span<float> rgb) {
  const auto max_value = static_cast<float>(image.max_value());
  const bool grey = image.channels <= 2;
  const std::uint16_t* from = image.pixels.data() + y * image.width * image.channels;
  for (std::size_t i = 0; i < rgb.size(); i += 3, from += image.channels) {
    for (std::size_t c = 0; c < 3; ++c) rgb[i + c] = static_cast<float>(from[grey ? 0 : c]) / max_value;
  }
}

// Alpha stays what it is.
void write_row(Image& image, std::int64_t y, std::span<const float> rgb) {
  const double max_value = image.max_value();
  const auto level = [&](float value) {
    return static_cast<std::uint16_t>(
        std::lround(std::clamp(static_cast<double>(value), 0.0, 1.0) * max_value));
  };
  std::uint16_t* to = image.pixels.data() + y * image.width * image.channels;
  for (std::size_t i = 0; i < rgb.size(); i += 3, to += image.channels) {
    const std::uint16_t levels[3] = {level(rgb[i]), level(rgb[i + 1]), level(rgb[i + 2])};
    if (image.channels >= 3) {
      std::copy_n(levels, 3, to);
    } else {
      to[0] =
          static_cast<std::uint16_t>(std::lround(0.299 * levels[0] + 0.587 * levels[1] + 0.114 * levels[2]));
    }
  }
}

}  // namespace

std::int64_t padded_side(std::int64_t side, const RestorerOptions& options) {
  const std::int64_t at_least = std::max(side, options.minimum_size);
  return (at_least + options.size_multiple - 1) / options.size_multiple * options.size_multiple;
}

Restorer::Restorer(Module& generator, RestorerOptions options) : generator_(generator), options_(options) {
  check(options.size_multiple >= 1 && options.minimum_size >= 1, "Restorer: got a size multiple of ",
        options.size_multiple, " and a minimum of ", options.minimum_size,
        ", expected at least 1; take both from the generator's preset");
  check(options.tile_rows >= 0 && options.max_memory >= 0, "Restorer: got tiles of ", options.tile_rows,
        " rows and a memory of ", options.max_memory, " bytes, expected numbers that are not negative");
  check(options.blend >= 0.0 && options.blend <= 1.0, "Restorer: got a blend of ", options.blend,
        ", expected 0 (the blurred picture) to 1 (the restored one)");
  check(options.tile_rows == 0 || dynamic_cast<Banded*>(&generator) != nullptr,
        "Restorer: ", generator.kind(),
        " cannot be computed in tiles, its inner layers see the whole picture; leave the tile size away");
}

// ---- what comes in and goes out ----

FloatImage Restorer::restore(const FloatImage& rgb) {
  check(rgb.channels == 3 && rgb.width >= 1 && rgb.height >= 1, "restore: got a picture of ", rgb.width, "x",
        rgb.height, " with ", rgb.channels,
        " channels, expected RGB and at least one pixel; use to_rgb first");
  return with_memory_advice(rgb.width, rgb.height, [&] {
    FloatImage result(rgb.width, rgb.height, 3);
    restore({.width = rgb.width,
             .height = rgb.height,
             .read =
                 [&](std::int64_t, std::int64_t y, std::span<float> row) {
                   std::copy_n(rgb.pixels.data() + y * rgb.width * 3, row.size(), row.data());
                 },
             .write =
                 [&](std::int64_t, std::int64_t y, std::span<const float> row) {
                   std::copy(row.begin(), row.end(), row_of(result, y).data());
                 }});
    return result;
  });
}

Image Restorer::restore_image(const Image& image) {
  return std::move(restore_images(std::span(&image, 1)).front());
}

std::vector<Image> Restorer::restore_images(std::span<const Image> images) {
  check(!images.empty(), "restore: got no pictures, expected at least one");
  for (const Image& image : images) {
    check(image.width == images[0].width && image.height == images[0].height, "restore: got pictures of ",
          images[0].width, "x", images[0].height, " and of ", image.width, "x", image.height,
          " in one batch, expected one size; restore them apart");
    check(image.width >= 1 && image.height >= 1 && image.channels >= 1 && image.channels <= 4 &&
              static_cast<std::int64_t>(image.pixels.size()) == image.numel(),
          "restore: got a picture of ", image.width, "x", image.height, " with ", image.channels,
          " channels and ", image.pixels.size(),
          " values, expected at least one pixel, 1 to 4 channels and all values");
  }
  return with_memory_advice(images[0].width, images[0].height, [&] {
    std::vector<Image> results(images.begin(), images.end());
    restore({.count = static_cast<std::int64_t>(images.size()),
             .width = images[0].width,
             .height = images[0].height,
             .read = [&](std::int64_t n, std::int64_t y,
                         std::span<float> row) { read_row(images[static_cast<std::size_t>(n)], y, row); },
             .write =
                 [&](std::int64_t n, std::int64_t y, std::span<const float> row) {
                   write_row(results[static_cast<std::size_t>(n)], y, row);
                 }});
    return results;
  });
}

// ---- blend, views, batches ----

void Restorer::restore(const Pictures& pictures) {
  if (options_.blend == 1.0) return forward(pictures);
  Pictures blended = pictures;
  std::vector<float> original(static_cast<std::size_t>(pictures.width * 3));
  blended.write = [&](std::int64_t n, std::int64_t y, std::span<const float> rgb) {
    pictures.read(n, y, original);
    const auto share = static_cast<float>(options_.blend);
    for (std::size_t i = 0; i < original.size(); ++i) original[i] += share * (rgb[i] - original[i]);
    pictures.write(n, y, original);
  };
  forward(blended);
}

void Restorer::forward(const Pictures& pictures) {
  if (options_.self_ensemble) return forward_views(pictures);
  const RestorePlan together = plan(pictures.width, pictures.height, pictures.count);
  if (pictures.count == 1 || (together.tile_rows == 0 && together.fits))
    return forward_planned(pictures, together);
  const RestorePlan alone = plan(pictures.width, pictures.height);
  for (std::int64_t i = 0; i < pictures.count; ++i) {
    Pictures one = pictures;
    one.count = 1;
    one.read = [&](std::int64_t, std::int64_t y, std::span<float> rgb) { pictures.read(i, y, rgb); };
    one.write = [&](std::int64_t, std::int64_t y, std::span<const float> rgb) { pictures.write(i, y, rgb); };
    forward_planned(one, alone);
  }
}

void Restorer::forward_views(const Pictures& pictures) {
  for (std::int64_t n = 0; n < pictures.count; ++n) {
    FloatImage image(pictures.width, pictures.height, 3);
    for (std::int64_t y = 0; y < image.height; ++y) pictures.read(n, y, row_of(image, y));
    FloatImage mean(pictures.width, pictures.height, 3);
    for (int view = 0; view < kViews; ++view) {
      const FloatImage seen = view_of(image, view);
      FloatImage result(seen.width, seen.height, 3);
      forward_planned({.width = seen.width,
                       .height = seen.height,
                       .read =
                           [&](std::int64_t, std::int64_t y, std::span<float> rgb) {
                             std::copy_n(seen.pixels.data() + y * seen.width * 3, rgb.size(), rgb.data());
                           },
                       .write =
                           [&](std::int64_t, std::int64_t y, std::span<const float> rgb) {
                             std::copy(rgb.begin(), rgb.end(), row_of(result, y).data());
                           }},
                      plan(seen.width, seen.height));
      result = back_from(std::move(result), view);
      for (std::size_t i = 0; i < mean.pixels.size(); ++i) mean.pixels[i] += result.pixels[i] / kViews;
    }
    for (std::int64_t y = 0; y < mean.height; ++y) pictures.write(n, y, row_of(mean, y));
  }
}

// ---- the network ----

RestorePlan Restorer::plan(std::int64_t width, std::int64_t height, std::int64_t count) {
  const auto key = std::make_tuple(width, height, count);
  if (const auto known = plans_.find(key); known != plans_.end()) return known->second;
  const Shape padded{count, padded_side(height, options_), padded_side(width, options_), 3};
  // Two pictures of 16 bits, decoded and restored; views are floats: image, view, its result, and their mean.
  const std::int64_t per_value = 2 * 2 + (options_.self_ensemble ? 4 * 4 : 0);
  return plans_[key] = plan_restoration(generator_, padded,
                                        {.tile_rows = options_.tile_rows,
                                         .max_memory = options_.max_memory,
                                         .host_bytes = count * width * height * 3 * per_value});
}

void Restorer::forward_planned(const Pictures& pictures, const RestorePlan& plan) {
  check(plan.fits, "restore: not enough memory for a picture of ", pictures.width, "x", pictures.height,
        " pixels: about ", text_of_bytes(plan.peak_bytes), " are needed, ",
        options_.max_memory > 0 ? "max_memory allows " : "there are ", text_of_bytes(plan.limit_bytes), "; ",
        dynamic_cast<Banded*>(&generator_) == nullptr
            ? "this network cannot be computed in tiles, make the picture smaller"
            : "use smaller tiles, close other programs, or make the picture smaller");
  Context& context = generator_.context();
  const Shape shape{pictures.count, padded_side(pictures.height, options_),
                    padded_side(pictures.width, options_), 3};
  Tensor result;
  {
    const Tensor images =
        upload(context, pictures.count, pictures.width, pictures.height, shape, pictures.read);
    result = run_planned(generator_, images, plan);
  }
  check(result.shape() == shape, "restore: the network turned ", shape, " into ", result.shape(),
        ", expected the same shape; use a generator");
  download(result, pictures.count, pictures.width, pictures.height, pictures.write);
  // Bands are for pictures that nearly fill the memory: it is given back for what comes next.
  if (plan.tile_rows == 0) return;
  result = Tensor();
  context.allocator().trim();
}

}  // namespace dg
