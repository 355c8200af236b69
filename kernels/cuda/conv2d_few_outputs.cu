// A convolution to at most four output channels: 64 -> 3, 7x7, and the discriminators' last layer. Each output is a dot
// product of thousands over channels that lie side by side, so the lanes of a warp share the channels.
//
// One block = 8 rows x 8 output pixels (or 4 such pieces side by side, where there are many), its filter in shared memory
// as [a][b][o][e]. One warp = a row of 8 pixels, all outputs; one lane = every 32nd pair of channels. Loads of the image
// are then coalesced along the channels, reads of the filter have no bank conflicts. With the kernel's width known at
// compile time (7 for three outputs, 4 for one) a lane keeps the image's row under the 8 pixels in registers, so that a
// load serves up to width x outputs multiply-adds; the general kernel loads anew for each tap. At the end 31 exchanges sum
// the 8 x 4 results over the lanes, each lane ending with one of them.
//
// source (N,H,W,E), filter and out as conv_window.h says. FLOP: 2 x pixels x outputs x depth, by which it is bound on CUDA
// cores; bytes: the source about three times from the second-level cache (rows overlap within a block, and 8 + 6 columns
// are read for 8), once from memory. Deterministic: channels in order within a lane, then the exchanges' order.
#include "kernels/cuda/conv2d_small_channels.h"
#include "kernels/cuda/device/epilogue.h"
#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"
#include "kernels/cuda/device/warp.h"

namespace dg::DG_TARGET {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;  // rows of a block
constexpr int kPixels = 8;
constexpr int kOutputs = kWarp / kPixels;  // a warp's results are one a lane
static_assert(kOutputs >= kFewChannels);
constexpr int kMostPieces = 4;

// Outputs that the kernels are compiled for: 1, 3, 4.
constexpr int compiled_outputs(int out_c) { return out_c == 1 ? 1 : out_c <= 3 ? 3 : 4; }

std::size_t shared_bytes(const ConvWindow& w) {
  const auto depth = static_cast<std::size_t>(w.depth());
  return SharedBytes().add<float>(depth * static_cast<std::size_t>(compiled_outputs(w.out_c))).total();
}

struct Tiling {
  int blocks_across, blocks_down, pieces;
};

// values[i] summed over the lanes, in lane i: each exchange halves what a lane still carries.
template <int kHalf = kWarp / 2>
__device__ __forceinline__ float sum_over_lanes(float (&values)[kWarp]) {
  const bool upper = (lane_index() & kHalf) != 0;
#pragma unroll
  for (int i = 0; i < kHalf; ++i) {
    const float kept = upper ? values[i + kHalf] : values[i];
    const float given = upper ? values[i] : values[i + kHalf];
    values[i] = kept + shuffle_xor(given, kHalf);
  }
  if constexpr (kHalf > 1) {
    return sum_over_lanes<kHalf / 2>(values);
  } else {
    return values[0];
  }
}

// Outputs that the window does not have get zeros.
template <typename T, int kOut>
__device__ __forceinline__ void load_filter(const ConvWindow& w, const T* weight, float* filter) {
  for (int line = warp_index(); line < w.taps_h * w.taps_w * kOut; line += kWarps) {
    const int o = line % kOut;
    const int b = line / kOut % w.taps_w;
    const int a = line / kOut / w.taps_w;
    const T* from = weight + w.filter_first + a * w.filter_a + b * w.filter_b + o * w.filter_o;
    for (int e = lane_index(); e < w.source_c; e += kWarp) {
      filter[line * w.source_c + e] = o < w.out_c ? static_cast<float>(from[e * w.filter_e]) : 0.0F;
    }
  }
}

template <typename T, int kWidth>
__device__ __forceinline__ Vector<float, kWidth> load_floats(const T* from, bool inside) {
  Vector<float, kWidth> out{};
  if (!inside) return out;
  const auto values = load_vector<kWidth>(from);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) out.value[i] = static_cast<float>(values.value[i]);
  return out;
}

// kWidth: channels of a lane at a time. kTapsW: the kernel's width, with a horizontal step of 1, or 0: what the window says.
template <typename T, int kOut, int kWidth, int kTapsW>
__global__ void __launch_bounds__(kThreads, 2)
    few_outputs_kernel(ConvWindow w, Tiling tiling, const T* source, const T* weight, const T* bias, T* out,
                       Epilogue epilogue) {
  SharedMemory shared;
  float* filter = shared.array<float>(static_cast<std::size_t>(w.depth()) * kOut);
  load_filter<T, kOut>(w, weight, filter);
  __syncthreads();
  // Which row of which image.
  const int block = static_cast<int>(blockIdx.x);
  const int image = block / tiling.blocks_across / tiling.blocks_down;
  const int row = block / tiling.blocks_across % tiling.blocks_down * kWarps + warp_index();
  if (row >= w.out_h) return;  // a whole warp, and there is no barrier below
  const int first_row = row * w.step_h + w.origin_h;
  const T* source_image = source + std::int64_t{image} * w.source_h * w.source_w * w.source_c;
  const int lane = lane_index();
  const int output = lane % kOutputs;
  const float shift = bias != nullptr && output < w.out_c ? static_cast<float>(bias[output]) : 0.0F;

  for (int piece = 0; piece < tiling.pieces; ++piece) {
    const int first_pixel = (block % tiling.blocks_across * tiling.pieces + piece) * kPixels;
    if (first_pixel >= w.out_w) break;
    const int column = first_pixel * w.step_w + w.origin_w;
    float sum[kPixels][kOut] = {};
    for (int a = 0; a < w.taps_h; ++a) {
      if (static_cast<unsigned>(first_row + a) >= static_cast<unsigned>(w.source_h)) continue;
      const T* line = source_image + std::int64_t{first_row + a} * w.source_w * w.source_c;
      for (int e = lane * kWidth; e < w.source_c; e += kWarp * kWidth) {
        const auto pixel_at = [&](int x) {
          return load_floats<T, kWidth>(line + x * w.source_c + e,
                                        static_cast<unsigned>(x) < static_cast<unsigned>(w.source_w));
        };
        const float* taps = filter + a * w.taps_w * kOut * w.source_c + e;
        if constexpr (kTapsW > 0) {
          Vector<float, kWidth> window[kPixels + kTapsW - 1];
#pragma unroll
          for (int x = 0; x < kPixels + kTapsW - 1; ++x) window[x] = pixel_at(column + x);
#pragma unroll
          for (int b = 0; b < kTapsW; ++b) {
#pragma unroll
            for (int o = 0; o < kOut; ++o) {
              const auto factor = load_vector<kWidth>(taps + (b * kOut + o) * w.source_c);
#pragma unroll
              for (int i = 0; i < kPixels; ++i) {
#pragma unroll
                for (int v = 0; v < kWidth; ++v) sum[i][o] += window[i + b].value[v] * factor.value[v];
              }
            }
          }
        } else {
          for (int b = 0; b < w.taps_w; ++b) {
            Vector<float, kWidth> factor[kOut];
#pragma unroll
            for (int o = 0; o < kOut; ++o)
              factor[o] = load_vector<kWidth>(taps + (b * kOut + o) * w.source_c);
#pragma unroll
            for (int i = 0; i < kPixels; ++i) {
              const auto pixel = pixel_at(column + i * w.step_w + b);
#pragma unroll
              for (int o = 0; o < kOut; ++o) {
#pragma unroll
                for (int v = 0; v < kWidth; ++v) sum[i][o] += pixel.value[v] * factor[o].value[v];
              }
            }
          }
        }
      }
    }
    // Lane i ends with output i % kOutputs of pixel i / kOutputs.
    float values[kWarp] = {};
#pragma unroll
    for (int i = 0; i < kPixels; ++i) {
#pragma unroll
      for (int o = 0; o < kOut; ++o) values[i * kOutputs + o] = sum[i][o];
    }
    const float result = sum_over_lanes(values) + shift;
    const int pixel = first_pixel + lane / kOutputs;
    if (pixel < w.out_w && output < w.out_c) {
      out[w.out_first + image * w.out_image + row * w.out_row + pixel * w.out_column + output] =
          T(activate(epilogue, result));
    }
  }
}

template <typename T>
void run(Machine& m, const char* name, const ConvWindow& w, ConstArray source, ConstArray weight,
         ConstArray bias, Array out, const Epilogue& epilogue) {
  const std::int64_t pieces = blocks_for(w.out_w, kPixels);
  const std::int64_t blocks_down = blocks_for(w.out_h, kWarps);
  // Loading the filter costs an eighth of a piece; where there are many a block does several.
  constexpr std::int64_t kManyPieces = 4096;
  const int pieces_of_block = pieces * blocks_down * w.images >= kManyPieces ? kMostPieces : 1;
  const std::int64_t blocks_across = blocks_for(pieces, pieces_of_block);
  const Tiling tiling{static_cast<int>(blocks_across), static_cast<int>(blocks_down), pieces_of_block};
  const T* x = source.as<T>();
  const auto start = [&](auto* kernel) {
    launch(kernel,
           {.name = name,
            .grid = {blocks_across * blocks_down * w.images},
            .block = kThreads,
            .shared_bytes = shared_bytes(w)},
           m.stream, w, tiling, x, weight.as<T>(), bias ? bias.as<T>() : nullptr, out.as<T>(), epilogue);
  };
  const int outputs = compiled_outputs(w.out_c);
  const bool pairs = w.source_c % 2 == 0 && reinterpret_cast<std::uintptr_t>(x) % (2 * sizeof(T)) == 0;
  if (pairs && w.step_w == 1 && w.taps_w == 7 && outputs == 3) return start(few_outputs_kernel<T, 3, 2, 7>);
  if (pairs && w.step_w == 1 && w.taps_w == 4 && outputs == 1) return start(few_outputs_kernel<T, 1, 2, 4>);
  switch (outputs) {
    case 1: return start(few_outputs_kernel<T, 1, 1, 0>);
    case 3: return start(few_outputs_kernel<T, 3, 1, 0>);
    default: return start(few_outputs_kernel<T, 4, 1, 0>);
  }
}

}  // namespace

bool few_outputs_takes(const ConvWindow& window) {
  return window.out_c <= kFewChannels && shared_bytes(window) <= kSmallChannelsShared;
}

void conv2d_few_outputs(Machine& m, const char* name, const ConvWindow& window, ConstArray source,
                        ConstArray weight, ConstArray bias, Array out, const Epilogue& epilogue) {
  if (source.dtype == DType::bfloat16)
    return run<bfloat16>(m, name, window, source, weight, bias, out, epilogue);
  run<float>(m, name, window, source, weight, bias, out, epilogue);
}

}  // namespace dg::DG_TARGET
