// YUV4MPEG2, the stream of uncompressed frames that `ffmpeg -f yuv4mpegpipe` gives and takes: a line of text, then
// for each frame a line "FRAME" and its planes (yuv4mpeg(5) of mjpegtools; the tags of more than 8 bits and
// XCOLORRANGE as FFmpeg writes them).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "data/frame_stream.h"
#include "data/ycbcr.h"

namespace dg {

inline constexpr std::string_view kY4mMagic = "YUV4MPEG2";

// Tags of the header line:
//   C   420jpeg (also 420, or none), 420mpeg2, 420paldv, 422, 444, mono; with p9, p10, p12, p14 or p16 behind 420 (sited
//       as MPEG-2), 422 and 444, with 9, 10, 12, 14 or 16 behind mono
//   F   frames per second, A pixel aspect: passed on
//   I   p, or ? taken for progressive; interlaced frames are refused
//   X   passed on; XCOLORRANGE=FULL or LIMITED (without it: limited)
// The stream does not name its matrix: BT.709 from 1280 pixels of width or 720 of height on, BT.601 below.
struct Y4mFormat {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::string colour = "420jpeg";
  std::int64_t rate = 25;  // frames per `rate_per` seconds; 0 of 0: unknown
  std::int64_t rate_per = 1;
  std::string aspect = "1:1";
  std::vector<std::string> extras = {};  // the X tags, without their X

  // Throws Error for a colour space that is none of the above.
  YcbcrFormat samples() const;
};

// The header line, without its '\n'. `name` stands in messages. Throws Error for what is no header, has no size or
// one above kMaxImagePixels, for interlaced frames, and for colour spaces with alpha, of 4:1:1, or unknown.
Y4mFormat parse_y4m_header(std::string_view line, const std::string& name);
std::string y4m_header(const Y4mFormat& format);

// Frames as RGB or grey of 16 bits. The streams must outlive reader and writer.
class Y4mReader final : public FrameReader {
 public:
  explicit Y4mReader(ByteInput& input, const std::stop_token& stop = {});  // reads the header
  std::optional<Image> next(const std::stop_token& stop) override;
  std::int64_t width() const override { return format_.width; }
  std::int64_t height() const override { return format_.height; }
  const Y4mFormat& format() const { return format_; }

 private:
  std::size_t read_planes(const std::stop_token& stop);

  ByteInput& input_;
  Y4mFormat format_;
  YcbcrFormat samples_;
  std::size_t frame_bytes_ = 0;
  std::int64_t frames_ = 0;
  std::vector<std::byte> bytes_;
};

class Y4mWriter final : public FrameWriter {
 public:
  Y4mWriter(ByteOutput& output,
            Y4mFormat format);  // writes the header with the first frame, or with finish()
  void put(const Image& frame, const std::stop_token& stop) override;
  void finish(const std::stop_token& stop = {});  // a film without frames has a header too

 private:
  ByteOutput& output_;
  Y4mFormat format_;
  YcbcrFormat samples_;
  bool begun_ = false;
};

}  // namespace dg
