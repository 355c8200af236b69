// A network as a chain that can be computed band by band.
#pragma once

#include <functional>
#include <vector>

#include "models/bands/stage.h"

namespace dg {

// x -> stages(x), or x + stages(x). Between two sections the whole map is held, within one only bands of it.
struct BandSection {
  std::vector<BandStage> stages;
  bool residual = false;
};

struct BandNetwork {
  std::vector<BandSection> sections;
  // The network's result from its image and the last section's, pixel by pixel: (image, x) -> result, each
  // (N, rows, W, 3).
  std::function<Tensor(const Tensor& image, const Tensor& x)> result;
};

// A generator whose rows depend on rows near them, but for the statistics of its norms.
class Banded {
 public:
  Banded() = default;
  Banded(const Banded&) = delete;
  Banded& operator=(const Banded&) = delete;
  virtual ~Banded() = default;

  // The same function as the module's forward in eval mode. Throws Error where it is none of the rows alone: with
  // dropout at test, which draws by position. The modules are the generator's own.
  virtual BandNetwork bands() = 0;
};

}  // namespace dg
