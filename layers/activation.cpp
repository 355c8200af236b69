// Activations as modules.
#include "layers/activation.h"

#include <ostream>
#include <sstream>

#include "core/ops.h"

namespace dg {

Tensor activate(const Tensor& x, const Epilogue& epilogue) {
  switch (epilogue.activation) {
    case Activation::none: return x;
    case Activation::leaky_relu: return leaky_relu(x, epilogue.slope);
    case Activation::tanh: return tanh(x);
  }
  fail("activation: got the value ", static_cast<int>(epilogue.activation), " outside the enumeration");
}

void print_epilogue(std::ostream& out, const Epilogue& epilogue) {
  switch (epilogue.activation) {
    case Activation::none: return;
    case Activation::tanh: out << ", tanh"; return;
    case Activation::leaky_relu:
      if (epilogue.slope == 0.0) {
        out << ", ReLU";
      } else {
        out << ", leaky ReLU " << epilogue.slope;
      }
  }
}

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

LeakyReLU::LeakyReLU(Context& context, double slope) : Module(context), slope_(slope) {
  check(slope >= 0.0, "LeakyReLU: got slope ", slope, ", give one that is not negative");
}

Tensor LeakyReLU::forward(const Tensor& x) { return leaky_relu(x, slope_); }

std::string LeakyReLU::details() const {
  std::ostringstream out;
  out << "slope " << slope_;
  return out.str();
}

Tensor Tanh::forward(const Tensor& x) { return tanh(x); }

Tensor Sigmoid::forward(const Tensor& x) { return sigmoid(x); }

Clamp::Clamp(Context& context, double low, double high) : Module(context), low_(low), high_(high) {
  check(low < high, "Clamp: got the range [", low, ", ", high, "], give a low end below the high one");
}

Tensor Clamp::forward(const Tensor& x) { return clamp(x, low_, high_); }

std::string Clamp::details() const {
  std::ostringstream out;
  out << "[" << low_ << ", " << high_ << "]";
  return out.str();
}

}  // namespace dg
