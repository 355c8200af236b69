#include "data/y4m.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <tuple>
#include <utility>

#include "data/image_io.h"
#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::size_t kMaxLine = 4096;  // real headers have about 100 bytes

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

struct Colour {
  ChromaLayout chroma = ChromaLayout::quarter_centre;
  int bit_depth = 8;
};

std::optional<Colour> colour_of(std::string_view tag) {
  using enum ChromaLayout;
  constexpr std::array<std::pair<std::string_view, ChromaLayout>, 7> kOfEightBits = {
      {{"420jpeg", quarter_centre},
       {"420", quarter_centre},
       {"420mpeg2", quarter_left},
       {"420paldv", quarter_topleft},
       {"422", half_width},
       {"444", full},
       {"mono", mono}}};
  for (const auto& [name, chroma] : kOfEightBits) {
    if (tag == name) return Colour{chroma, 8};
  }
  constexpr std::array<std::pair<std::string_view, ChromaLayout>, 4> kDeep = {
      {{"420p", quarter_left}, {"422p", half_width}, {"444p", full}, {"mono", mono}}};
  for (const auto& [name, chroma] : kDeep) {
    if (!tag.starts_with(name)) continue;
    const auto bits = number_of(tag.substr(name.size()));
    for (const int depth : {9, 10, 12, 14, 16}) {
      if (bits == depth) return Colour{chroma, depth};
    }
  }
  return std::nullopt;
}

Colour checked_colour(const std::string& tag, const std::string& name) {
  const auto colour = colour_of(tag);
  check(colour.has_value(), name, ": has the colour space '", tag,
        "', expected 420jpeg, 420mpeg2, 420paldv, 422, 444 or mono, of 8 to 16 bits; give ffmpeg -pix_fmt "
        "yuv420p");
  return *colour;
}

// "30000:1001"
std::pair<std::int64_t, std::int64_t> ratio_of(std::string_view text, const std::string& name) {
  const std::size_t colon = text.find(':');
  const auto first = number_of(text.substr(0, colon));
  const auto second = colon == std::string_view::npos ? std::nullopt : number_of(text.substr(colon + 1));
  check(first && second, name, ": its header says '", text,
        "' frames per second, expected two numbers such as 30000:1001; it is damaged");
  return {*first, *second};
}

}  // namespace

YcbcrFormat Y4mFormat::samples() const {
  const Colour layout = checked_colour(colour, "y4m");
  YcbcrFormat format{.chroma = layout.chroma, .bit_depth = layout.bit_depth};
  if (width >= 1280 || height >= 720) format.matrix = YcbcrMatrix::bt709;
  for (const std::string& extra : extras) format.full_range = format.full_range || extra == "COLORRANGE=FULL";
  return format;
}

Y4mFormat parse_y4m_header(std::string_view line, const std::string& name) {
  check(line == kY4mMagic || line.starts_with(std::string(kY4mMagic) + " "), name,
        ": is not a Y4M stream, expected YUV4MPEG2 at its beginning; make one with ffmpeg -f yuv4mpegpipe");
  Y4mFormat format;
  line.remove_prefix(kY4mMagic.size());
  while (!line.empty()) {
    line.remove_prefix(1);
    const std::string_view tag = line.substr(0, line.find(' '));
    line.remove_prefix(tag.size());
    if (tag.empty()) continue;
    const std::string_view value = tag.substr(1);
    switch (tag[0]) {
      case 'W': format.width = number_of(value).value_or(0); break;
      case 'H': format.height = number_of(value).value_or(0); break;
      case 'C': format.colour = value; break;
      case 'F': std::tie(format.rate, format.rate_per) = ratio_of(value, name); break;
      case 'A': format.aspect = value; break;
      case 'X': format.extras.emplace_back(value); break;
      case 'I':
        check(value == "p" || value == "?", name, ": its frames are interlaced (I", value,
              "), expected progressive ones; put -vf bwdif into ffmpeg's command");
        break;
      default: fail(name, ": its header has the unknown tag '", tag, "'; it is damaged");
    }
  }
  check(format.width >= 1 && format.height >= 1 && format.width <= kMaxImagePixels / format.height, name,
        ": claims frames of ", format.width, "x", format.height,
        " pixels, expected at least one and at most 2^28; it is damaged");
  checked_colour(format.colour, name);
  return format;
}

std::string y4m_header(const Y4mFormat& format) {
  std::string line = std::string(kY4mMagic) + " W" + std::to_string(format.width) + " H" +
                     std::to_string(format.height) + " F" + std::to_string(format.rate) + ":" +
                     std::to_string(format.rate_per) + " Ip A" + format.aspect + " C" + format.colour;
  for (const std::string& extra : format.extras) line += " X" + extra;
  return line;
}

// ---- reader ----

Y4mReader::Y4mReader(ByteInput& input, const std::stop_token& stop) : input_(input) {
  // By the first bytes, since a file of another kind may have no line at all.
  const bool y4m = input.peek(kY4mMagic.size(), stop) == kY4mMagic;
  format_ = parse_y4m_header(y4m ? input.read_line(kMaxLine, stop).value_or("") : "", input.name());
  samples_ = format_.samples();
  frame_bytes_ = ycbcr_frame_bytes(format_.width, format_.height, samples_);
}

// Room grows with what comes, so that a header alone cannot ask for gigabytes.
std::size_t Y4mReader::read_planes(const std::stop_token& stop) {
  constexpr std::size_t kStep = 1 << 20;
  std::size_t came = 0;
  while (came < frame_bytes_) {
    const std::size_t wanted = std::min(frame_bytes_ - came, std::max(kStep, came));
    if (bytes_.size() < came + wanted) bytes_.resize(came + wanted);
    const std::size_t got = input_.read(std::span(bytes_).subspan(came, wanted), stop);
    came += got;
    if (got < wanted) break;
  }
  return came;
}

std::optional<Image> Y4mReader::next(const std::stop_token& stop) {
  const std::optional<std::string> line = input_.read_line(kMaxLine, stop);
  if (!line) return std::nullopt;
  check(*line == "FRAME" || line->starts_with("FRAME "), input_.name(), ": frame ", frames_ + 1,
        " does not begin with FRAME; the stream is damaged");
  const std::size_t came = read_planes(stop);
  check(came == frame_bytes_, input_.name(), ": ends within frame ", frames_ + 1, " (", came, " of ",
        frame_bytes_, " bytes); what wrote it stopped too early");
  ++frames_;
  return image_from_ycbcr(bytes_, format_.width, format_.height, samples_);
}

// ---- writer ----

Y4mWriter::Y4mWriter(ByteOutput& output, Y4mFormat format)
    : output_(output), format_(std::move(format)), samples_(format_.samples()) {}

void Y4mWriter::put(const Image& frame, const std::stop_token& stop) {
  check(frame.width == format_.width && frame.height == format_.height, "y4m: got a frame of ", frame.width,
        "x", frame.height, ", expected ", format_.width, "x", format_.height, " as all others");
  const std::vector<std::byte> bytes = ycbcr_from_image(frame, samples_);
  finish(stop);
  output_.write("FRAME\n", stop);
  output_.write(bytes, stop);
}

void Y4mWriter::finish(const std::stop_token& stop) {
  if (begun_) return;
  begun_ = true;
  output_.write(y4m_header(format_) + "\n", stop);
}

}  // namespace dg
