// One convolution of a network, with what stands around it, applied to a band: some rows of its input, full width.
// Which rows of the input a row of the result depends on, and what becomes of the image's border, is decided here.
#pragma once

#include <cstdint>
#include <variant>

#include "layers/conv.h"
#include "layers/norm.h"

namespace dg {

// Rows [begin, end) of a map.
struct Rows {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t count() const { return end - begin; }
  bool operator==(const Rows&) const = default;
};

struct MapSize {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 0;

  bool operator==(const MapSize&) const = default;
};

struct BandBorder {
  std::int64_t reflect = 0;   // rows and columns mirrored around the input
  std::int64_t upsample = 1;  // nearest neighbours, before the convolution
};

// reflect -> upsample -> convolution -> norm. The convolution's and the norm's own activations are theirs.
class BandStage {
 public:
  // `norm` may be null. Both must outlive the stage.
  BandStage(Conv2d& conv, NormLayer* norm, BandBorder border = {})
      : conv_(&conv), norm_(norm), border_(border) {}
  // Throws Error where the layer leaves rows that no window reaches.
  BandStage(ConvTranspose2d& conv, NormLayer* norm);

  // Of whole maps.
  MapSize output_size(const MapSize& input) const;
  // The rows of the input that these rows of the result depend on.
  Rows input_rows(const Rows& output, const MapSize& input) const;
  // The stage up to the convolution: x (N, rows.count(), W, C) holds at least input_rows(output, input), and the result
  // is (N, output.count(), W', C').
  Tensor convolve(const Tensor& x, const Rows& rows, const Rows& output, const MapSize& input) const;

  // The same of whole maps, x (N,H,W,C), for inference. With `before` the input is before(x), which x may become; `moments`
  // are those of the result, if asked for.
  Tensor convolve_whole(Tensor& x, const ScaleShift& before, ChannelMoments* moments) const;

  NormLayer* norm() const { return norm_; }

 private:
  MapSize padded(const MapSize& input) const;  // what the convolution sees of a whole map
  Rows convolved_rows(const Rows& output, const MapSize& input) const;  // in that
  bool reads_normalised(const MapSize& input) const;
  Tensor reflected(const Tensor& x, const Rows& rows, const Rows& wanted, const MapSize& input) const;

  std::variant<Conv2d*, ConvTranspose2d*> conv_;
  NormLayer* norm_;
  BandBorder border_ = {};
};

}  // namespace dg
