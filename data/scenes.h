// Procedural sharp pictures: training data without a single file.
//
// The dead-leaves model (Matheron 1968; Lee, Mumford, Huang, "Occlusion models for natural images",
// IJCV 2001): random opaque shapes pile up, their radii distributed as r^-3, which makes the statistics
// independent of scale as those of photographs are. In the spirit of R. Achddou et al., "VibrantLeaves:
// A principled parametric image generator for training deep restoration models", arXiv:2504.10201,
// the leaves are not only disks, they carry textures seen in perspective, and lie at different depths:
// nearer ones shade those behind.
#pragma once

#include <cstdint>

#include "data/image.h"
#include "data/random_stream.h"

namespace dg {

struct SceneOptions {
  double min_radius = 1.5;         // pixels; drawn per scene, log-uniformly from [min_radius, 6 min_radius]
  double max_radius_share = 0.45;  // the largest leaf's radius as a share of the picture's longer side
  double exponent = 3.0;  // radii are distributed as r^-k, k per scene from [exponent - 0.6, exponent]
};

// A sharp RGB picture, sRGB-encoded, values in 0..1. A pure function of its arguments and the stream's state.
// Throws Error if a side is below 1 or the options are out of range.
FloatImage render_scene(std::int64_t width, std::int64_t height, RandomStream& stream,
                        const SceneOptions& options = {});

}  // namespace dg
