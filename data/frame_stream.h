// Films as one picture after the other. Y4M is in data/y4m.h; here are frames without any header, as
// `ffmpeg -f rawvideo -pix_fmt rgb24` gives and takes them.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "data/byte_stream.h"
#include "data/image.h"

namespace dg {

class FrameReader {
 public:
  FrameReader() = default;
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;
  virtual ~FrameReader() = default;

  // RGB or grey, all of one size. Nothing at the end. Throws Error where the stream breaks off or is damaged; there
  // is no frame after that.
  virtual std::optional<Image> next(const std::stop_token& stop) = 0;
  virtual std::int64_t width() const = 0;
  virtual std::int64_t height() const = 0;
};

class FrameWriter {
 public:
  FrameWriter() = default;
  FrameWriter(const FrameWriter&) = delete;
  FrameWriter& operator=(const FrameWriter&) = delete;
  virtual ~FrameWriter() = default;

  // Throws Error for a frame of another size or kind, and as ByteOutput::write.
  virtual void put(const Image& frame, const std::stop_token& stop) = 0;
};

// 3 bytes per pixel, R G B, rows top to bottom, no padding. The streams must outlive reader and writer.
class RawFrameReader final : public FrameReader {
 public:
  // Throws Error for a size below 1x1 or above kMaxImagePixels.
  RawFrameReader(ByteInput& input, std::int64_t width, std::int64_t height);
  std::optional<Image> next(const std::stop_token& stop) override;
  std::int64_t width() const override { return width_; }
  std::int64_t height() const override { return height_; }

 private:
  ByteInput& input_;
  std::int64_t width_;
  std::int64_t height_;
  std::int64_t frames_ = 0;
  std::vector<std::uint8_t> bytes_;
};

class RawFrameWriter final : public FrameWriter {
 public:
  RawFrameWriter(ByteOutput& output, std::int64_t width, std::int64_t height);
  void put(const Image& frame, const std::stop_token& stop) override;  // 8 or 16 bits; grey is repeated

 private:
  ByteOutput& output_;
  std::int64_t width_;
  std::int64_t height_;
  std::vector<std::uint8_t> bytes_;
};

}  // namespace dg
