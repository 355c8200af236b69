// Tensor: a dense n-dimensional array on a Context's device, with a place on the tape.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/context.h"
#include "core/shape.h"
#include "kernels/types.h"

namespace dg {

struct GradMeta;  // core/autograd.h: the tensor's place on the tape
class Storage;

// A handle: copies share storage and history. Row-major; images and features are NHWC. Ops never change their
// operands; only copy_from, fill_ and the optimizers write into existing storage.
class Tensor {
 public:
  Tensor() = default;  // no tensor: defined() is false

  static Tensor empty(Context& context, const Shape& shape, DType dtype = DType::float32);
  static Tensor full(Context& context, const Shape& shape, double value, DType dtype = DType::float32);
  static Tensor zeros(Context& context, const Shape& shape, DType dtype = DType::float32);
  static Tensor ones(Context& context, const Shape& shape, DType dtype = DType::float32);
  // Host values, converted to `dtype`. Throws Error if their number is not shape.numel().
  static Tensor from_host(Context& context, const Shape& shape, std::span<const float> values,
                          DType dtype = DType::float32);
  static Tensor from_host(Context& context, const Shape& shape, std::span<const double> values,
                          DType dtype = DType::float64);
  // Draws from the context's generator.
  static Tensor uniform(Context& context, const Shape& shape, DType dtype = DType::float32);  // in (0, 1)
  static Tensor normal(Context& context, const Shape& shape, DType dtype = DType::float32);   // N(0, 1)

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  std::int64_t dim(int d) const { return shape_[d]; }
  std::int64_t numel() const { return shape_.numel(); }
  std::int64_t bytes() const { return numel() * size_of(dtype_); }
  DType dtype() const { return dtype_; }
  Context& context() const;
  Backend& backend() const { return context().backend(); }

  ConstArray array() const;  // for kernels
  Array mutable_array();     // writes are visible to every handle of this storage

  // Values on the host, converted; waits for the device.
  std::vector<float> to_floats() const;
  std::vector<double> to_doubles() const;
  double item() const;  // of a tensor with one element

  // Overwrite the storage in place. Shapes must agree; the element type is converted.
  void copy_from(const Tensor& source);
  void fill_(double value);
  Tensor clone() const;  // own storage, no history

  // ---- tape ----
  // Leaves: `set_requires_grad(true)` makes backward() accumulate into grad().
  Tensor& set_requires_grad(bool requires_grad);
  bool requires_grad() const;
  bool is_leaf() const;
  Tensor grad() const;  // undefined until a backward reached it
  void set_grad(Tensor grad);
  // The same storage without history.
  Tensor detach() const;

  const std::shared_ptr<GradMeta>& grad_meta() const { return meta_; }
  void set_grad_meta(std::shared_ptr<GradMeta> meta) { meta_ = std::move(meta); }
  // The same storage under another shape, without history; core/ops.h has the differentiable reshape.
  Tensor view_as(const Shape& shape) const;

 private:
  std::shared_ptr<Storage> storage_;
  Shape shape_;
  DType dtype_ = DType::float32;
  std::shared_ptr<GradMeta> meta_;
};

}  // namespace dg
