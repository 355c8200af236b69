// Operands of gemm_tile.h under a convolution's window. A window's depth counts (a, b, e), e fastest; an Odometer walks
// it, so that no loop divides.
#pragma once

#include "kernels/cuda/conv_window.h"
#include "kernels/cuda/gemm_operands.h"

namespace dg::DG_TARGET {

// A place in a count of three digits, the last one fastest.
struct Odometer {
  int high, middle, low;

  __device__ static Odometer at(int position, int middle_extent, int low_extent) {
    const int upper = position / low_extent;
    return {upper / middle_extent, upper % middle_extent, position % low_extent};
  }
  // By a distance that is below the extents in its middle and low digits.
  __device__ void advance(const Odometer& by, int middle_extent, int low_extent) {
    low += by.low;
    const int carry_low = low >= low_extent ? 1 : 0;
    low -= carry_low * low_extent;
    middle += by.middle + carry_low;
    const int carry_middle = middle >= middle_extent ? 1 : 0;
    middle -= carry_middle * middle_extent;
    high += by.high + carry_middle;
  }
};

// Rows of A: line m is the window of output pixel m, pixels counted over all images. kVector: channels are a multiple of
// four, the source is aligned to four elements.
template <typename T, int kWidth, bool kVector>
class WindowAlongDepth : public CarriedAlongDepth<T, kWidth> {
  using Base = CarriedAlongDepth<T, kWidth>;

 public:
  __device__ WindowAlongDepth(const ConvWindow& w, const T* source, int first_line, int first_depth)
      : source_(source),
        source_h_(w.source_h),
        source_w_(w.source_w),
        channels_(w.source_c),
        taps_h_(w.taps_h),
        taps_w_(w.taps_w),
        one_(Odometer::at(1, w.taps_w, w.source_c)),
        step_(Odometer::at(kGemmDepth, w.taps_w, w.source_c)),
        tap_(Odometer::at(first_depth + Base::depth(), w.taps_w, w.source_c)) {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i) {
      const int line = first_line + Base::line(i);
      const int image_row = line / w.out_w;
      const int image = image_row / w.out_h;
      row_[i] = image < w.images ? image_row % w.out_h * w.step_h + w.origin_h : kNoRow;
      column_[i] = line % w.out_w * w.step_w + w.origin_w;
      at_[i] = ((std::int64_t{image} * source_h_ + row_[i]) * source_w_ + column_[i]) * channels_;
    }
  }

  __device__ void fetch() {
    Odometer tap = tap_;
    constexpr int kLoads = kVector ? 1 : 4;
#pragma unroll
    for (int e = 0; e < kLoads; ++e) {
      const int offset = (tap.high * source_w_ + tap.middle) * channels_ + tap.low;
#pragma unroll
      for (int i = 0; i < Base::kCount; ++i) {
        const bool inside = tap.high < taps_h_ &&
                            static_cast<unsigned>(row_[i] + tap.high) < static_cast<unsigned>(source_h_) &&
                            static_cast<unsigned>(column_[i] + tap.middle) < static_cast<unsigned>(source_w_);
        if constexpr (kVector) {
          this->carried_[i] = inside ? load_vector<4>(source_ + (at_[i] + offset)) : Vector<T, 4>{};
        } else {
          this->carried_[i].value[e] = inside ? source_[at_[i] + offset] : T{};
        }
      }
      if constexpr (!kVector) tap.advance(one_, taps_w_, channels_);
    }
    tap_.advance(step_, taps_w_, channels_);
  }

 private:
  static constexpr int kNoRow = -(1 << 30);  // of a pixel beyond the last: outside whatever the tap

  const T* source_;
  int source_h_, source_w_, channels_, taps_h_, taps_w_;
  Odometer one_, step_;
  Odometer tap_;                                  // of this thread's first value of depth
  int row_[Base::kCount], column_[Base::kCount];  // of the window's corner in the source
  std::int64_t at_[Base::kCount];                 // its first element
};

// Columns of B for grad_input: line o of the filter, o neighbouring in memory. kVector: as above, for the outputs.
template <typename T, int kWidth, bool kVector>
class FilterAcrossDepth : public CarriedAcrossDepth<T, kWidth> {
  using Base = CarriedAcrossDepth<T, kWidth>;

 public:
  __device__ FilterAcrossDepth(const ConvWindow& w, const T* weight, int first_line, int first_depth)
      : at_(weight + w.filter_first + first_line + Base::line()),
        left_(w.out_c - first_line - Base::line()),
        channels_(w.source_c),
        taps_h_(w.taps_h),
        taps_w_(w.taps_w),
        filter_a_(w.filter_a),
        filter_b_(w.filter_b),
        filter_e_(w.filter_e),
        step_(Odometer::at(kGemmDepth, w.taps_w, w.source_c)) {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i)
      tap_[i] = Odometer::at(first_depth + Base::depth(i), w.taps_w, w.source_c);
  }

  __device__ void fetch() {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i) {
      const Odometer& tap = tap_[i];
      const T* from = at_ + (tap.high * filter_a_ + tap.middle * filter_b_ + tap.low * filter_e_);
      const bool inside = tap.high < taps_h_;
      if constexpr (kVector) {
        this->carried_[i] = inside && left_ > 0 ? load_vector<4>(from) : Vector<T, 4>{};
      } else {
#pragma unroll
        for (int e = 0; e < 4; ++e) this->carried_[i].value[e] = inside && e < left_ ? from[e] : T{};
      }
      tap_[i].advance(step_, taps_w_, channels_);
    }
  }

 private:
  const T* at_;
  int left_;  // outputs from this thread's first on
  int channels_, taps_h_, taps_w_, filter_a_, filter_b_, filter_e_;
  Odometer step_;
  Odometer tap_[Base::kCount];
};

// Columns of B for grad_weight: line (r, s, c), c fastest, is what that tap sees of x, output pixel after output pixel
// (image, row, column of the output).
template <typename T, int kWidth, bool kVector>
class TapAcrossDepth : public CarriedAcrossDepth<T, kWidth> {
  using Base = CarriedAcrossDepth<T, kWidth>;

 public:
  __device__ TapAcrossDepth(const ConvWindow& w, const T* x, int first_line, int first_depth)
      : x_(x),
        images_(w.images),
        source_h_(w.source_h),
        source_w_(w.source_w),
        channels_(w.source_c),
        out_h_(w.out_h),
        out_w_(w.out_w),
        step_h_(w.step_h),
        step_w_(w.step_w),
        step_(Odometer::at(kGemmDepth, w.out_h, w.out_w)) {
#pragma unroll
    for (int e = 0; e < kLoads; ++e) {
      const int line = first_line + Base::line() + e;
      const Odometer tap = Odometer::at(line, w.taps_w, w.source_c);
      row_[e] = tap.high < w.taps_h ? w.origin_h + tap.high : kNoRow;
      column_[e] = w.origin_w + tap.middle;
      channel_[e] = tap.low;
    }
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i)
      pixel_[i] = Odometer::at(first_depth + Base::depth(i), w.out_h, w.out_w);
  }

  __device__ void fetch() {
#pragma unroll
    for (int i = 0; i < Base::kCount; ++i) {
      const Odometer& pixel = pixel_[i];
#pragma unroll
      for (int e = 0; e < kLoads; ++e) {
        const int row = pixel.middle * step_h_ + row_[e];
        const int column = pixel.low * step_w_ + column_[e];
        const bool inside = pixel.high < images_ &&
                            static_cast<unsigned>(row) < static_cast<unsigned>(source_h_) &&
                            static_cast<unsigned>(column) < static_cast<unsigned>(source_w_);
        const std::int64_t at =
            ((std::int64_t{pixel.high} * source_h_ + row) * source_w_ + column) * channels_ + channel_[e];
        if constexpr (kVector) {
          this->carried_[i] = inside ? load_vector<4>(x_ + at) : Vector<T, 4>{};
        } else {
          this->carried_[i].value[e] = inside ? x_[at] : T{};
        }
      }
      pixel_[i].advance(step_, out_h_, out_w_);
    }
  }

 private:
  static constexpr int kNoRow = -(1 << 30);  // of a line beyond the last: outside whatever the pixel
  static constexpr int kLoads = kVector ? 1 : 4;

  const T* x_;
  int images_, source_h_, source_w_, channels_, out_h_, out_w_, step_h_, step_w_;
  Odometer step_;
  Odometer pixel_[Base::kCount];
  int row_[kLoads], column_[kLoads], channel_[kLoads];  // of the tap, under output pixel (0, 0)
};

}  // namespace dg::DG_TARGET
