// Padding as modules.
#include "layers/padding.h"

#include <sstream>

#include "core/ops.h"

namespace dg {

Pad2d::Pad2d(Context& context, Padding2d padding, PadMode mode)
    : Module(context), padding_(padding), mode_(mode) {
  check(padding.top >= 0 && padding.bottom >= 0 && padding.left >= 0 && padding.right >= 0,
        "Pad2d: got padding ", padding.top, ", ", padding.bottom, ", ", padding.left, ", ", padding.right,
        ", give four numbers that are not negative");
}

Tensor Pad2d::forward(const Tensor& x) { return pad2d(x, padding_, mode_); }

std::string Pad2d::details() const {
  std::ostringstream out;
  if (padding_ == Padding2d::all(padding_.top)) {
    out << padding_.top;
  } else {
    out << padding_.top << "/" << padding_.bottom << "/" << padding_.left << "/" << padding_.right;
  }
  return out.str();
}

}  // namespace dg
