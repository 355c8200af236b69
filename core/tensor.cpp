#include "core/tensor.h"

#include "core/autograd.h"

namespace dg {

// A block of device memory with its owner.
class Storage {
 public:
  Storage(Context& context, std::int64_t bytes)
      : context_(&context),
        allocator_(context.shared_allocator()),
        bytes_(bytes),
        data_(allocator_->allocate(bytes)) {}
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  ~Storage() { allocator_->release(data_, bytes_); }

  Context& context() const { return *context_; }
  void* data() const { return data_; }

 private:
  Context* context_;
  std::shared_ptr<CachingAllocator> allocator_;
  std::int64_t bytes_;
  void* data_;
};

Tensor Tensor::empty(Context& context, const Shape& shape, DType dtype) {
  Tensor out;
  out.shape_ = shape;
  out.dtype_ = dtype;
  out.storage_ = std::make_shared<Storage>(context, shape.numel() * size_of(dtype));
  return out;
}

Tensor Tensor::full(Context& context, const Shape& shape, double value, DType dtype) {
  Tensor out = empty(context, shape, dtype);
  out.fill_(value);
  return out;
}

Tensor Tensor::zeros(Context& context, const Shape& shape, DType dtype) {
  return full(context, shape, 0.0, dtype);
}
Tensor Tensor::ones(Context& context, const Shape& shape, DType dtype) {
  return full(context, shape, 1.0, dtype);
}

namespace {

template <typename T>
Tensor upload(Context& context, const Shape& shape, std::span<const T> values, DType dtype) {
  check(static_cast<std::int64_t>(values.size()) == shape.numel(), "from_host: ", values.size(),
        " values for shape ", shape);
  Tensor staged = Tensor::empty(context, shape, DTypeOf<T>::value);
  context.backend().copy(staged.mutable_array().data, values.data(), staged.bytes(),
                         CopyDirection::host_to_device);
  if (dtype == staged.dtype()) return staged;
  Tensor out = Tensor::empty(context, shape, dtype);
  context.backend().cast(staged.array(), out.mutable_array(), out.numel());
  return out;
}

template <typename T>
std::vector<T> download(const Tensor& x) {
  Tensor source = x;
  if (x.dtype() != DTypeOf<T>::value) {
    source = Tensor::empty(x.context(), x.shape(), DTypeOf<T>::value);
    x.backend().cast(x.array(), source.mutable_array(), x.numel());
  }
  std::vector<T> out(static_cast<std::size_t>(x.numel()));
  x.backend().copy(out.data(), source.array().data, source.bytes(), CopyDirection::device_to_host);
  x.backend().synchronize();
  return out;
}

}  // namespace

Tensor Tensor::from_host(Context& context, const Shape& shape, std::span<const float> values, DType dtype) {
  return upload(context, shape, values, dtype);
}

Tensor Tensor::from_host(Context& context, const Shape& shape, std::span<const double> values, DType dtype) {
  return upload(context, shape, values, dtype);
}

Tensor Tensor::uniform(Context& context, const Shape& shape, DType dtype) {
  Tensor out = empty(context, shape, dtype);
  context.backend().random_uniform(context.random().take(out.numel()), out.mutable_array(), out.numel());
  return out;
}

Tensor Tensor::normal(Context& context, const Shape& shape, DType dtype) {
  Tensor out = empty(context, shape, dtype);
  context.backend().random_normal(context.random().take(out.numel()), out.mutable_array(), out.numel());
  return out;
}

Context& Tensor::context() const {
  check(defined(),
        "an undefined tensor was used; pass a tensor that was made by Tensor::zeros, from_host or an op");
  return storage_->context();
}

ConstArray Tensor::array() const { return {defined() ? storage_->data() : nullptr, dtype_}; }

Array Tensor::mutable_array() { return {defined() ? storage_->data() : nullptr, dtype_}; }

std::vector<float> Tensor::to_floats() const { return download<float>(*this); }
std::vector<double> Tensor::to_doubles() const { return download<double>(*this); }

double Tensor::item() const {
  check(numel() == 1, "item: expected a tensor with one element, got ", shape_);
  return to_doubles().front();
}

void Tensor::copy_from(const Tensor& source) {
  check(source.shape() == shape_, "copy_from: source is ", source.shape(), ", target is ", shape_);
  check(&source.context() == &context(),
        "copy_from: the tensors belong to different contexts; go through the host");
  backend().cast(source.array(), mutable_array(), numel());
}

void Tensor::fill_(double value) { backend().fill(mutable_array(), numel(), value); }

Tensor Tensor::clone() const {
  Tensor out = empty(context(), shape_, dtype_);
  out.copy_from(*this);
  return out;
}

Tensor& Tensor::set_requires_grad(bool requires_grad) {
  check(is_leaf(), "set_requires_grad: the tensor is the result of a recorded op; detach() it first");
  if (requires_grad && !meta_) {
    meta_ = std::make_shared<GradMeta>();
    meta_->context = &context();
  } else if (!requires_grad) {
    meta_.reset();
  }
  return *this;
}

bool Tensor::requires_grad() const { return meta_ != nullptr; }
bool Tensor::is_leaf() const { return meta_ == nullptr || meta_->node == nullptr; }
Tensor Tensor::grad() const { return meta_ ? meta_->grad : Tensor(); }

void Tensor::set_grad(Tensor grad) {
  check(meta_ != nullptr, "set_grad: the tensor does not require a gradient");
  check(!grad.defined() || grad.shape() == shape_, "set_grad: gradient is ", grad.shape(), ", tensor is ",
        shape_);
  meta_->grad = std::move(grad);
}

Tensor Tensor::detach() const {
  Tensor out = *this;
  out.meta_.reset();
  return out;
}

Tensor Tensor::view_as(const Shape& shape) const {
  check(shape.numel() == numel(), "reshape: ", shape_, " has ", numel(), " elements, ", shape, " needs ",
        shape.numel());
  Tensor out = detach();
  out.shape_ = shape;
  return out;
}

}  // namespace dg
