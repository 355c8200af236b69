// Histograms of an evaluation's page, as SVG.
#pragma once

#include <string>
#include <vector>

#include "models/evaluation_summary.h"

namespace dg {

// The values of blurred and restored pictures side by side, 20 bins from the lowest to the highest. Infinite values are
// counted in the caption. Empty where no picture has a finite value.
std::string score_histogram(const Evaluation& evaluation, std::size_t metric);

// restored - blurred.
std::string gain_histogram(const Evaluation& evaluation, std::size_t metric);

}  // namespace dg
