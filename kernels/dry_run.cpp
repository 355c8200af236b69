#include "kernels/dry_run.h"

#include <algorithm>
#include <cstring>

namespace dg {
namespace {

class CountingBackend final : public DryRunBackend {
 public:
  explicit CountingBackend(std::shared_ptr<const Backend> device) : device_(std::move(device)) {}

  std::int64_t peak_bytes() const override { return peak_; }

  std::string name() const override { return device_->name(); }
  std::string description() const override { return device_->description() + ", dry run"; }

  void* allocate(std::int64_t bytes) override {
    constexpr std::uintptr_t kAlignment = 64;
    const std::uintptr_t address = next_address_;
    next_address_ += (static_cast<std::uintptr_t>(bytes) / kAlignment + 1) * kAlignment;
    held_ += bytes;
    note_peak();
    return reinterpret_cast<void*>(address);  // NOLINT: nobody looks behind it
  }
  void deallocate(void* /*memory*/, std::int64_t bytes) noexcept override { held_ -= bytes; }
  void copy(void* target, const void* /*source*/, std::int64_t bytes, CopyDirection direction) override {
    if (direction == CopyDirection::device_to_host && bytes > 0) {
      std::memset(target, 0, static_cast<std::size_t>(bytes));
    }
  }
  void synchronize() override {}
  std::int64_t workspace_bytes() const override { return scratch_; }
  std::int64_t available_bytes() const override { return device_->available_bytes(); }

  void conv2d(ConstArray x, ConstArray /*weight*/, ConstArray /*bias*/, Array /*y*/, const Conv2dShape& shape,
              const Epilogue& /*epilogue*/) override {
    use_scratch(device_->conv2d_scratch_bytes(ConvPass::forward, x.dtype, shape));
  }
  bool has_conv2d_fused(DType dtype) const override { return device_->has_conv2d_fused(dtype); }
  bool infers_in_float32() const override { return device_->infers_in_float32(); }
  void conv2d_fused(ConstArray, ConstArray, ConstArray, Array, const Conv2dShape& shape,
                    const ConvFusion& fusion) override {
    use_scratch(device_->conv2d_fused_scratch_bytes(shape, fusion));
  }
  void moments(ConstArray, Array, Array, const NormShape&) override {}
  void scale_shift(ConstArray, ConstArray, ConstArray, ConstArray, Array, const NormShape&,
                   const Epilogue&) override {}
  void conv2d_grad_input(ConstArray dy, ConstArray /*weight*/, ConstArray /*bias*/, Array /*dx*/,
                         const Conv2dShape& shape) override {
    use_scratch(device_->conv2d_scratch_bytes(ConvPass::grad_input, dy.dtype, shape));
  }
  void conv2d_grad_weight(ConstArray x, ConstArray /*dy*/, Array /*dw*/, const Conv2dShape& shape) override {
    use_scratch(device_->conv2d_scratch_bytes(ConvPass::grad_weight, x.dtype, shape));
  }
  std::string conv2d_algorithm(ConvPass pass, DType dtype, const Conv2dShape& shape) const override {
    return device_->conv2d_algorithm(pass, dtype, shape);
  }
  std::int64_t conv2d_scratch_bytes(ConvPass pass, DType dtype, const Conv2dShape& shape) const override {
    return device_->conv2d_scratch_bytes(pass, dtype, shape);
  }
  std::int64_t conv2d_fused_scratch_bytes(const Conv2dShape& shape, const ConvFusion& fusion) const override {
    return device_->conv2d_fused_scratch_bytes(shape, fusion);
  }

  void fill(Array, std::int64_t, double) override {}
  void cast(ConstArray, Array, std::int64_t) override {}
  void unary(UnaryOp, ConstArray, Array, std::int64_t, double, double) override {}
  void binary(BinaryOp, ConstArray, ConstArray, Array, const BroadcastShape&, double, double) override {}
  void copy_2d(ConstArray, Array, const Copy2dShape&) override {}
  void sum(ConstArray, Array, const ReduceShape&) override {}
  void expand(ConstArray, Array, const ReduceShape&) override {}
  void matmul(ConstArray, ConstArray, Array, const MatmulShape&) override {}
  void pad2d(ConstArray, Array, const Pad2dShape&) override {}
  void pad2d_grad(ConstArray, Array, const Pad2dShape&) override {}
  void upsample_nearest(ConstArray, Array, const Upsample2dShape&) override {}
  void upsample_nearest_grad(ConstArray, Array, const Upsample2dShape&) override {}
  void max_pool2d(ConstArray, Array, std::int32_t*, const Pool2dShape&) override {}
  void max_pool2d_scatter(ConstArray, const std::int32_t*, Array, const Pool2dShape&) override {}
  void max_pool2d_gather(ConstArray, const std::int32_t*, Array, const Pool2dShape&) override {}
  void norm(ConstArray, ConstArray, ConstArray, ConstArray, Array, Array, Array, double, const NormShape&,
            const Epilogue&) override {}
  void norm_grad(ConstArray, ConstArray, ConstArray, ConstArray, ConstArray, ConstArray, Array, Array, Array,
                 double, const NormShape&, const Epilogue&) override {}
  void random_uniform(PhiloxState, Array, std::int64_t) override {}
  void random_normal(PhiloxState, Array, std::int64_t) override {}
  void dropout(PhiloxState, ConstArray, Array, std::int64_t, double) override {}
  void adam(std::span<const AdamTensor>, const AdamOptions&) override {}
  void ema(std::span<const EmaTensor>, double) override {}
  void image_to_float(const std::uint8_t*, Array, std::int64_t) override {}
  void float_to_image(ConstArray, std::uint8_t* y, std::int64_t n) override {
    if (n > 0) std::memset(y, 0, static_cast<std::size_t>(n));
  }

 private:
  // A device keeps its largest scratch memory for the next call.
  void use_scratch(std::int64_t bytes) {
    scratch_ = std::max(scratch_, bytes);
    note_peak();
  }
  void note_peak() { peak_ = std::max(peak_, held_ + scratch_); }

  std::shared_ptr<const Backend> device_;
  std::uintptr_t next_address_ = 64;
  std::int64_t held_ = 0;
  std::int64_t scratch_ = 0;
  std::int64_t peak_ = 0;
};

}  // namespace

std::unique_ptr<DryRunBackend> make_dry_run_backend(std::shared_ptr<const Backend> device) {
  return std::make_unique<CountingBackend>(std::move(device));
}

}  // namespace dg
