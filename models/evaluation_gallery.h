// The pictures of an evaluation's page: a thumbnail of every image while there is room, and the cases that gained and
// lost most, as JPEG. Memory stays bounded however long the evaluation is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "models/evaluation.h"

namespace dg {

struct GalleryOptions {
  std::size_t cases = 6;          // at each end
  std::int64_t case_width = 480;  // of the window shown, in pixels of the picture, never scaled
  std::int64_t case_height = 360;
  std::size_t thumbnails = 250;  // images that get one
  std::int64_t thumbnail_height = 48;
};

using Jpeg = std::vector<std::uint8_t>;

struct GalleryCase {
  std::size_t index = 0;  // of the image, in the order of add()
  double gain = 0.0;      // restored - blurred, of the protocol's first metric
  std::int64_t x = 0;     // of the window in the picture
  std::int64_t y = 0;
  std::int64_t width = 0;
  std::int64_t height = 0;
  Jpeg blurred;
  Jpeg restored;
  Jpeg sharp;
};

class EvaluationGallery {
 public:
  explicit EvaluationGallery(GalleryOptions options = {}) : options_(options) {}

  // Images in the order in which they stand in the Evaluation. A case shows the window in which blurred and sharp
  // differ most.
  void add(const MeasuredPair& pair);

  // Ends of the order by gain, most extreme first; together at most all images, none twice.
  std::vector<const GalleryCase*> best() const;
  std::vector<const GalleryCase*> worst() const;

  // blurred | restored | sharp; empty where there is none.
  const Jpeg& thumbnail(std::size_t index) const;

 private:
  GalleryOptions options_;
  std::size_t added_ = 0;
  std::multimap<double, GalleryCase> cases_;  // by gain; those in the middle are dropped
  std::vector<Jpeg> thumbnails_;
};

}  // namespace dg
