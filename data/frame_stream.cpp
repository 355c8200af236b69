#include "data/frame_stream.h"

#include <algorithm>
#include <span>

#include "data/image_io.h"
#include "kernels/check.h"

namespace dg {
namespace {

std::size_t checked_frame_bytes(std::int64_t width, std::int64_t height) {
  check(width >= 1 && height >= 1 && width <= kMaxImagePixels / height, "raw frames: got a size of ", width,
        "x", height, ", expected at least 1x1 and at most 2^28 pixels");
  return static_cast<std::size_t>(3 * width * height);
}

}  // namespace

RawFrameReader::RawFrameReader(ByteInput& input, std::int64_t width, std::int64_t height)
    : input_(input), width_(width), height_(height), bytes_(checked_frame_bytes(width, height)) {}

std::optional<Image> RawFrameReader::next(const std::stop_token& stop) {
  const std::size_t came = input_.read(std::as_writable_bytes(std::span(bytes_)), stop);
  if (came == 0) return std::nullopt;
  check(came == bytes_.size(), input_.name(), ": ends within frame ", frames_ + 1, " (", came, " of ",
        bytes_.size(), " bytes); check that its frames are ", width_, "x", height_,
        " rgb24 and that the program before it finished");
  ++frames_;
  Image frame{width_, height_, 3, 8, {}};
  frame.pixels.assign(bytes_.begin(), bytes_.end());
  return frame;
}

RawFrameWriter::RawFrameWriter(ByteOutput& output, std::int64_t width, std::int64_t height)
    : output_(output), width_(width), height_(height), bytes_(checked_frame_bytes(width, height)) {}

void RawFrameWriter::put(const Image& frame, const std::stop_token& stop) {
  check(frame.width == width_ && frame.height == height_ && (frame.channels == 1 || frame.channels == 3),
        "raw frames: got a frame of ", frame.width, "x", frame.height, " with ", frame.channels,
        " channels, expected RGB or grey of ", width_, "x", height_);
  const std::size_t repeat = frame.channels == 1 ? 3 : 1;
  std::size_t at = 0;
  for (const std::uint16_t value : frame.pixels) {
    // 65535 = 257 * 255: to the nearest of 256 levels.
    const auto byte = static_cast<std::uint8_t>(frame.bit_depth == 16 ? (value + 128U) / 257U : value);
    std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), repeat, byte);
    at += repeat;
  }
  output_.write(std::as_bytes(std::span(bytes_)), stop);
}

}  // namespace dg
