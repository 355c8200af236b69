#include "models/bands/stage.h"

#include <algorithm>

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {
namespace {

std::int64_t ceil_divide(std::int64_t a, std::int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }

Rows clipped(const Rows& rows, std::int64_t height) {
  return {std::max<std::int64_t>(rows.begin, 0), std::min(rows.end, height)};
}

// Before clipping to the map.
Rows window(const Conv2dConfig& conv, std::int64_t top, const Rows& output) {
  return {output.begin * conv.stride - top, (output.end - 1) * conv.stride - top + conv.kernel_h};
}

// Row i of the input reaches the rows i * stride - top + [0, kernel) of the result.
Rows sources(const ConvTranspose2dConfig& conv, const Rows& output) {
  const std::int64_t top = conv.padding.top;
  return {ceil_divide(output.begin + top - conv.kernel_h + 1, conv.stride),
          (output.end - 1 + top) / conv.stride + 1};
}

// Rows `wanted` of x, which are the rows `have` of a map.
Tensor take(const Tensor& x, const Rows& have, const Rows& wanted) {
  check(have.begin <= wanted.begin && wanted.end <= have.end, "band: has the rows ", have.begin, " to ",
        have.end, ", needs ", wanted.begin, " to ", wanted.end);
  if (have == wanted) return x;
  return slice(x, 1, wanted.begin - have.begin, wanted.end - have.begin);
}

}  // namespace

BandStage::BandStage(ConvTranspose2d& conv, NormLayer* norm) : conv_(&conv), norm_(norm) {
  const ConvTranspose2dConfig& c = conv.config();
  check(c.kernel_h >= c.stride && c.output_padding <= c.padding.bottom,
        "bands: got a transposed convolution with kernel ", c.kernel_h, ", stride ", c.stride, ", ",
        c.padding.bottom, " rows cut and ", c.output_padding,
        " added, expected every row of the result to lie under a window");
}

MapSize BandStage::padded(const MapSize& input) const {
  return {(input.height + 2 * border_.reflect) * border_.upsample,
          (input.width + 2 * border_.reflect) * border_.upsample, input.channels};
}

MapSize BandStage::output_size(const MapSize& input) const {
  const MapSize in = padded(input);
  if (const auto* conv = std::get_if<Conv2d*>(&conv_)) {
    const Conv2dConfig& c = (*conv)->config();
    const Padding2d pad = (*conv)->padding_for(in.height, in.width);
    return {(in.height + pad.top + pad.bottom - c.kernel_h) / c.stride + 1,
            (in.width + pad.left + pad.right - c.kernel_w) / c.stride + 1, c.out_channels};
  }
  const ConvTranspose2dConfig& c = std::get<ConvTranspose2d*>(conv_)->config();
  const auto extent = [&](std::int64_t n, std::int64_t kernel, std::int64_t before, std::int64_t after) {
    return (n - 1) * c.stride - before - after + kernel + c.output_padding;
  };
  return {extent(in.height, c.kernel_h, c.padding.top, c.padding.bottom),
          extent(in.width, c.kernel_w, c.padding.left, c.padding.right), c.out_channels};
}

Rows BandStage::convolved_rows(const Rows& output, const MapSize& input) const {
  const MapSize in = padded(input);
  if (const auto* conv = std::get_if<Conv2d*>(&conv_)) {
    return clipped(window((*conv)->config(), (*conv)->padding_for(in.height, in.width).top, output),
                   in.height);
  }
  return clipped(sources(std::get<ConvTranspose2d*>(conv_)->config(), output), in.height);
}

Rows BandStage::input_rows(const Rows& output, const MapSize& input) const {
  const Rows in = convolved_rows(output, input);
  const std::int64_t begin = in.begin / border_.upsample - border_.reflect;
  const std::int64_t end = ceil_divide(in.end, border_.upsample) - border_.reflect;
  Rows rows = clipped({begin, end}, input.height);
  // Row -i mirrors row i, and row last + i row last - i.
  const std::int64_t last = input.height - 1;
  if (begin < 0) rows = {0, std::max(rows.end, -begin + 1)};
  if (end - 1 > last) rows = {std::min(rows.begin, 2 * last - (end - 1)), input.height};
  return rows;
}

// Rows `wanted` of the map with its mirrored border, from the rows of the map without.
Tensor BandStage::reflected(const Tensor& x, const Rows& rows, const Rows& wanted,
                            const MapSize& input) const {
  const std::int64_t border = border_.reflect;
  if (border == 0) return take(x, rows, wanted);
  const std::int64_t above = std::max<std::int64_t>(0, border - wanted.begin);
  const std::int64_t below = std::max<std::int64_t>(0, wanted.end - border - input.height);
  const Tensor y = pad2d(x, {above, below, border, border}, PadMode::reflect);
  return take(y, {rows.begin + border - above, rows.end + border + below}, wanted);
}

Tensor BandStage::convolve(const Tensor& x, const Rows& rows, const Rows& output,
                           const MapSize& input) const {
  const Rows in = convolved_rows(output, input);
  const std::int64_t scale = border_.upsample;
  const Rows sources_of_in{in.begin / scale, ceil_divide(in.end, scale)};
  Tensor y = reflected(x, rows, sources_of_in, input);
  if (scale != 1) {
    y = take(upsample_nearest2d(y, scale), {sources_of_in.begin * scale, sources_of_in.end * scale}, in);
  }
  if (const auto* conv = std::get_if<Conv2d*>(&conv_)) {
    const MapSize whole = padded(input);
    Padding2d padding = (*conv)->padding_for(whole.height, whole.width);
    const Rows seen = window((*conv)->config(), padding.top, output);
    padding.top = in.begin - seen.begin;
    padding.bottom = seen.end - in.end;
    return (*conv)->with_padding(y, padding);
  }
  ConvTranspose2d& conv = *std::get<ConvTranspose2d*>(conv_);
  const ConvTranspose2dConfig& c = conv.config();
  ConvTranspose2d::Margin margin{.cut = c.padding};
  margin.cut.top = output.begin - (in.begin * c.stride - c.padding.top);
  const std::int64_t surplus = (in.count() - 1) * c.stride + c.kernel_h - margin.cut.top - output.count();
  margin.cut.bottom = std::max<std::int64_t>(surplus, 0);
  margin.added_rows = std::max<std::int64_t>(-surplus, 0);
  return conv.with_margin(y, margin);
}

// Whether the convolution applies the map before it as it reads.
bool BandStage::reads_normalised(const MapSize& input) const {
  const auto* conv = std::get_if<Conv2d*>(&conv_);
  if (conv == nullptr || border_.upsample != 1) return false;
  const MapSize in = padded(input);
  return border_.reflect == 0 || (*conv)->padding_for(in.height, in.width) == Padding2d{};
}

Tensor BandStage::convolve_whole(Tensor& x, const ScaleShift& before, ChannelMoments* moments) const {
  const MapSize input{x.dim(1), x.dim(2), x.dim(3)};
  if (reads_normalised(input)) {
    return std::get<Conv2d*>(conv_)->fused(x, before, border_.reflect, moments);
  }
  if (before.defined()) scale_shift_in_place(x, before);
  Tensor y = convolve(x, {0, input.height}, {0, output_size(input).height}, input);
  if (moments != nullptr) *moments = channel_moments(y);
  return y;
}

}  // namespace dg
