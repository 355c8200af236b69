// Dropout decides when to drop; the op draws.
#include "layers/dropout.h"

#include <sstream>

#include "core/ops.h"

namespace dg {

Dropout::Dropout(Context& context, DropoutConfig config) : Module(context), config_(config) {
  check(config.rate >= 0.0 && config.rate < 1.0, "Dropout: got rate ", config.rate, ", give one in [0, 1)");
}

Tensor Dropout::forward(const Tensor& x) {
  const bool active = config_.rate > 0.0 && (training() || config_.always);
  return active ? dropout(x, config_.rate) : x;
}

std::string Dropout::details() const {
  std::ostringstream out;
  out << "rate " << config_.rate;
  if (config_.always) out << ", always";
  return out.str();
}

}  // namespace dg
