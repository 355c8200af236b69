// PNG (ISO/IEC 15948): signature, IHDR, IDAT..., IEND. Pixels are big-endian, each row begins with its filter
// type and all rows are one zlib stream. The filter of a row is the one with the least sum of absolute
// residuals, the heuristic that the standard suggests (12.8).
#include "data/detail/png_encoder.h"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string_view>
#include <zlib.h>

#include "kernels/check.h"

namespace dg {
namespace {

constexpr std::size_t kMaxIdat = std::size_t{1} << 20U;  // small chunks let readers stream
constexpr int kCompressionLevel = 6;

void append_u32(std::vector<std::uint8_t>& out, std::size_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void append_chunk(std::vector<std::uint8_t>& out, std::string_view type, std::span<const std::uint8_t> data) {
  append_u32(out, data.size());
  const std::size_t start = out.size();
  out.insert(out.end(), type.begin(), type.end());
  out.insert(out.end(), data.begin(), data.end());
  append_u32(out, crc32(0, &out[start], static_cast<uInt>(out.size() - start)));
}

// The neighbour (left, up or up-left) that is nearest to left + up - up_left; ties in this order.
int paeth(int left, int up, int up_left) {
  const int to_left = std::abs(up - up_left);
  const int to_up = std::abs(left - up_left);
  const int to_up_left = std::abs(left + up - 2 * up_left);
  if (to_left <= to_up && to_left <= to_up_left) return left;
  return to_up <= to_up_left ? up : up_left;
}

int predict(int filter, int left, int up, int up_left) {
  switch (filter) {
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) / 2;
    case 4: return paeth(left, up, up_left);
    default: return 0;
  }
}

// Writes filter type and residuals of `row` to `out`; `pixel` is the distance in bytes to the left neighbour.
void filter_row(int filter, std::size_t pixel, const std::vector<std::uint8_t>& row,
                const std::vector<std::uint8_t>& above, std::vector<std::uint8_t>& out) {
  out[0] = static_cast<std::uint8_t>(filter);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const int left = i >= pixel ? row[i - pixel] : 0;
    const int up_left = i >= pixel ? above[i - pixel] : 0;
    out[i + 1] = static_cast<std::uint8_t>(row[i] - predict(filter, left, above[i], up_left));
  }
}

std::int64_t residual_sum(const std::vector<std::uint8_t>& filtered) {
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < filtered.size(); ++i) sum += std::min<int>(filtered[i], 256 - filtered[i]);
  return sum;
}

std::vector<std::uint8_t> filtered_rows(const Image& image) {
  const std::size_t value_bytes = image.bit_depth == 16 ? 2 : 1;
  const std::size_t pixel = value_bytes * static_cast<std::size_t>(image.channels);
  const std::size_t row_bytes = pixel * static_cast<std::size_t>(image.width);
  std::vector<std::uint8_t> result;
  result.reserve((row_bytes + 1) * static_cast<std::size_t>(image.height));
  std::vector<std::uint8_t> row(row_bytes);
  std::vector<std::uint8_t> above(row_bytes, 0);
  std::vector<std::uint8_t> candidate(row_bytes + 1);
  std::vector<std::uint8_t> best(row_bytes + 1);
  const std::uint16_t* value = image.pixels.data();
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::size_t i = 0; i < row_bytes; ++value) {
      if (value_bytes == 2) row[i++] = static_cast<std::uint8_t>(*value >> 8U);
      row[i++] = static_cast<std::uint8_t>(*value);
    }
    std::int64_t least = INT64_MAX;
    for (int filter = 0; filter <= 4; ++filter) {
      filter_row(filter, pixel, row, above, candidate);
      if (const std::int64_t sum = residual_sum(candidate); sum < least) {
        least = sum;
        best.swap(candidate);
      }
    }
    result.insert(result.end(), best.begin(), best.end());
    row.swap(above);
  }
  return result;
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  const std::vector<std::uint8_t> rows = filtered_rows(image);
  uLongf size = compressBound(rows.size());
  std::vector<std::uint8_t> stream(size);
  const int status = compress2(stream.data(), &size, rows.data(), rows.size(), kCompressionLevel);
  check(status == Z_OK, "encode_png: zlib reports error ", status, " for ", image.width, "x", image.height,
        " pixels; free some memory");

  std::vector<std::uint8_t> out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  std::vector<std::uint8_t> header;
  append_u32(header, static_cast<std::size_t>(image.width));
  append_u32(header, static_cast<std::size_t>(image.height));
  constexpr std::uint8_t colour_types[] = {0, 4, 2, 6};  // grey, grey + alpha, RGB, RGBA
  header.push_back(static_cast<std::uint8_t>(image.bit_depth));
  header.push_back(colour_types[image.channels - 1]);
  header.insert(header.end(), {0, 0, 0});  // deflate, adaptive filters, not interlaced
  append_chunk(out, "IHDR", header);
  for (std::size_t at = 0; at < size; at += kMaxIdat) {
    append_chunk(out, "IDAT", std::span(stream).subspan(at, std::min(kMaxIdat, size - at)));
  }
  append_chunk(out, "IEND", {});
  return out;
}

}  // namespace dg
