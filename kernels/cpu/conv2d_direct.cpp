// Direct convolutions on the register tile of fma_tile.h. In NHWC the window's row under one output pixel is
// contiguous memory, S*C values; so a kernel row is one long inner loop and no im2col is needed. Images with padding
// are copied once into a padded buffer.
//
// grad_input with stride: the input pixels h = stride*i + phase see only the kernel rows r with
// (h + top - r) divisible by stride, each phase a plain stride-1 convolution of dy with those rows in reverse
// order; no multiplication with inserted zeros.
//
// Tolerance against float64, float32 storage: sums of R*S*C (grad_weight: N*P*Q) products in float; the relative
// error of the largest result stays below 1e-5 for the shapes of the presets (tests/kernels/conv2d_test.cpp).
#include <cstring>

#include "kernels/cpu/cpu_kernels.h"
#include "kernels/cpu/fma_tile.h"
#include "kernels/cpu/parallel.h"

namespace dg::cpu {
namespace {

// An image with zeros around it: pixel (h, w) of the original is at (h + top, w + left).
template <typename T>
struct PaddedImage {
  const T* data = nullptr;
  std::int64_t height = 0, width = 0, channels = 0;  // padded
  const T* at(std::int64_t n, std::int64_t h, std::int64_t w) const {
    return data + ((n * height + h) * width + w) * channels;
  }
};

// Full vectors may be loaded up to this many values past the end of the buffer.
template <typename T>
constexpr std::int64_t kSlack = 2 * kLanes<T>;

template <typename T>
Workspace::Borrowed<T> pad_zeros(Machine& m, const T* x, std::int64_t n, std::int64_t h, std::int64_t w,
                                 std::int64_t c, const Padding2d& pad, PaddedImage<T>& out) {
  out = {nullptr, h + pad.top + pad.bottom, w + pad.left + pad.right, c};
  const std::int64_t row = out.width * c;
  const std::int64_t total = n * out.height * row;
  auto buffer = m.workspace.borrow<T>(total + kSlack<T>);
  parallel_runs(m.threads, n * out.height, kGrain / std::max<std::int64_t>(row, 1) + 1,
                [&](std::int64_t begin, std::int64_t end) {
                  for (std::int64_t i = begin; i < end; ++i) {
                    T* target = buffer.data() + i * row;
                    const std::int64_t source_row = i % out.height - pad.top;
                    if (source_row < 0 || source_row >= h) {
                      std::fill(target, target + row, T(0));
                      continue;
                    }
                    const T* source = x + (i / out.height * h + source_row) * w * c;
                    std::fill(target, target + pad.left * c, T(0));
                    std::memcpy(target + pad.left * c, source, static_cast<std::size_t>(w * c) * sizeof(T));
                    std::fill(target + (pad.left + w) * c, target + row, T(0));
                  }
                });
  std::fill(buffer.data() + total, buffer.data() + total + kSlack<T>, T(0));
  out.data = buffer.data();
  return buffer;
}

// A valid convolution of a padded image: out[i,j,k] = bias[k] + sum in[row0 + i*stride_h + r, col0 + j*stride_w + s, c]
// * packed[k][r][s][c]. Weights are packed as [k / block][r][s][c][block], the last block filled with zeros; output
// pixels lie `out_row` and `out_column` elements apart.
template <typename T>
struct ValidConv {
  PaddedImage<T> in;
  std::int64_t images = 0, row0 = 0, col0 = 0, stride_h = 1, stride_w = 1;
  std::int64_t kernel_h = 0, kernel_w = 0, out_channels = 0;
  const T* packed = nullptr;
  const T* bias = nullptr;
  T* out = nullptr;
  std::int64_t out_h = 0, out_w = 0, out_image = 0, out_row = 0, out_column = 0;
};

template <typename T>
std::int64_t vectors_for(std::int64_t channels) {
  return channels > kLanes<T> ? 2 : 1;
}

template <typename T, int Rows, int Vecs>
void valid_conv_tile(const ValidConv<T>& c, const T* in, const T* weights, const T* bias, T* out,
                     std::int64_t columns) {
  Tile<T, Rows, Vecs> tile;
  tile.clear();
  const std::int64_t steps = c.kernel_w * c.in.channels;
  for (std::int64_t r = 0; r < c.kernel_h; ++r) {
    tile.accumulate(in + r * c.in.width * c.in.channels, c.stride_w * c.in.channels, 1,
                    weights + r * steps * Vecs * kLanes<T>, Vecs * kLanes<T>, steps);
  }
  if (bias != nullptr) {
    T padded[Vecs * kLanes<T>] = {};
    std::copy(bias, bias + std::min<std::int64_t>(columns, Vecs * kLanes<T>), padded);
    for (int i = 0; i < Rows; ++i) {
      for (int v = 0; v < Vecs; ++v) tile.acc[i][v] += load(padded + v * kLanes<T>);
    }
  }
  tile.store_rows(out, c.out_column, columns);
}

template <typename T, int Vecs>
void valid_conv_blocks(Machine& m, const ValidConv<T>& c) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  constexpr std::int64_t kRowsPerTask = 4;
  const std::int64_t k_blocks = (c.out_channels + kBlock - 1) / kBlock;
  const std::int64_t row_blocks = (c.out_h + kRowsPerTask - 1) / kRowsPerTask;
  const std::int64_t block_size = c.kernel_h * c.kernel_w * c.in.channels * kBlock;
  parallel_for(m.threads, c.images * row_blocks * k_blocks, [&](std::int64_t task) {
    const std::int64_t k = task % k_blocks * kBlock;
    const std::int64_t first_row = task / k_blocks % row_blocks * kRowsPerTask;
    const std::int64_t n = task / k_blocks / row_blocks;
    const T* weights = c.packed + task % k_blocks * block_size;
    const T* bias = c.bias == nullptr ? nullptr : c.bias + k;
    for (std::int64_t i = first_row; i < std::min(first_row + kRowsPerTask, c.out_h); ++i) {
      for_row_groups(c.out_w, [&](std::int64_t j, std::int64_t rows) {
        const T* in = c.in.at(n, c.row0 + i * c.stride_h, c.col0 + j * c.stride_w);
        T* out = c.out + n * c.out_image + i * c.out_row + j * c.out_column + k;
        dispatch_rows(rows, [&]<int Rows>() {
          valid_conv_tile<T, Rows, Vecs>(c, in, weights, bias, out, c.out_channels - k);
        });
      });
    }
  });
}

template <typename T>
void valid_conv(Machine& m, const ValidConv<T>& c) {
  if (vectors_for<T>(c.out_channels) == 2) {
    valid_conv_blocks<T, 2>(m, c);
  } else {
    valid_conv_blocks<T, 1>(m, c);
  }
}

// weight(k, r, s, c) -> [k / block][r][s][c][block] with zeros beyond the last k.
template <typename T, typename Weight>
Workspace::Borrowed<T> pack_weights(Machine& m, std::int64_t k, std::int64_t r, std::int64_t s, std::int64_t c,
                                    const Weight& weight) {
  const std::int64_t block = vectors_for<T>(k) * kLanes<T>;
  const std::int64_t blocks = (k + block - 1) / block;
  auto packed = m.workspace.borrow<T>(blocks * r * s * c * block);
  parallel_for(blocks * r * s * c * block < kGrain ? 1 : m.threads, blocks * r * s, [&](std::int64_t task) {
    const std::int64_t first_k = task / (r * s) * block;
    const std::int64_t row = task / s % r;
    const std::int64_t column = task % s;
    T* target = packed.data() + task * c * block;
    for (std::int64_t lane = 0; lane < block; ++lane) {
      for (std::int64_t channel = 0; channel < c; ++channel) {
        target[channel * block + lane] =
            first_k + lane < k ? weight(first_k + lane, row, column, channel) : T(0);
      }
    }
  });
  return packed;
}

template <typename T>
void conv2d_typed(Machine& m, const T* x, const T* weight, const T* bias, T* y, const Conv2dShape& s) {
  PaddedImage<T> in{x, s.h, s.w, s.c};
  auto padded = s.padding == Padding2d{} ? m.workspace.borrow<T>(0)
                                         : pad_zeros(m, x, s.n, s.h, s.w, s.c, s.padding, in);
  const auto packed = pack_weights<T>(
      m, s.k, s.r, s.s, s.c, [&](std::int64_t k, std::int64_t r, std::int64_t column, std::int64_t c) {
        return weight[((k * s.r + r) * s.s + column) * s.c + c];
      });
  valid_conv<T>(m, {.in = in, .images = s.n, .stride_h = s.stride_h, .stride_w = s.stride_w, .kernel_h = s.r,
                    .kernel_w = s.s, .out_channels = s.k, .packed = packed.data(), .bias = bias, .out = y,
                    .out_h = s.p(), .out_w = s.q(), .out_image = s.p() * s.q() * s.k, .out_row = s.q() * s.k,
                    .out_column = s.k});
}

// One dimension of one phase of grad_input: which kernel taps reach the input positions phase, phase + stride, ...
// and where their window starts in dy.
struct Phase {
  std::int64_t first_tap = 0, taps = 0, start = 0, count = 0;
};

Phase make_phase(std::int64_t phase, std::int64_t stride, std::int64_t pad, std::int64_t kernel, std::int64_t extent) {
  Phase out;
  out.first_tap = (phase + pad) % stride;
  out.taps = out.first_tap < kernel ? (kernel - out.first_tap + stride - 1) / stride : 0;
  out.start = (phase + pad - out.first_tap) / stride - (out.taps - 1);
  out.count = extent > phase ? (extent - phase + stride - 1) / stride : 0;
  return out;
}

// How far the windows of all phases reach beyond dy's `extent`, before and after.
std::pair<std::int64_t, std::int64_t> margins(std::int64_t stride, std::int64_t pad, std::int64_t kernel,
                                              std::int64_t input, std::int64_t extent) {
  std::int64_t before = 0;
  std::int64_t after = 0;
  for (std::int64_t phase = 0; phase < stride; ++phase) {
    const Phase f = make_phase(phase, stride, pad, kernel, input);
    if (f.taps == 0 || f.count == 0) continue;
    before = std::max(before, -f.start);
    after = std::max(after, f.count - 1 + f.start + f.taps - extent);
  }
  return {before, after};
}

template <typename T>
void conv2d_grad_input_typed(Machine& m, const T* dy, const T* weight, const T* bias, T* dx, const Conv2dShape& s) {
  const auto [top, bottom] = margins(s.stride_h, s.padding.top, s.r, s.h, s.p());
  const auto [left, right] = margins(s.stride_w, s.padding.left, s.s, s.w, s.q());
  const Padding2d margin{top, bottom, left, right};
  PaddedImage<T> in{dy, s.p(), s.q(), s.k};
  auto padded = margin == Padding2d{} ? m.workspace.borrow<T>(0)
                                      : pad_zeros(m, dy, s.n, s.p(), s.q(), s.k, margin, in);
  for (std::int64_t phase_h = 0; phase_h < s.stride_h; ++phase_h) {
    const Phase fh = make_phase(phase_h, s.stride_h, s.padding.top, s.r, s.h);
    for (std::int64_t phase_w = 0; phase_w < s.stride_w; ++phase_w) {
      const Phase fw = make_phase(phase_w, s.stride_w, s.padding.left, s.s, s.w);
      if (fh.count == 0 || fw.count == 0) continue;
      // Taps in reverse, so that they meet dy in ascending order. No tap at all leaves the bias.
      const bool reached = fh.taps > 0 && fw.taps > 0;
      const std::int64_t taps_h = reached ? fh.taps : 0;
      const std::int64_t taps_w = reached ? fw.taps : 0;
      const auto packed = pack_weights<T>(
          m, s.c, taps_h, taps_w, s.k, [&](std::int64_t c, std::int64_t i, std::int64_t j, std::int64_t k) {
            const std::int64_t r = fh.first_tap + s.stride_h * (taps_h - 1 - i);
            const std::int64_t column = fw.first_tap + s.stride_w * (taps_w - 1 - j);
            return weight[((k * s.r + r) * s.s + column) * s.c + c];
          });
      valid_conv<T>(m, {.in = in, .images = s.n, .row0 = reached ? top + fh.start : 0,
                        .col0 = reached ? left + fw.start : 0, .kernel_h = taps_h, .kernel_w = taps_w,
                        .out_channels = s.c, .packed = packed.data(), .bias = bias,
                        .out = dx + (phase_h * s.w + phase_w) * s.c, .out_h = fh.count, .out_w = fw.count,
                        .out_image = s.h * s.w * s.c, .out_row = s.stride_h * s.w * s.c,
                        .out_column = s.stride_w * s.c});
    }
  }
}

// Pixels whose operands stay in the second-level cache while a thread goes through its tiles.
constexpr std::int64_t kPixelsPerPass = 1024;

template <typename T, int Vecs>
void grad_weight_blocks(Machine& m, const PaddedImage<T>& in, const T* dy, T* dw, const Conv2dShape& s) {
  constexpr std::int64_t kBlock = Vecs * kLanes<T>;
  const std::int64_t row_length = s.s * s.c;
  const std::int64_t column_blocks = (row_length + kBlock - 1) / kBlock;
  const std::int64_t channel_groups = (s.k + kTileRows - 1) / kTileRows;
  const std::int64_t rows_per_pass = std::max<std::int64_t>(1, kPixelsPerPass / s.q());
  const std::int64_t tiles = channel_groups * s.r * column_blocks;
  parallel_runs(m.threads, tiles, 1, [&](std::int64_t first_tile, std::int64_t last_tile) {
    for (std::int64_t first_row = 0; first_row < s.n * s.p(); first_row += rows_per_pass) {
      const std::int64_t last_row = std::min(first_row + rows_per_pass, s.n * s.p());
      for (std::int64_t index = first_tile; index < last_tile; ++index) {
        const std::int64_t column = index % column_blocks * kBlock;
        const std::int64_t r = index / column_blocks % s.r;
        const std::int64_t group = index / column_blocks / s.r;
        const std::int64_t k = s.k * group / channel_groups;
        const std::int64_t rows = s.k * (group + 1) / channel_groups - k;
        dispatch_rows(rows, [&]<int Rows>() {
          Tile<T, Rows, Vecs> tile;
          tile.clear();
          for (std::int64_t row = first_row; row < last_row; ++row) {
            const T* window = in.at(row / s.p(), row % s.p() * s.stride_h + r, 0) + column;
            tile.accumulate(dy + row * s.q() * s.k + k, 1, s.k, window, s.stride_w * s.c, s.q());
          }
          T* target = dw + (k * s.r + r) * row_length + column;
          if (first_row == 0) {
            tile.store_rows(target, s.r * row_length, row_length - column);
          } else {
            tile.add_rows(target, s.r * row_length, row_length - column);
          }
        });
      }
    }
  });
}

template <typename T>
void conv2d_grad_weight_typed(Machine& m, const T* x, const T* dy, T* dw, const Conv2dShape& s) {
  // The copy's slack makes full vector loads legal at the end of the last row.
  PaddedImage<T> in;
  const auto padded = pad_zeros(m, x, s.n, s.h, s.w, s.c, s.padding, in);
  if (vectors_for<T>(s.s * s.c) == 2) {
    grad_weight_blocks<T, 2>(m, in, dy, dw, s);
  } else {
    grad_weight_blocks<T, 1>(m, in, dy, dw, s);
  }
}

// bfloat16 operands are widened, the result is rounded once.
class Widened {
 public:
  Widened(Machine& m, ConstArray source, std::int64_t n)
      : buffer_(m.workspace.borrow<float>(source ? n : 0)), present_(static_cast<bool>(source)) {
    if (present_) cast(m, source, {buffer_.data(), DType::float32}, n);
  }
  Widened(Machine& m, std::int64_t n) : buffer_(m.workspace.borrow<float>(n)), present_(true) {}
  float* data() const { return present_ ? buffer_.data() : nullptr; }
  ConstArray array() const { return {buffer_.data(), DType::float32}; }

 private:
  Workspace::Borrowed<float> buffer_;
  bool present_;
};

template <typename T>
const T* optional(ConstArray array) {
  return array ? array.as<T>() : nullptr;
}

}  // namespace

void conv2d(Machine& m, ConstArray x, ConstArray weight, ConstArray bias, Array y, const Conv2dShape& s) {
  switch (x.dtype) {
    case DType::float32:
      return conv2d_typed(m, x.as<float>(), weight.as<float>(), optional<float>(bias), y.as<float>(), s);
    case DType::float64:
      return conv2d_typed(m, x.as<double>(), weight.as<double>(), optional<double>(bias), y.as<double>(), s);
    case DType::bfloat16: {
      const Widened in(m, x, s.input_numel());
      const Widened filter(m, weight, s.weight_numel());
      const Widened shift(m, bias, s.k);
      const Widened out(m, s.output_numel());
      conv2d_typed<float>(m, in.data(), filter.data(), shift.data(), out.data(), s);
      return cast(m, out.array(), y, s.output_numel());
    }
  }
}

void conv2d_grad_input(Machine& m, ConstArray dy, ConstArray weight, ConstArray bias, Array dx,
                       const Conv2dShape& s) {
  switch (dy.dtype) {
    case DType::float32:
      return conv2d_grad_input_typed(m, dy.as<float>(), weight.as<float>(), optional<float>(bias), dx.as<float>(), s);
    case DType::float64:
      return conv2d_grad_input_typed(m, dy.as<double>(), weight.as<double>(), optional<double>(bias),
                                     dx.as<double>(), s);
    case DType::bfloat16: {
      const Widened grad(m, dy, s.output_numel());
      const Widened filter(m, weight, s.weight_numel());
      const Widened shift(m, bias, s.c);
      const Widened out(m, s.input_numel());
      conv2d_grad_input_typed<float>(m, grad.data(), filter.data(), shift.data(), out.data(), s);
      return cast(m, out.array(), dx, s.input_numel());
    }
  }
}

void conv2d_grad_weight(Machine& m, ConstArray x, ConstArray dy, Array dw, const Conv2dShape& s) {
  switch (x.dtype) {
    case DType::float32: return conv2d_grad_weight_typed(m, x.as<float>(), dy.as<float>(), dw.as<float>(), s);
    case DType::float64: return conv2d_grad_weight_typed(m, x.as<double>(), dy.as<double>(), dw.as<double>(), s);
    case DType::bfloat16: {
      const Widened in(m, x, s.input_numel());
      const Widened grad(m, dy, s.output_numel());
      const Widened out(m, s.weight_numel());
      conv2d_grad_weight_typed<float>(m, in.data(), grad.data(), out.data(), s);
      return cast(m, out.array(), dw, s.weight_numel());
    }
  }
}

}  // namespace dg::cpu
