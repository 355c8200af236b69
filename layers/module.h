// Module: a function with named parameters, buffers and children.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace dg {

class Module;

struct NamedTensor {
  std::string name;  // dotted path from the module asked: "blocks.0.conv1.weight"
  Tensor tensor;
};

struct NamedModule {
  std::string name;  // "" for the module asked
  Module* module = nullptr;
};

// What a parameter does in its layer; initialisers (layers/init.h) go by this.
enum class ParameterRole : std::uint8_t {
  weight,  // of a convolution or a dense layer
  bias,    // added: of those, and beta of a normalisation
  scale,   // gamma of a normalisation
  other,   // left alone by initialisers
};

struct ParameterInfo {
  ParameterRole role = ParameterRole::other;
  std::int64_t fan_in = 0;   // weights: products summed into one output element
  std::int64_t fan_out = 0;  // weights: output elements that one input element reaches
};

struct Parameter {
  std::string name;  // within its module, without a dot
  Tensor tensor;
  ParameterInfo info;
  // The tensor's place on the tape, kept while the module is frozen: freezing and thawing leaves the
  // gradients of handles that an optimizer took before in place.
  std::shared_ptr<GradMeta> leaf;
};

// Checkpoints, summaries, graphs and drawings all walk the names registered here, in order of registration.
class Module {
 public:
  explicit Module(Context& context) : context_(&context) {}
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  Tensor operator()(const Tensor& x);  // forward, then tells the context's observer

  // The kind of layer, as drawings and summaries print it: "Conv2d".
  virtual std::string kind() const = 0;
  // One line of options for summaries: "3->64, 7x7". Empty where there is nothing to say.
  virtual std::string details() const { return {}; }
  // Of one forward, given what came in and went out; children not included.
  virtual std::int64_t multiply_adds(const Shape& input, const Shape& output) const;
  // How the device computes the forward that took x to y: "winograd". Empty for layers that it computes in one way only.
  virtual std::string algorithm(const Tensor& x, const Tensor& y) const;

  Context& context() const { return *context_; }

  std::vector<NamedTensor> parameters() const;  // trained; of this module and all below
  std::vector<NamedTensor> buffers() const;     // saved but not trained: running statistics
  std::vector<NamedTensor> state() const;       // parameters, then buffers
  std::vector<NamedModule> modules();           // this and all below, depth first
  const std::vector<std::pair<std::string, Module*>>& children() const { return children_; }
  std::int64_t parameter_count() const;  // elements of parameters() and buffers()

  // Of this module alone.
  const std::vector<std::unique_ptr<Parameter>>& own_parameters() const { return parameters_; }
  const std::vector<std::pair<std::string, std::unique_ptr<Tensor>>>& own_buffers() const { return buffers_; }

  // Dropout and batch norm behave differently while training. Reaches all children.
  void train(bool training = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  // A network whose parameters do not require gradients is still differentiated with respect to its input.
  void set_requires_grad(bool requires_grad);
  void zero_grad();

  // Converts all parameters and buffers. Tensors and optimizers taken from this
  // module before hold the old ones.
  void to(DType dtype);

 protected:
  virtual Tensor forward(const Tensor& x) = 0;
  // Tells the context's observer of a forward from x to y, and returns y.
  Tensor observed(const Tensor& x, Tensor y) const;

  // Names are unique within a module, not empty and contain no dot; else Error. The child must
  // live as long as this module. The references stay valid, and show the new tensor after to().
  // The parameter will require a gradient.
  Tensor& register_parameter(std::string name, Tensor tensor, ParameterInfo info = {});
  Tensor& register_buffer(std::string name, const Tensor& tensor);
  void register_child(std::string name, Module& child);

 private:
  void check_name(const std::string& name) const;
  void collect_parameters(const std::string& prefix, std::vector<NamedTensor>& all) const;
  void collect_buffers(const std::string& prefix, std::vector<NamedTensor>& all) const;
  void collect_modules(const std::string& name, std::vector<NamedModule>& all);

  Context* context_;
  std::vector<std::unique_ptr<Parameter>> parameters_;
  std::vector<std::pair<std::string, std::unique_ptr<Tensor>>> buffers_;
  std::vector<std::pair<std::string, Module*>> children_;
  bool training_ = true;
};

}  // namespace dg
