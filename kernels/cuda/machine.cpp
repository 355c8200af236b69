#include "kernels/cuda/machine.h"

namespace dg::DG_TARGET {

Workspace::~Workspace() {
  for (const Buffer& b : buffers_) runtime_.deallocate(b.memory, b.bytes);
}

void* Workspace::bytes(std::int64_t count) {
  if (buffers_.empty() || buffers_.back().bytes < count) {
    // A captured graph may hold the address of any buffer that was ever handed out, so they are kept; growing by half
    // at least bounds what they add up to.
    const std::int64_t wanted = buffers_.empty() ? count : std::max(count, buffers_.back().bytes * 3 / 2);
    buffers_.reserve(buffers_.size() + 1);
    buffers_.push_back({runtime_.allocate(wanted), wanted});
  }
  return buffers_.back().memory;
}

std::int64_t Workspace::held_bytes() const {
  std::int64_t sum = 0;
  for (const Buffer& b : buffers_) sum += b.bytes;
  return sum;
}

ReplayMemory::ReplayMemory(Runtime& runtime)
    : runtime_(runtime), values_(static_cast<ReplayValues*>(runtime.allocate(sizeof(ReplayValues)))) {}

ReplayMemory::~ReplayMemory() { runtime_.deallocate(values_, sizeof(ReplayValues)); }

void ReplayMemory::upload(const ReplayInputs& inputs, int adam_calls) {
  check(static_cast<int>(inputs.adam.size()) == adam_calls, "replay: the graph was captured with ",
        adam_calls, " optimizer steps, got the options of ", inputs.adam.size());
  ReplayValues values;
  values.random_shift = inputs.random_shift;
  for (std::size_t i = 0; i < inputs.adam.size(); ++i) values.adam[i] = adam_scalars(inputs.adam[i]);
  runtime_.copy(values_, &values, sizeof(values), CopyDirection::host_to_device);
}

const std::uint64_t* ReplayMemory::random_shift() const {
  return runtime_.capturing() ? &values_->random_shift : nullptr;
}

const AdamScalars* ReplayMemory::next_adam() {
  if (!runtime_.capturing()) return nullptr;
  check(adam_calls_ < kMaxAdamCalls, "a graph holds at most ", kMaxAdamCalls, " optimizer steps");
  return &values_->adam[adam_calls_++];
}

#if defined(DG_EMULATED)
std::unique_ptr<cuda::Cudnn> load_cudnn(Runtime& /*runtime*/, const CudaOptions& options) {
  check(
      options.conv_tier != CudaConvTier::cudnn,
      "conv_tier cudnn: cuDNN needs a GPU, and the device 'cuda-emulated' is none; use our own convolutions, "
      "or the device 'cuda'");
  return nullptr;
}
#else
std::unique_ptr<cuda::Cudnn> load_cudnn(Runtime& runtime, const CudaOptions& options) {
  if (options.conv_tier != CudaConvTier::cudnn) return nullptr;
  return std::make_unique<Cudnn>("", runtime.stream());
}
#endif

}  // namespace dg::DG_TARGET
