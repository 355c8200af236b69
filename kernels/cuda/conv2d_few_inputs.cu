// A convolution of at most four source channels: 3 -> 64, 7x7. Each output is a short dot product (147 products); what
// counts is that its factors come from registers.
//
// One block = 4 x 32 output pixels and 64 output channels at a time, for a few such tiles one below the other; its filter
// and the image under the tile lie in shared memory, the image as one plane a channel, zeros outside. One thread = 8
// pixels along a row x 8 channels. With the kernel's width and the stride known at compile time the image's row under the
// 8 pixels sits in registers, and 64 multiply-adds need 8 values of the filter: (7,1), (3,1) and (4,2) are the presets';
// the general kernel reads 8 more. Warps read 8 neighbouring fours of channels and 4 stretches of a row: no bank
// conflicts.
//
// source (N,H,W,E), filter and out as conv_window.h says; filter in shared memory [a][e][b][o], image [e][row][column].
// FLOP: 2 x pixels x 64-padded channels x depth, by which it is bound on CUDA cores; bytes: the output once (64 channels:
// 256 bytes a pixel in float), the source once from memory, and from the second-level cache as often as tiles overlap: 3
// times for 7x7, 1.6 for 3x3, 1.3 for 4x4 with stride 2. Deterministic: every sum is one thread's, in fixed order.
#include "kernels/cuda/conv2d_small_channels.h"
#include "kernels/cuda/device/epilogue.h"
#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"
#include "kernels/cuda/device/warp.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / kWarp;
constexpr int kTileH = 4;
constexpr int kTileW = 32;
constexpr int kPixels = 8;  // a thread's, along w
constexpr int kChannels = 64;
constexpr int kFilterPitch =
    kChannels + 4;  // lanes that write one channel of neighbouring taps meet other banks
constexpr int kMostTilesDown = 4;
constexpr int kGroups = kTileW / kPixels;

// The last thread of a row reads whole fours, so the pitch covers those.
DG_HOST_DEVICE constexpr int window_length(int taps_w, int step) {
  return ((kPixels - 1) * step + taps_w + 3) / 4 * 4;
}

struct Patch {
  int rows, columns, pitch;
};
DG_HOST_DEVICE inline Patch patch_of(const ConvWindow& w) {
  return {(kTileH - 1) * w.step_h + w.taps_h, (kTileW - 1) * w.step_w + w.taps_w,
          (kTileW - kPixels) * w.step_w + window_length(w.taps_w, w.step_w)};
}

std::size_t shared_bytes(const ConvWindow& w) {
  const Patch patch = patch_of(w);
  const auto size = [](int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); };
  return SharedBytes()
      .add<float>(size(w.depth(), kFilterPitch))
      .add<float>(size(w.source_c * patch.rows, patch.pitch))
      .total();
}

struct Tiling {
  int tiles_across, groups_down, tiles_down;  // groups of tiles_down tiles, one a block
};

// Neighbouring lanes read neighbouring weights: along the depth in KRSC order, or along the outputs where those are
// contiguous.
template <typename T>
__device__ __forceinline__ void load_filter(const ConvWindow& w, const T* weight, int first_channel,
                                            float* filter) {
  const bool along_outputs = w.filter_o == 1;
  const int lane = lane_index();
  const int warp = warp_index();
  for (int d = along_outputs ? warp : lane; d < w.depth(); d += along_outputs ? kWarps : kWarp) {
    const int e = d % w.source_c;
    const int b = d / w.source_c % w.taps_w;
    const int a = d / w.source_c / w.taps_w;
    const T* from = weight + w.filter_first + a * w.filter_a + b * w.filter_b + e * w.filter_e;
    float* to = filter + ((a * w.source_c + e) * w.taps_w + b) * kFilterPitch;
    for (int o = along_outputs ? lane : warp; o < kChannels; o += along_outputs ? kWarp : kWarps) {
      const int channel = first_channel + o;
      to[o] = channel < w.out_c ? static_cast<float>(from[channel * w.filter_o]) : 0.0F;
    }
  }
}

// image: the source's; row and column: of the patch's corner in it.
template <typename T>
__device__ __forceinline__ void load_patch(const ConvWindow& w, const Patch& patch, const T* image, int row,
                                           int column, float* planes) {
  for (int y = warp_index(); y < patch.rows; y += kWarps) {
    const bool row_inside = static_cast<unsigned>(row + y) < static_cast<unsigned>(w.source_h);
    const T* line = image + std::int64_t{row_inside ? row + y : 0} * w.source_w * w.source_c;
    for (int i = lane_index(); i < patch.columns * w.source_c; i += kWarp) {
      const int x = i / w.source_c;
      const int e = i - x * w.source_c;
      const bool inside = row_inside && static_cast<unsigned>(column + x) < static_cast<unsigned>(w.source_w);
      planes[(e * patch.rows + y) * patch.pitch + x] =
          inside ? static_cast<float>(line[(column + x) * w.source_c + e]) : 0.0F;
    }
  }
}

// Before sm_90 ptxas finds the registers of four blocks one too few for the long window of stride 2, and spills.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
constexpr int kBlocksOfStride2 = 2;
#else
constexpr int kBlocksOfStride2 = 4;
#endif

// kTapsW, kStep: the kernel's width and the horizontal stride, or both 0: what the window says.
template <typename T, int kTapsW, int kStep>
__global__ void __launch_bounds__(kThreads, kStep == 2 ? kBlocksOfStride2 : 4)
    few_inputs_kernel(ConvWindow w, Tiling tiling, const T* source, const T* weight, const T* bias, T* out,
                      Epilogue epilogue, bool vector) {
  constexpr bool kStatic = kTapsW > 0;
  const int taps_w = kStatic ? kTapsW : w.taps_w;
  const int step_w = kStatic ? kStep : w.step_w;
  const Patch patch = patch_of(w);
  SharedMemory shared;
  float* filter = shared.array<float>(static_cast<std::size_t>(w.depth() * kFilterPitch));
  float* planes = shared.array<float>(static_cast<std::size_t>(w.source_c * patch.rows * patch.pitch));
  // Which tiles, which pixels and channels.
  const int block = static_cast<int>(blockIdx.x);
  const int across = block % tiling.tiles_across;
  const int group_down = block / tiling.tiles_across % tiling.groups_down;
  const int image = block / tiling.tiles_across / tiling.groups_down;
  const int first_channel = static_cast<int>(blockIdx.y) * kChannels;
  const int thread = static_cast<int>(threadIdx.x);
  const int channel = thread % 8 * 4;  // and 32 further on
  const int pixel = thread / 8 % kGroups * kPixels;
  const int row = thread / 8 / kGroups;
  const T* source_image = source + std::int64_t{image} * w.source_h * w.source_w * w.source_c;
  T* out_image = out + w.out_first + image * w.out_image + first_channel;
  load_filter(w, weight, first_channel, filter);

  for (int tile = 0; tile < tiling.tiles_down; ++tile) {
    const int first_row = (group_down * tiling.tiles_down + tile) * kTileH;
    if (first_row >= w.out_h) break;
    __syncthreads();  // the previous tile has been read
    load_patch(w, patch, source_image, first_row * w.step_h + w.origin_h,
               across * kTileW * w.step_w + w.origin_w, planes);
    __syncthreads();
    // Multiply.
    float sum[kPixels][8] = {};
    const float* taps = filter + channel;
    for (int a = 0; a < w.taps_h; ++a) {
      for (int e = 0; e < w.source_c; ++e) {
        const float* line = planes + (e * patch.rows + row * w.step_h + a) * patch.pitch + pixel * step_w;
        constexpr int kLength = kStatic ? window_length(kTapsW, kStep) : 4;
        Vector<float, 4> window[kLength / 4];
        if constexpr (kStatic) {
#pragma unroll
          for (int i = 0; i < kLength / 4; ++i) window[i] = load_vector<4>(line + 4 * i);
        }
#pragma unroll
        for (int b = 0; b < taps_w; ++b, taps += kFilterPitch) {
          const auto low = load_vector<4>(taps);
          const auto high = load_vector<4>(taps + 32);
#pragma unroll
          for (int i = 0; i < kPixels; ++i) {
            float value;
            if constexpr (kStatic) {
              value = window[(i * kStep + b) / 4].value[(i * kStep + b) % 4];
            } else {
              value = line[i * step_w + b];
            }
#pragma unroll
            for (int j = 0; j < 4; ++j) {
              sum[i][j] += value * low.value[j];
              sum[i][4 + j] += value * high.value[j];
            }
          }
        }
      }
    }
    // Store.
    const int out_row = first_row + row;
#pragma unroll
    for (int j = 0; j < 8; j += 4) {
      const int column = channel + j * 8;
      const int count = w.out_c - first_channel - column;
      if (out_row >= w.out_h || count <= 0) continue;
      float shift[4] = {};
#pragma unroll
      for (int t = 0; t < 4; ++t) {
        if (bias != nullptr && t < count) shift[t] = static_cast<float>(bias[first_channel + column + t]);
      }
#pragma unroll
      for (int i = 0; i < kPixels; ++i) {
        const int out_column = across * kTileW + pixel + i;
        if (out_column >= w.out_w) continue;
        T* to = out_image + out_row * w.out_row + out_column * w.out_column + column;
        Vector<T, 4> results;
#pragma unroll
        for (int t = 0; t < 4; ++t) results.value[t] = T(activate(epilogue, sum[i][j + t] + shift[t]));
        if (vector) {
          store_vector<4>(to, results);
          continue;
        }
#pragma unroll
        for (int t = 0; t < 4; ++t) {
          if (t < count) to[t] = results.value[t];
        }
      }
    }
  }
}

template <typename T>
void run(Machine& m, const char* name, const ConvWindow& w, ConstArray source, ConstArray weight,
         ConstArray bias, Array out, const Epilogue& epilogue) {
  const std::int64_t tiles_across = blocks_for(w.out_w, kTileW);
  const std::int64_t tiles_down = blocks_for(w.out_h, kTileH);
  const std::int64_t channel_tiles = blocks_for(w.out_c, kChannels);
  const std::int64_t tiles = tiles_across * tiles_down * w.images * channel_tiles;
  // Loading the filter costs a quarter of a tile; where there are many tiles a block does several.
  constexpr std::int64_t kManyTiles = 4096;
  const int tiles_of_block = tiles >= kManyTiles ? kMostTilesDown : 1;
  const std::int64_t groups_down = blocks_for(tiles_down, tiles_of_block);
  const Tiling tiling{static_cast<int>(tiles_across), static_cast<int>(groups_down), tiles_of_block};
  T* y = out.as<T>();
  const bool vector = w.out_c % 4 == 0 && reinterpret_cast<std::uintptr_t>(y) % (4 * sizeof(T)) == 0;
  const auto start = [&](auto* kernel) {
    launch(kernel,
           {.name = name,
            .grid = {tiles_across * groups_down * w.images, channel_tiles},
            .block = kThreads,
            .shared_bytes = shared_bytes(w)},
           m.stream, w, tiling, source.as<T>(), weight.as<T>(), bias ? bias.as<T>() : nullptr, y, epilogue,
           vector);
  };
  if (w.taps_w == 7 && w.step_w == 1) return start(few_inputs_kernel<T, 7, 1>);
  if (w.taps_w == 3 && w.step_w == 1) return start(few_inputs_kernel<T, 3, 1>);
  if (w.taps_w == 4 && w.step_w == 2) return start(few_inputs_kernel<T, 4, 2>);
  start(few_inputs_kernel<T, 0, 0>);
}

}  // namespace

bool few_inputs_takes(const ConvWindow& window) {
  // Extents beyond this would overflow the sum of bytes before it could be compared.
  constexpr int kMostTaps = 1024;
  return window.source_c <= kFewChannels && window.taps_h <= kMostTaps && window.taps_w <= kMostTaps &&
         window.step_h <= kMostTaps && window.step_w <= kMostTaps &&
         shared_bytes(window) <= kSmallChannelsShared;
}

void conv2d_few_inputs(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                       ConstArray weight, ConstArray bias, Array out, const Epilogue& epilogue) {
  if (source.dtype == DType::bfloat16)
    return run<bfloat16>(m, name, window, source, weight, bias, out, epilogue);
  run<float>(m, name, window, source, weight, bias, out, epilogue);
}

}  // namespace dg::DG_TARGET
