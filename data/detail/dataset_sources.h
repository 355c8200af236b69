// The pair sources behind open_dataset: real pairs, strips, synthesised blur,
// procedural scenes, and mixtures.
#pragma once

#include <memory>
#include <vector>

#include "data/dataset.h"
#include "data/detail/dataset_layout.h"
#include "data/detail/picture_cache.h"
#include "data/pair_source.h"

namespace dg {

// The source for a listing without errors. The cache may be shared between sources.
std::unique_ptr<PairSource> make_file_source(DatasetListing listing, const SynthesisOptions& synthesis,
                                             std::shared_ptr<PictureCache> cache);

std::unique_ptr<PairSource> make_procedural_source(const ProceduralOptions& procedural,
                                                   const SynthesisOptions& synthesis, Split split);

struct WeightedSource {
  std::unique_ptr<PairSource> source;
  double weight = 1.0;
};

// Needs at least one source; weights are positive.
std::unique_ptr<PairSource> make_mixture_source(std::vector<WeightedSource> sources);

}  // namespace dg
