#include "models/bands/forward.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "core/ops.h"
#include "kernels/check.h"

namespace dg {
namespace {

MapSize size_of_map(const Tensor& map) { return {map.dim(1), map.dim(2), map.dim(3)}; }

Tensor rows_of(const Tensor& map, const Rows& rows) {
  return rows.count() == map.dim(1) ? map : slice(map, 1, rows.begin, rows.end);
}

void write_rows(Tensor& map, const Rows& rows, const Tensor& values) {
  check(values.dim(0) == map.dim(0) && values.dim(1) == rows.count() && values.dim(2) == map.dim(2) &&
            values.dim(3) == map.dim(3) && values.dtype() == map.dtype(),
        "band: got ", values.shape(), " for the rows ", rows.begin, " to ", rows.end, " of ", map.shape());
  const std::int64_t row = map.dim(2) * map.dim(3);
  Array target = map.mutable_array();
  target.data = static_cast<std::byte*>(target.data) + rows.begin * row * size_of(map.dtype());
  map.backend().copy_2d(values.array(), target,
                        {map.dim(0), rows.count() * row, rows.count() * row, map.dim(1) * row});
}

// body(rows) for bands that cover `height` rows.
template <typename Body>
void for_each_band(std::int64_t height, std::int64_t rows, const Body& body) {
  for (std::int64_t begin = 0; begin < height; begin += rows)
    body(Rows{begin, std::min(begin + rows, height)});
}

// Mean and variance per image and channel over bands that come one by one.
class JoinedMoments {
 public:
  void add(const Tensor& band) {
    const ChannelMoments part = channel_moments(band);
    const std::vector<double> mean = part.mean.to_doubles();
    const std::vector<double> variance = part.variance.to_doubles();
    const auto pixels = static_cast<double>(band.dim(1) * band.dim(2));
    if (mean_.empty()) {
      mean_.resize(mean.size());
      squares_.resize(mean.size());
    }
    const double total = pixels_ + pixels;
    for (std::size_t i = 0; i < mean.size(); ++i) {
      const double difference = mean[i] - mean_[i];
      mean_[i] += difference * pixels / total;
      squares_[i] += variance[i] * pixels + difference * difference * pixels_ * pixels / total;
    }
    pixels_ = total;
  }

  // (N,1,1,C) each.
  ChannelMoments result(Context& context, std::int64_t images) const {
    const Shape shape{images, 1, 1, static_cast<std::int64_t>(mean_.size()) / images};
    std::vector<double> variance = squares_;
    for (double& v : variance) v /= pixels_;
    return {Tensor::from_host(context, shape, std::span<const double>(mean_), DType::float32),
            Tensor::from_host(context, shape, std::span<const double>(variance), DType::float32)};
  }

 private:
  double pixels_ = 0.0;
  std::vector<double> mean_;
  std::vector<double> squares_;  // sums of squared deviations
};

// A stage with its place in the network, and its norm's statistics as soon as they are known.
struct Step {
  const BandStage* stage = nullptr;
  MapSize input, output;
  ChannelMoments moments = {};

  bool measures() const { return stage->norm() != nullptr && stage->norm()->measures_input(); }
  Tensor finish(const Tensor& convolved, const Tensor& residual = {}) const {
    NormLayer* norm = stage->norm();
    if (norm == nullptr) return residual.defined() ? residual + convolved : convolved;
    if (measures()) return norm->with_statistics(convolved, moments.mean, moments.variance, residual);
    return residual.defined() ? (*norm)(convolved, residual) : (*norm)(convolved);
  }
};

// A map that is being overwritten from the top still lends the rows that the next band needs.
class Lender {
 public:
  explicit Lender(Tensor map) : map_(std::move(map)) {}
  Tensor& map() { return map_; }
  const Tensor& map() const { return map_; }

  Tensor rows(const Rows& wanted) const {
    if (wanted.begin >= written_) return rows_of(map_, wanted);
    const std::int64_t old_end = std::min(wanted.end, written_);
    const Tensor old = slice(saved_, 1, wanted.begin - saved_rows_.begin, old_end - saved_rows_.begin);
    return wanted.end > written_ ? concat({old, slice(map_, 1, written_, wanted.end)}, 1) : old;
  }
  // Before rows up to `end` are overwritten: keeps those from `begin` on.
  void overwrite(std::int64_t begin, std::int64_t end) {
    saved_ = begin < end ? rows({begin, end}).clone() : Tensor();
    saved_rows_ = {begin, end};
    written_ = end;
  }

 private:
  Tensor map_;
  Tensor saved_;
  Rows saved_rows_ = {};
  std::int64_t written_ = 0;
};

class SectionRun {
 public:
  SectionRun(const BandSection& section, Tensor input, std::int64_t image_height, const BandOptions& options)
      : residual_(section.residual),
        input_(std::move(input)),
        image_height_(image_height),
        options_(options) {
    MapSize size = size_of_map(input_.map());
    for (const BandStage& stage : section.stages) {
      steps_.push_back({&stage, size, stage.output_size(size)});
      size = steps_.back().output;
    }
  }

  Tensor run() {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].measures()) measure(i);
    }
    return first_ == steps_.size() ? finish_kept() : residual_ ? finish_in_place() : finish_anew();
  }

 private:
  // body(rows) for bands that cover the map.
  template <typename Body>
  void each_band(const MapSize& map, const Body& body) {
    const std::int64_t step = std::max<std::int64_t>(1, options_.rows * map.height / image_height_);
    CachingAllocator& allocator = any_map().context().allocator();
    for_each_band(map.height, step, [&](const Rows& rows) {
      body(rows);
      // The first and the last band see the border: their temporaries have sizes of their own.
      if (rows.begin == 0 || rows.end + step >= map.height) allocator.trim();
    });
  }
  // A map that is there, for its number of images and element type.
  const Tensor& any_map() const { return kept_.defined() ? kept_ : input_.map(); }
  Tensor empty_map(const MapSize& size) const {
    const Tensor& like = any_map();
    return Tensor::empty(like.context(), {like.dim(0), size.height, size.width, size.channels}, like.dtype());
  }

  // A pass: the statistics of step i's norm, and the map before it where it is kept.
  void measure(std::size_t i) {
    Step& step = steps_[i];
    Tensor map;
    const Tensor& source = any_map();
    const std::int64_t bytes = source.dim(0) * step.output.height * step.output.width * step.output.channels *
                               size_of(source.dtype());
    // The last map is about to be the section's result, unless that is written over the input.
    const bool becomes_result = i + 1 == steps_.size() && !residual_;
    if (becomes_result || bytes <= options_.keep_bytes) map = empty_map(step.output);
    JoinedMoments joined;
    each_band(step.output, [&](const Rows& rows) {
      const Tensor band = convolved(i, rows);
      joined.add(band);
      if (map.defined()) write_rows(map, rows, band);
    });
    step.moments = joined.result(source.context(), source.dim(0));
    if (!map.defined()) return;
    kept_ = std::move(map);
    first_ = i + 1;
    if (!residual_) input_ = Lender(Tensor());  // nobody needs it any more
  }

  // Rows of what step `first_` reads.
  Tensor source_rows(const Rows& rows) const {
    return first_ == 0 ? input_.rows(rows) : steps_[first_ - 1].finish(rows_of(kept_, rows));
  }

  // Rows of step i's result before its norm.
  Tensor convolved(std::size_t i, const Rows& rows) const {
    std::vector<Rows> inputs(i + 1);
    Rows wanted = rows;
    for (std::size_t j = i + 1; j-- > first_;) {
      wanted = steps_[j].stage->input_rows(wanted, steps_[j].input);
      inputs[j] = wanted;
    }
    Tensor x = source_rows(wanted);
    for (std::size_t j = first_; j <= i; ++j) {
      const Rows output = j == i ? rows : inputs[j + 1];
      x = steps_[j].stage->convolve(x, inputs[j], output, steps_[j].input);
      if (j < i) x = steps_[j].finish(x);
    }
    return x;
  }

  // The last map before its norm is there: norm, and residual, in place.
  Tensor finish_kept() {
    each_band(steps_.back().output, [&](const Rows& rows) {
      const Tensor residual = residual_ ? rows_of(input_.map(), rows) : Tensor();
      write_rows(kept_, rows, steps_.back().finish(rows_of(kept_, rows), residual));
    });
    return kept_;
  }

  Tensor finish_anew() {
    Tensor map = empty_map(steps_.back().output);
    each_band(steps_.back().output, [&](const Rows& rows) {
      write_rows(map, rows, steps_.back().finish(convolved(steps_.size() - 1, rows)));
    });
    return map;
  }

  // Over the input, whose rows above the next band are lent until it is done.
  Tensor finish_in_place() {
    const std::int64_t height = input_.map().dim(1);
    each_band(steps_.back().output, [&](const Rows& rows) {
      const Tensor residual = input_.rows(rows);
      const Tensor band = steps_.back().finish(convolved(steps_.size() - 1, rows), residual);
      const Rows next{rows.end, std::min(rows.end + 1, height)};
      input_.overwrite(first_ == 0 && next.count() > 0 ? std::min(first_input_row(next), rows.end) : rows.end,
                       rows.end);
      write_rows(input_.map(), rows, band);
    });
    return input_.map();
  }

  // Of the section's input, for these rows of its result.
  std::int64_t first_input_row(const Rows& rows) const {
    Rows wanted = rows;
    for (std::size_t j = steps_.size(); j-- > 0;)
      wanted = steps_[j].stage->input_rows(wanted, steps_[j].input);
    return wanted.begin;
  }

  bool residual_;
  Lender input_;
  std::int64_t image_height_;
  BandOptions options_;
  std::vector<Step> steps_;
  Tensor kept_;            // the map before the norm of step first_ - 1
  std::size_t first_ = 0;  // the next step to compute from what is there
};

}  // namespace

Tensor forward_in_bands(const BandNetwork& network, const Tensor& image, const BandOptions& options) {
  check(options.rows >= 1, "bands: got ", options.rows, " rows, expected at least 1");
  check(image.rank() == 4, "bands: got an image of shape ", image.shape(), ", expected (N,H,W,3)");
  Context& context = image.context();
  const NoGrad no_grad(context);
  Tensor x = to_compute_type(image);
  for (const BandSection& section : network.sections) {
    // The image is needed again at the end; every other map is its section's to use up.
    const bool shared = &section == &network.sections.front() && section.residual;
    x = SectionRun(section, shared ? x.clone() : std::move(x), image.dim(1), options).run();
    context.allocator().trim();
  }
  Tensor result = x.dtype() == image.dtype() ? x : Tensor::empty(context, image.shape(), image.dtype());
  check(x.shape() == image.shape(), "bands: the network turned ", image.shape(), " into ", x.shape());
  for_each_band(image.dim(1), options.rows, [&](const Rows& rows) {
    write_rows(result, rows, network.result(rows_of(image, rows), cast(rows_of(x, rows), image.dtype())));
  });
  return result;
}

std::vector<std::int64_t> kept_map_sizes(const BandNetwork& network, const Shape& image, DType dtype) {
  std::set<std::int64_t, std::greater<>> sizes;
  MapSize size{image[1], image[2], image[3]};
  for (const BandSection& section : network.sections) {
    for (const BandStage& stage : section.stages) {
      size = stage.output_size(size);
      if (stage.norm() == nullptr || !stage.norm()->measures_input()) continue;
      sizes.insert(image[0] * size.height * size.width * size.channels * size_of(dtype));
    }
  }
  return {sizes.begin(), sizes.end()};
}

}  // namespace dg
