// How the normalisation kernels divide x (groups, pixels, channels) among blocks, and how a block joins what
// its threads have found. Shared by norm.cu and norm_grad.cu.
//
// One block = a strip of a group's pixels and a slice of its channels, 128 bytes wide where there are as
// many. One thread = kWidth neighbouring channels of every rows-th pixel of the strip, so a warp reads whole
// 128-byte lines. The division follows from the shape alone: results do not depend on the GPU.
#pragma once

#include <algorithm>

#include "kernels/cuda/device/shared_memory.h"
#include "kernels/cuda/device/vector.h"
#include "kernels/cuda/launch.h"
#include "kernels/shapes.h"
#include "kernels/types.h"

namespace dg::DG_TARGET {

constexpr int kNormThreads = 384;  // 80 registers each with two blocks on a multiprocessor
constexpr int kNormChunk = 4;      // pixels that a thread has in flight
constexpr int kNormBlocks = 256;   // that share large work: two for each of about 130 multiprocessors

// The most channels in a slice: a line of the caches.
template <typename T>
constexpr int kNormSlice = static_cast<int>(128 / sizeof(T));

DG_HOST_DEVICE constexpr int min_of(int a, int b) { return a < b ? a : b; }

struct NormTiles {
  int pixels = 0;  // of a group
  int strip_pixels = 0;
  int strips = 0;
  int slices = 0;
  int lanes = 0;  // vectors of kWidth channels in a slice
  int rows = 0;   // pixels that a block reads at once
  int channels = 0;
  std::int64_t blocks = 0;

  DG_HOST_DEVICE int pixels_of(int strip) const {
    return min_of(strip_pixels, pixels - strip * strip_pixels);
  }
  DG_HOST_DEVICE bool whole_groups() const { return strips == 1; }
  // Elements between a thread's pixels.
  DG_HOST_DEVICE std::int64_t row_step() const { return std::int64_t{rows} * channels; }
};

// For threads that read kWidth elements of T at once.
template <typename T, int kWidth>
NormTiles norm_tiles(const NormShape& s) {
  NormTiles t;
  const std::int64_t vectors = s.channels / kWidth;
  t.channels = to_int32(s.channels, "norm", "channels");
  t.lanes = static_cast<int>(blocks_for(vectors, blocks_for(vectors, kNormSlice<T> / kWidth)));
  t.slices = to_int32(blocks_for(vectors, t.lanes), "norm", "slices of channels");
  t.rows = kNormThreads / t.lanes;
  // A strip holds at least two chunks for every thread: below that a second launch costs more than it gains.
  const std::int64_t tile = t.rows * kNormChunk;
  const std::int64_t most = std::max<std::int64_t>(1, s.pixels / (2 * tile));
  const std::int64_t strips = std::clamp<std::int64_t>(kNormBlocks / (s.groups * t.slices), 1, most);
  const std::int64_t strip_pixels = blocks_for(blocks_for(s.pixels, strips), tile) * tile;
  t.strips = static_cast<int>(blocks_for(s.pixels, strip_pixels));
  to_int32(t.strips * strip_pixels, "norm", "pixels of a group");
  t.pixels = static_cast<int>(s.pixels);
  t.strip_pixels = static_cast<int>(strip_pixels);
  t.blocks = s.groups * t.strips * t.slices;
  return t;
}

// The running thread's part; it holds little, since it lives as long as the kernel. Neighbouring blocks
// differ in their slice, so that they read neighbouring memory.
template <int kWidth>
struct NormPlace {
  int group, strip;
  int slice_channel;  // the slice's first channel
  int lane, row;

  __device__ __forceinline__ explicit NormPlace(const NormTiles& t) {
    const unsigned strip_of_all = blockIdx.x / static_cast<unsigned>(t.slices);
    slice_channel = static_cast<int>(blockIdx.x % static_cast<unsigned>(t.slices)) * t.lanes * kWidth;
    group = static_cast<int>(strip_of_all / static_cast<unsigned>(t.strips));
    strip = static_cast<int>(strip_of_all % static_cast<unsigned>(t.strips));
    lane = static_cast<int>(threadIdx.x) % t.lanes;
    row = static_cast<int>(threadIdx.x) / t.lanes;
  }

  __device__ __forceinline__ int slice_channels(const NormTiles& t) const {
    return min_of(t.lanes * kWidth, t.channels - slice_channel);
  }
  // The first of this thread's channels.
  __device__ __forceinline__ int channel() const { return slice_channel + lane * kWidth; }
  __device__ __forceinline__ bool active(const NormTiles& t) const {
    return row < t.rows && channel() < t.channels;
  }

  // Where this thread's channels of a pixel lie in an array like x.
  __device__ __forceinline__ std::int64_t offset(const NormTiles& t, int pixel) const {
    return (std::int64_t{group} * t.pixels + pixel) * t.channels + channel();
  }
};

// Calls body.template operator()<count>(pixel) for this thread's pixels of the strip, which are pixel, pixel
// + rows, ..., `count` of them: kChunk or, at the end, 1. The last pass over x goes backwards: what was read
// last is still in the cache.
template <int kChunk, bool kBackwards, int kWidth, typename Body>
__device__ __forceinline__ void walk_strip(const NormTiles& t, const NormPlace<kWidth>& at, Body&& body) {
  if (!at.active(t)) return;
  const int begin = at.strip * t.strip_pixels;
  const int end = begin + t.pixels_of(at.strip);
  const int tile = t.rows * kChunk;
  const int tiles = (end - begin + tile - 1) / tile;
#pragma unroll 1  // the body holds all the registers there are
  for (int i = 0; i < tiles; ++i) {
    int pixel = begin + (kBackwards ? tiles - 1 - i : i) * tile + at.row;
    if (pixel + (kChunk - 1) * t.rows < end) {
      body.template operator()<kChunk>(pixel);
    } else {
#pragma unroll 1
      for (; pixel < end; pixel += t.rows) body.template operator()<1>(pixel);
    }
  }
}

// value(0) + ... + value(kCount - 1), in pairs: exact for two or four equal values.
template <int kCount, typename C, typename Value>
__device__ __forceinline__ C sum_pairs(Value&& value) {
  C v[kCount];
#pragma unroll
  for (int j = 0; j < kCount; ++j) v[j] = value(j);
#pragma unroll
  for (int step = 1; step < kCount; step *= 2) {
#pragma unroll
    for (int j = 0; j + step < kCount; j += 2 * step) v[j] += v[j + step];
  }
  return v[0];
}

// Two numbers for each of kWidth channels, gathered over `count` pixels.
template <typename C, int kWidth>
struct ChannelPairs {
  Vector<C, kWidth> first{};
  Vector<C, kWidth> second{};
  C count = 0;
};

// Shared memory in which rows of threads are joined.
template <typename C>
struct JoinScratch {
  C* first;   // kNormThreads * kWidth
  C* second;  // kNormThreads * kWidth
  C* count;   // kNormThreads

  __device__ __forceinline__ JoinScratch(SharedMemory& shared, int width)
      : first(shared.array<C>(static_cast<std::size_t>(kNormThreads * width))),
        second(shared.array<C>(static_cast<std::size_t>(kNormThreads * width))),
        count(shared.array<C>(kNormThreads)) {}

  static SharedBytes bytes(int width) {
    const auto values = static_cast<std::size_t>(kNormThreads * width);
    SharedBytes total;
    total.add<C>(values);
    total.add<C>(values);
    total.add<C>(kNormThreads);
    return total;
  }
};

// Joins the pairs of the first `rows` rows of threads with join(into, from), in a tree of fixed order.
// Afterwards scratch.first[i] and second[i] hold the totals of the slice's channel i for all threads. All
// threads of the block take part; scratch must not be in use; ends with a barrier.
template <typename C, int kWidth, typename Join>
__device__ __forceinline__ void join_rows(ChannelPairs<C, kWidth>& mine, const JoinScratch<C>& scratch,
                                          int lanes, int rows, const NormPlace<kWidth>& at, Join join) {
  const auto store = [&] {
    store_vector<kWidth>(scratch.first + threadIdx.x * kWidth, mine.first);
    store_vector<kWidth>(scratch.second + threadIdx.x * kWidth, mine.second);
    if (at.lane == 0) scratch.count[at.row] = mine.count;
  };
  if (at.row < rows) store();
  int half = 1;
  while (half < rows) half *= 2;
  for (half /= 2; half > 0; half /= 2) {
    __syncthreads();
    if (at.row < half && at.row + half < rows) {
      const int other = static_cast<int>(threadIdx.x) + half * lanes;
      const ChannelPairs<C, kWidth> theirs{load_vector<kWidth>(scratch.first + other * kWidth),
                                           load_vector<kWidth>(scratch.second + other * kWidth),
                                           scratch.count[at.row + half]};
      join(mine, theirs);
      store();
    }
  }
  __syncthreads();
}

// A strip's totals in the workspace: partial (groups, strips, 2, channels).
template <typename C, int kWidth>
__device__ __forceinline__ void store_partial(const NormTiles& t, const NormPlace<kWidth>& at,
                                              const JoinScratch<C>& scratch, C* partial) {
  C* to = partial + (std::int64_t{at.group} * t.strips + at.strip) * 2 * t.channels + at.slice_channel;
  for (int i = static_cast<int>(threadIdx.x); i < at.slice_channels(t); i += kNormThreads) {
    to[i] = scratch.first[i];
    to[t.channels + i] = scratch.second[i];
  }
}

// This thread's share of joining a group's strips: those of its row, in order. join_rows does the rest.
template <typename C, int kWidth, typename Join>
__device__ __forceinline__ ChannelPairs<C, kWidth> join_partials(const NormTiles& t,
                                                                 const NormPlace<kWidth>& at,
                                                                 const C* partial, Join join) {
  ChannelPairs<C, kWidth> mine;
  if (!at.active(t)) return mine;
#pragma unroll 2
  for (int strip = at.row; strip < t.strips; strip += t.rows) {
    const C* from = partial + (std::int64_t{at.group} * t.strips + strip) * 2 * t.channels + at.channel();
    join(mine, ChannelPairs<C, kWidth>{load_vector<kWidth>(from), load_vector<kWidth>(from + t.channels),
                                       static_cast<C>(t.pixels_of(strip))});
  }
  return mine;
}

// An element of an array that may be null.
template <typename T>
__device__ __forceinline__ Compute<T> value_or(const T* array, int i, Compute<T> otherwise) {
  return array == nullptr ? otherwise : static_cast<Compute<T>>(array[i]);
}

template <typename T>
const T* optional_array(ConstArray array) {
  return array ? array.as<T>() : nullptr;
}

}  // namespace dg::DG_TARGET
