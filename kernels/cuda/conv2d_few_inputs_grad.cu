// The filter's gradient of a window with at most four source channels (conv_window.h):
//
//   dfilter(o, a, b, e) = sum over n, i, j of  grad[n, i, j, o] * source[n, i*step_h + origin_h + a, j*step_w + origin_w + b, e]
//
// That is 64 x 147 sums over all pixels for 3 -> 64, 7x7. One block = 64 channels o and up to 16 x kEntries taps (a, b, e),
// over one part of the pixels, walked in strips of 2 x 32: the strip of grad and the source under it lie in shared memory.
// One thread = 8 channels x kEntries taps in registers: per pixel it reads 8 + kEntries values for 8 x kEntries
// multiply-adds. The parts' sums lie in the workspace as [part][o][tap]; a second kernel adds them in order and puts them
// where the weights are, so the filter may be in reverse.
//
// source (N,H,W,E), grad as conv_window.h places out, dense. FLOP: 2 x pixels x 64-padded channels x padded taps, by which
// it is bound on CUDA cores; bytes: grad once (256 bytes a pixel for 64 channels in float) for each group of taps, and the
// parts' sums (4 bytes a weight and part, up to 528 parts) written and read. Where images are small these are the more.
// Deterministic: the strips of a part in order, then the parts in order; what a part is follows from the shape.
#include <algorithm>

#include "kernels/cuda/conv2d_small_channels.h"
#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"
#include "kernels/cuda/device/warp.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kStripH = 2;
constexpr int kStripW = 32;
constexpr int kStrip = kStripH * kStripW;
constexpr int kChannels = 64;
constexpr int kEntryLanes = kThreads / (kChannels / 8);  // threads that share their channels
// Few taps (3x3 and 4x4 with three channels) and many (7x7).
constexpr int kFewEntries = 3;
constexpr int kManyEntries = 10;
constexpr std::int64_t kBlocksToFill = 528;

struct Patch {
  int rows, columns, pitch;
};
DG_HOST_DEVICE inline Patch patch_of(const ConvWindow& w) {
  const int columns = (kStripW - 1) * w.step_w + w.taps_w;
  return {(kStripH - 1) * w.step_h + w.taps_h, columns, columns * w.source_c};
}

std::size_t shared_bytes(const ConvWindow& w) {
  const Patch patch = patch_of(w);
  return SharedBytes()
      .add<float>(kStrip * kChannels)
      .add<float>(static_cast<std::size_t>(patch.rows) * static_cast<std::size_t>(patch.pitch))
      .total();
}

// The strips of all images, cut into parts.
struct Strips {
  int across, down, total, of_part;
};

// 64 channels of the strip's pixels, zeros outside.
template <typename T>
__device__ __forceinline__ void load_grad(const ConvWindow& w, const T* grad, int first_row, int first_column,
                                          int first_channel, bool vector, float* tile) {
  for (int i = static_cast<int>(threadIdx.x); i < kStrip * kChannels / 4; i += kThreads) {
    const int pixel = i / (kChannels / 4);
    const int channel = i % (kChannels / 4) * 4;
    const int row = first_row + pixel / kStripW;
    const int column = first_column + pixel % kStripW;
    const int left = row < w.out_h && column < w.out_w ? w.out_c - first_channel - channel : 0;
    const T* from = grad + row * w.out_row + column * w.out_column + first_channel + channel;
    Vector<float, 4> values{};
    if (vector && left > 0) {
      const auto four = load_vector<4>(from);
#pragma unroll
      for (int j = 0; j < 4; ++j) values.value[j] = static_cast<float>(four.value[j]);
    } else {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < left) values.value[j] = static_cast<float>(from[j]);
      }
    }
    store_vector<4>(tile + pixel * kChannels + channel, values);
  }
}

// row and column: of the patch's corner in the image.
template <typename T>
__device__ __forceinline__ void load_patch(const ConvWindow& w, const Patch& patch, const T* image, int row,
                                           int column, float* tile) {
  for (int y = warp_index(); y < patch.rows; y += kWarps) {
    const bool row_inside = static_cast<unsigned>(row + y) < static_cast<unsigned>(w.source_h);
    const T* line = image + std::int64_t{row_inside ? row + y : 0} * w.source_w * w.source_c;
    // A row of pixels is a row of values: the patch's part of it begins at `first`.
    const int first = column * w.source_c;
    for (int i = lane_index(); i < patch.pitch; i += kWarp) {
      const bool inside =
          row_inside && static_cast<unsigned>(first + i) < static_cast<unsigned>(w.source_w * w.source_c);
      tile[y * patch.pitch + i] = inside ? static_cast<float>(line[first + i]) : 0.0F;
    }
  }
}

template <typename T, int kEntries>
__global__ void __launch_bounds__(kThreads, 4)
    few_inputs_grad_kernel(ConvWindow w, Strips strips, const T* source, const T* grad, bool vector,
                           float* parts) {
  const Patch patch = patch_of(w);
  SharedMemory shared;
  float* grad_tile = shared.array<float>(kStrip * kChannels);
  float* source_tile = shared.array<float>(static_cast<std::size_t>(patch.rows * patch.pitch));
  // Which channels and taps.
  const int part = static_cast<int>(blockIdx.x);
  const int first_entry = static_cast<int>(blockIdx.y) * kEntryLanes * kEntries;
  const int first_channel = static_cast<int>(blockIdx.z) * kChannels;
  const int thread = static_cast<int>(threadIdx.x);
  const int channel = thread % (kChannels / 8) * 4;  // and 32 further on
  const int entry = first_entry + thread / (kChannels / 8);
  int offset[kEntries];
#pragma unroll
  for (int t = 0; t < kEntries; ++t) {
    const int index = entry + t * kEntryLanes;
    const int tap = index / w.source_c;
    offset[t] = index < w.depth()
                    ? tap / w.taps_w * patch.pitch + tap % w.taps_w * w.source_c + index % w.source_c
                    : 0;  // computed, not stored
  }
  float sum[kEntries][8] = {};
  // Its strips.
  const int end = (part + 1) * strips.of_part < strips.total ? (part + 1) * strips.of_part : strips.total;
  for (int strip = part * strips.of_part; strip < end; ++strip) {
    const int first_column = strip % strips.across * kStripW;
    const int first_row = strip / strips.across % strips.down * kStripH;
    const int image = strip / strips.across / strips.down;
    __syncthreads();  // the previous strip has been read
    load_grad(w, grad + image * w.out_image, first_row, first_column, first_channel, vector, grad_tile);
    load_patch(w, patch, source + std::int64_t{image} * w.source_h * w.source_w * w.source_c,
               first_row * w.step_h + w.origin_h, first_column * w.step_w + w.origin_w, source_tile);
    __syncthreads();
    const float* factors = grad_tile + channel;
    for (int row = 0; row < kStripH; ++row) {
      const float* pixel = source_tile + row * w.step_h * patch.pitch;
#pragma unroll 2
      for (int column = 0; column < kStripW; ++column) {
        const auto low = load_vector<4>(factors);
        const auto high = load_vector<4>(factors + 32);
#pragma unroll
        for (int t = 0; t < kEntries; ++t) {
          const float value = pixel[offset[t]];
#pragma unroll
          for (int j = 0; j < 4; ++j) {
            sum[t][j] += value * low.value[j];
            sum[t][4 + j] += value * high.value[j];
          }
        }
        factors += kChannels;
        pixel += w.step_w * w.source_c;
      }
    }
  }
  // Store.
  float* to = parts + std::int64_t{part} * w.out_c * w.depth();
#pragma unroll
  for (int j = 0; j < 8; ++j) {
    const int o = first_channel + channel + j / 4 * 32 + j % 4;
#pragma unroll
    for (int t = 0; t < kEntries; ++t) {
      const int index = entry + t * kEntryLanes;
      if (o < w.out_c && index < w.depth()) to[o * w.depth() + index] = sum[t][j];
    }
  }
}

constexpr int kAddThreads = 256;

// One thread = one weight: the sum over the parts, in order.
template <typename T>
__global__ void __launch_bounds__(kAddThreads)
    add_filter_parts_kernel(ConvWindow w, const float* sums, int parts, T* dw) {
  const int i = static_cast<int>(blockIdx.x) * kAddThreads + static_cast<int>(threadIdx.x);
  const int numel = w.out_c * w.depth();
  if (i >= numel) return;
  float sum = 0;
#pragma unroll 4
  for (int part = 0; part < parts; ++part) sum += sums[std::int64_t{part} * numel + i];
  const int o = i / w.depth();
  const int index = i % w.depth();
  const int e = index % w.source_c;
  const int b = index / w.source_c % w.taps_w;
  const int a = index / w.source_c / w.taps_w;
  dw[w.filter_first + o * w.filter_o + a * w.filter_a + b * w.filter_b + e * w.filter_e] = T(sum);
}

template <typename T>
void run(Machine& m, const char* name, const ConvWindow& w, ConstArray source, ConstArray grad, Array dw) {
  const std::int64_t across = blocks_for(w.out_w, kStripW);
  const std::int64_t down = blocks_for(w.out_h, kStripH);
  const std::int64_t total = across * down * w.images;
  const bool many = w.depth() > kFewEntries * kEntryLanes;
  const std::int64_t tap_groups = blocks_for(w.depth(), kEntryLanes * (many ? kManyEntries : kFewEntries));
  const std::int64_t channel_groups = blocks_for(w.out_c, kChannels);
  const std::int64_t wanted = std::clamp<std::int64_t>(kBlocksToFill / (tap_groups * channel_groups), 1,
                                                       std::max<std::int64_t>(total, 1));
  const std::int64_t of_part = blocks_for(total, wanted);
  const std::int64_t parts = of_part > 0 ? blocks_for(total, of_part) : 0;
  const Strips strips{static_cast<int>(across), static_cast<int>(down), static_cast<int>(total),
                      static_cast<int>(of_part)};
  const std::int64_t numel = std::int64_t{w.out_c} * w.depth();
  auto* sums = m.workspace.get<float>(std::max<std::int64_t>(parts, 1) * numel);
  const T* dy = grad.as<T>();
  const bool vector = w.out_c % 4 == 0 && reinterpret_cast<std::uintptr_t>(dy) % (4 * sizeof(T)) == 0;
  if (parts > 0) {
    launch(many ? few_inputs_grad_kernel<T, kManyEntries> : few_inputs_grad_kernel<T, kFewEntries>,
           {.name = name,
            .grid = {parts, tap_groups, channel_groups},
            .block = kThreads,
            .shared_bytes = shared_bytes(w)},
           m.stream, w, strips, source.as<T>(), dy, vector, sums);
  }
  launch(add_filter_parts_kernel<T>,
         {.name = "add_filter_parts", .grid = {blocks_for(numel, kAddThreads)}, .block = kAddThreads},
         m.stream, w, sums, static_cast<int>(parts), dw.as<T>());
}

}  // namespace

bool few_inputs_grad_takes(const ConvWindow& window) {
  // Extents beyond this would overflow the sum of bytes before it could be compared.
  constexpr int kMostTaps = 1024;
  return window.source_c <= kFewChannels && window.taps_h <= kMostTaps && window.taps_w <= kMostTaps &&
         window.step_h <= kMostTaps && window.step_w <= kMostTaps &&
         shared_bytes(window) <= kSmallChannelsShared;
}

void conv2d_few_inputs_grad(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                            ConstArray grad, Array dw) {
  if (source.dtype == DType::bfloat16) return run<bfloat16>(m, name, window, source, grad, dw);
  run<float>(m, name, window, source, grad, dw);
}

}  // namespace dg::DG_TARGET
